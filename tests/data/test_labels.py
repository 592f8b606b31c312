import numpy as np
import pytest

from avloc.data.labels import Labels, labels_path, read_labels, write_labels
from avloc.data.store import Store
from avloc.errors import DataError
from tests.engine.tiny import make_tiny_store


@pytest.fixture
def store(tmp_path) -> Store:
    return Store.open(make_tiny_store(tmp_path / "store")).split("train")


def scores_for(store: Store, classes: int = 3) -> np.ndarray:
    return np.random.default_rng(0).random((len(store), classes), np.float32)


def test_labels_written_are_read_back_in_store_order(store):
    sound, frame = scores_for(store), 1 - scores_for(store)
    path = write_labels(store, "tags", Labels(("a", "b", "c"), sound, frame))
    kept = dict(np.load(path))
    order = np.random.default_rng(1).permutation(len(store))
    np.savez(path, classes=kept["classes"], **{key: kept[key][order] for key in ("ids", "sound", "frame")})

    found = read_labels(store, "tags")
    assert found.classes == ("a", "b", "c")
    np.testing.assert_array_equal(found.sound, sound)
    np.testing.assert_array_equal(found.frame, frame)


def test_missing_labels_name_the_ones_there_are(store):
    write_labels(store, "tags", Labels(("a", "b", "c"), scores_for(store), scores_for(store)))
    with pytest.raises(DataError, match="no such pseudo labels; it has tags; `avloc pseudo-labels`"):
        read_labels(store, "tag")


def test_a_clip_without_label_is_refused_and_named(store):
    path = write_labels(store, "tags", Labels(("a", "b", "c"), scores_for(store), scores_for(store)))
    kept = dict(np.load(path))
    np.savez(path, classes=kept["classes"], **{key: kept[key][1:] for key in ("ids", "sound", "frame")})
    with pytest.raises(DataError, match=f"1 of {len(store)} clips have no pseudo label, such as {store.ids[0]}"):
        read_labels(store, "tags")


@pytest.mark.parametrize(("value", "message"), [(np.nan, "is nan"), (1.5, "is 1.5"), (-0.1, "is -0.1")])
def test_scores_that_are_none_are_refused(store, value, message):
    sound = scores_for(store)
    sound[2, 1] = value
    with pytest.raises(DataError, match=f"sound score of row 2, class 1 {message}.*expected 0 to 1"):
        write_labels(store, "tags", Labels(("a", "b", "c"), sound, scores_for(store)))
    assert not labels_path(store, "tags").exists()


def test_scores_of_another_shape_are_refused(store):
    with pytest.raises(DataError, match=r"frame scores are .*expected"):
        write_labels(store, "tags", Labels(("a", "b", "c"), scores_for(store), scores_for(store, 2)))


def test_a_truncated_file_is_refused(store):
    path = write_labels(store, "tags", Labels(("a", "b", "c"), scores_for(store), scores_for(store)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match="incomplete pseudo labels"):
        read_labels(store, "tags")


def test_proposals_are_kept_with_the_labels(store):
    scores = scores_for(store)
    boxes = np.random.default_rng(1).random((len(store), 2, 4, 4), np.float32)
    kinds = np.random.default_rng(2).integers(-1, 3, (len(store), 2, 4))
    path = write_labels(store, "boxes", Labels(("a", "b", "c"), scores, scores, boxes, kinds))
    kept = dict(np.load(path))
    order = np.random.default_rng(1).permutation(len(store))
    np.savez(path, **{key: value if key == "classes" else value[order] for key, value in kept.items() if value.ndim})
    found = read_labels(store, "boxes")
    np.testing.assert_array_equal(found.proposals, boxes)
    np.testing.assert_array_equal(found.proposal_classes, kinds)
