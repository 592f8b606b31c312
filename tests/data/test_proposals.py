import json

import h5py
import numpy as np
import pytest

from avloc.data.proposals import read_proposals
from avloc.data.store import Store
from avloc.errors import DataError
from tests.engine.tiny import make_tiny_store


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store.open(make_tiny_store(tmp_path_factory.mktemp("data") / "store")).split("test")


def boxes_of(store: Store, boxes: int = 3) -> np.ndarray:
    low = np.random.default_rng(0).random((len(store), store.frames_per_clip, boxes, 2), np.float32) * 0.5
    return np.concatenate([low, low + 0.25], axis=3)


def test_every_kind_of_file_gives_the_boxes_of_the_split(store, tmp_path):
    boxes, order = boxes_of(store), np.random.default_rng(1).permutation(len(store))
    ids = np.array(store.ids)
    np.savez(tmp_path / "b.npz", ids=[*ids[order], "another"], boxes=np.concatenate([boxes[order], boxes[:1]]))
    (tmp_path / "b.json").write_text(json.dumps({ids[n]: boxes[n].tolist() for n in order}))
    with h5py.File(tmp_path / "Roi.h5", "w") as file:
        file["roi"] = boxes
    with h5py.File(tmp_path / "named.h5", "w") as file:
        file["roi"], file["ids"] = boxes[order], [name.encode() for name in ids[order]]
    for name in ("b.npz", "b.json", "Roi.h5", "named.h5"):
        found = read_proposals(tmp_path / name, store)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, boxes, atol=1e-6)


def test_rounding_over_the_edge_is_cut(store, tmp_path):
    boxes = boxes_of(store)
    boxes[0, 0, 0] = (-1e-4, 0, 1.0001, 1)
    np.savez(tmp_path / "b.npz", ids=store.ids, boxes=boxes)
    assert read_proposals(tmp_path / "b.npz", store)[0, 0, 0].tolist() == [0, 0, 1, 1]


def put(value):
    def change(ids, boxes):
        boxes[2, 1, 0] = value
        return ids, boxes

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ids, boxes: (ids[1:], boxes[1:]), "1 of 6 clips of test are missing, such as video_00012"),
        (lambda ids, boxes: ([ids[0], *ids], np.concatenate([boxes[:1], boxes])), "duplicate id"),
        (lambda ids, boxes: (ids[1:], boxes), "5 ids and boxes of 6 clips"),
        (lambda ids, boxes: (ids, boxes[:, :1]), "boxes of 1 frames per clip; .* has 2"),
        (lambda ids, boxes: (ids, boxes[..., :3]), r"\(6, 2, 3, 3\); expected \(clips, frames, boxes, 4\)"),
        (put((0.1, np.nan, 0.5, 0.5)), r"frame 1, box 0 is \(0.1, nan, 0.5, 0.5\); expected left, top"),
        (put((0.1, 0.1, 128, 128)), r"is \(0.1, 0.1, 128, 128\); expected .* \(1 such boxes in all\)"),
        (put((0.5, 0.1, 0.1, 0.5)), r"is \(0.5, 0.1, 0.1, 0.5\)"),
        (put((-0.5, 0.1, 0.1, 0.5)), r"is \(-0.5, 0.1, 0.1, 0.5\)"),
    ],
)
def test_boxes_that_are_none_are_one_line(store, tmp_path, change, message):
    ids, boxes = change(list(store.ids), boxes_of(store))
    np.savez(tmp_path / "b.npz", ids=ids, boxes=boxes)
    with pytest.raises(DataError, match=message) as refused:
        read_proposals(tmp_path / "b.npz", store)
    assert "\n" not in str(refused.value)


def test_coordinates_beyond_float32_are_one_line_without_a_warning(store, tmp_path, recwarn):
    boxes = boxes_of(store).astype(np.float64)
    boxes[1, 0, 2] = (0.1, 0.1, 0.5, 1e300)
    np.savez(tmp_path / "b.npz", ids=store.ids, boxes=boxes)
    (tmp_path / "b.json").write_text(json.dumps(dict(zip(store.ids, boxes.tolist(), strict=True))))
    for name in ("b.npz", "b.json"):
        with pytest.raises(DataError, match=r"frame 0, box 2 is \(0.1, 0.1, 0.5, inf\)"):
            read_proposals(tmp_path / name, store)
    assert not recwarn.list


def test_files_that_are_none_are_one_line(store, tmp_path):
    (tmp_path / "b.json").write_text(json.dumps({store.ids[0]: [[[0, 0, 1, 1]], [[0, 0, 1, 1], [0, 0, 1, 1]]]}))
    (tmp_path / "b.h5").write_text("no")
    np.savez(tmp_path / "b.npz", boxes=boxes_of(store))
    for name in ("b.json", "b.h5", "b.npz", "none.npz"):
        with pytest.raises(DataError, match=f"{name}: cannot be read .*expected a .json") as refused:
            read_proposals(tmp_path / name, store)
        assert "\n" not in str(refused.value)
    with h5py.File(tmp_path / "Roi.h5", "w") as file:
        file["roi"] = boxes_of(store)[:4]
    with pytest.raises(DataError, match=r"boxes of 4 clips without ids; .* test has 6 clips"):
        read_proposals(tmp_path / "Roi.h5", store)
