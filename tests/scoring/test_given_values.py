"""What is given to `score`: text where numbers are wanted is refused in one line, and a single value may be a list of one."""

import numpy as np
import pytest
import torch

import avloc
from avloc.errors import ConfigError, DataError
from avloc.predictions import read_predictions

BOXES = {"a": [[0, 0, 0.5, 0.5]], "b": [[0.2, 0, 0.5, 0.5]], "c": []}
TRUTH = avloc.Truth.of_boxes(BOXES, classes={"a": "x", "b": "y"})
MAPS = np.random.default_rng(0).random((3, 7, 7))
PAIRS = np.random.default_rng(1).random((3, 2, 7, 7))


@pytest.mark.parametrize(
    ("protocol", "maps", "more", "found"),
    [
        ("slavc", MAPS, {"confidence": ["1", "10", "9"]}, "confidence of shape (3,) and type <U2"),
        ("slavc", MAPS, {"confidence": [1, None, 2]}, "confidence of shape (3,) and type object"),
        ("slavc", MAPS, {"confidence": [1, 2, np.nan]}, "none NaN"),
        ("slavc", MAPS, {"confidence": [[1], [2], [3]]}, "confidence of shape (3, 1)"),
        ("slavc", MAPS, {"object_maps": MAPS.astype(str)}, "object_maps of shape (3, 1, 7, 7) and type <U"),
        ("avloc", PAIRS, {"assignment": [["1", "0"], ["0", "1"]]}, "assignment of shape (2, 2) and type <U1"),
        ("avloc", PAIRS, {"classes": [1, 2]}, "classes: 1; expected names"),
        ("avloc", MAPS.astype(object), {}, "type object"),
        ("avloc", MAPS + 1j, {}, "type complex128"),
        ("vssl-eval", MAPS, {"negative_maps": {"silence": MAPS.astype(str)}}, "maps of silence of shape"),
        ("vssl-eval", MAPS, {"negative_maps": {"noise": MAPS}, "thresholds": {"maxq3": "0.4"}}, "maxq3 is '0.4'"),
        ("avloc", MAPS, {"resamples": -1}, "resamples -1; expected a whole number, 0 or more"),
        ("avloc", MAPS, {"resamples": 10.5}, "resamples 10.5; expected a whole number"),
        ("avloc", MAPS, {"resamples": "10"}, "resamples '10'; expected a whole number"),
        ("avloc", MAPS, {"resamples": 10, "seed": -1}, "seed -1; expected a whole number"),
        ("avloc", MAPS, {"seed": "a"}, "seed 'a'; expected a whole number"),
        ("avloc", MAPS, {"chunk": 0}, "chunk 0; expected a whole number, 1 or more"),
        ("avloc", MAPS, {"confidence": 0.5}, "confidence has 0 rows for 3 heat maps"),
        ("avloc", [[[1, 2], [3]]], {}, "of type list"),
        ("avloc", torch.empty(3, 7, 7, device="meta"), {}, "heat maps of type Tensor"),
    ],
)
def test_what_is_not_a_number_is_refused_in_one_line(protocol, maps, more, found):
    with pytest.raises(DataError) as raised:
        avloc.score(protocol, maps, TRUTH, **{"resamples": 0} | more)
    assert found in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize("truth", [[[0, 0, 1, 1]] * 3, BOXES, None])
def test_a_ground_truth_of_another_type_is_named(truth):
    for give in (lambda: avloc.score("avloc", MAPS, truth), lambda: avloc.score_all(MAPS, truth)):
        with pytest.raises(DataError, match=f"ground truth of type {type(truth).__name__}; expected avloc.Truth"):
            give()


@pytest.mark.parametrize(
    "boxes", [None, [[0, 0, 1, 1]], {"a": None}, {"a": "text"}, {"a": 5}, {"a": [0.1, 0.1, 0.5, 0.5]}]
)
def test_boxes_of_another_shape_are_named(boxes):
    with pytest.raises(DataError, match=r"^truth: .*expected"):
        avloc.Truth.of_boxes(boxes)


class Elsewhere:
    """A tensor that numpy cannot see, like one on a GPU, until it is copied."""

    def __init__(self, values):
        self.values = values

    def __array__(self, *_, **__):
        raise TypeError("can't convert cuda:0 device type tensor to numpy")

    def detach(self):
        return self

    def cpu(self):
        return torch.from_numpy(self.values)


def test_arrays_and_tensors_of_all_kinds_score_as_their_numbers():
    single = MAPS.astype(np.float32)
    whole = torch.from_numpy(single)
    read_only = single.copy()
    read_only.setflags(write=False)
    kinds = [
        single.tolist(), list(single), np.asfortranarray(single), read_only, single[:, ::-1].copy()[:, ::-1],
        single.astype(">f4"), whole, whole.clone().requires_grad_(), list(whole.clone().requires_grad_()),
        whole.to_sparse(), Elsewhere(single),
    ]  # fmt: skip
    expected = avloc.score("ez-vsl", single, TRUTH, resamples=0).to_dict()
    for maps in kinds:
        assert avloc.score("ez-vsl", maps, TRUTH, resamples=0).to_dict() == expected, type(maps)
    half = whole.bfloat16()
    expected = avloc.score("ez-vsl", half.float().numpy(), TRUTH, resamples=0).to_dict()
    assert avloc.score("ez-vsl", half, TRUTH, resamples=0).to_dict() == expected


