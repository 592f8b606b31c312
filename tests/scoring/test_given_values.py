"""What is given to `score`: text where numbers are wanted is refused in one line, and a single value may be a list of one."""

import numpy as np
import pytest

import avloc
from avloc.errors import ConfigError, DataError

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
        ("avloc", MAPS, {"resamples": -1}, "resamples -1; expected 0 or more"),
        ("avloc", MAPS, {"chunk": 0}, "chunk 0; expected 1 or more"),
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