def test_what_comes_with_the_maps_may_be_tensors_and_ids_bytes_as_h5py_gives_them():
    whole = torch.from_numpy(MAPS).requires_grad_()
    sure, one = (
        torch.tensor([1.0, 2, 3]).requires_grad_(),
        {"a": torch.tensor([[0, 0, 0.5, 0.5]]), "b": np.ones((1, 4)), "c": []},
    )
    assert avloc.Truth.of_boxes(one).boxes.tolist() == [[0, 0, 0.5, 0.5], [1, 1, 1, 1]]
    given = {"confidence": sure, "object_maps": whole, "ids": np.array(["a", "b", "c"], "S")}
    plain = {"confidence": [1, 2, 3], "object_maps": MAPS, "ids": ["a", "b", "c"]}
    both = [
        avloc.score("slavc", maps, TRUTH, **more, resamples=0).to_dict()
        for maps, more in ((whole, given), (MAPS, plain))
    ]
    assert both[0] == both[1]


def test_predictions_are_written_from_tensors_and_only_if_they_can_be_read_again(tmp_path):
    whole, path = torch.from_numpy(MAPS).requires_grad_(), tmp_path / "p.h5"
    vectors = dict.fromkeys(("frame_vectors", "sound_vectors"), whole[:, 0])
    avloc.write_predictions(
        path, [b"a", "b", "c"], whole, confidence=whole[:, 0, 0], negative_maps={"noise": whole}, **vectors
    )
    found = read_predictions(path)
    assert found.ids == ["a", "b", "c"] and (found.maps[:, 0] == MAPS.astype(np.float32)).all()
    assert (
        found.confidence is not None
        and (found.confidence == MAPS[:, 0, 0]).all()
        and set(found.vectors) == set(vectors)
    )
    kept = path.read_bytes()
    wrong = [
        (["a", "b", "a"], MAPS, {}), ("ab", MAPS, {}), (list("abc"), MAPS.astype(str), {}), (list("abc"), MAPS + 1j, {}),
        (list("abc"), MAPS, {"confidence": [1, 2]}), (list("abc"), MAPS, {"confidence": [1, 2, np.nan]}),
        (list("abc"), MAPS, {"classes": ["x", "y"]}), (list("abc"), MAPS, {"object_maps": MAPS[:2]}),
        (list("abc"), MAPS, {"assignment": [[1, 0]]}), (list("abc"), MAPS, {"frame_vectors": MAPS}),
    ]  # fmt: skip
    for ids, maps, more in wrong:
        with pytest.raises(DataError, match=r"p\.h5: "):
            avloc.write_predictions(path, ids, maps, **more)
    assert path.read_bytes() == kept


def test_masks_of_true_and_false_are_maps():
    masks = MAPS > 0.5
    same = [avloc.score("avloc", maps, TRUTH, resamples=0).to_dict() for maps in (masks, masks.astype(np.float32))]
    assert same[0] == same[1]


def test_one_protocol_may_stand_for_a_list_of_one():
    def loud(heat, truth):
        return np.full(truth.shape, heat.max() > 0.5)

    for one, name in (("avloc", "avloc"), (avloc.PROTOCOLS["vcs"], "vcs"), (loud, "loud")):
        assert list(avloc.score_all(MAPS, TRUTH, protocols=one, resamples=0).results) == [name]
    with pytest.raises(ConfigError, match="no protocol 'nope'"):
        avloc.score_all(MAPS, TRUTH, protocols="nope")


@pytest.mark.parametrize(
    "box",
    [["0.1", "0.2", "0.3", "0.4"], [10, 20, 30, 40], [0.5, 0.5, 0.1, 0.9], [float("nan"), 0, 1, 1], "abcd", [0, 0, 1]],
    ids=["text", "pixels", "far corner first", "NaN", "a word", "three"],
)
def test_boxes_that_are_not_fractions_are_refused_with_their_clip(box):
    with pytest.raises(DataError, match=r"truth: clip 'dog': box .*; expected x1, y1, x2, y2, fractions of the frame"):
        avloc.Truth.of_boxes({"bell": [[0, 0, 1, 1]], "dog": [box]})


def test_boxes_a_little_beyond_the_frame_are_counted():
    truth = avloc.Truth.of_boxes({"a": [[0, 0, 0.5, 0.5]], "b": [[0, 0, 1, 1.002]], "c": [(0.5, 0.5, 0.5, 0.9)]})
    assert truth.warnings == [
        "1 of 3 boxes extend beyond the frame; they are clipped",
        "1 of 3 boxes have no area; they mark nothing",
    ]
    assert avloc.score("avloc", MAPS, truth, resamples=0).warnings[:2] == truth.warnings


def test_boxes_of_a_truth_given_as_text_are_refused():
    with pytest.raises(DataError, match="truth: boxes of type <U1; expected numbers"):
        avloc.Truth(["a"], ["a"], np.array([["0", "0", "1", "1"]]), np.zeros(1), -np.ones(1))
