import numpy as np

from avloc.drawing.choose import Choice
from avloc.drawing.flags import FLAGS, flags
from avloc.drawing.moments import Moment


def moment(heat: np.ndarray, wrong: np.ndarray | None = None, score: float | None = 0.9, sources: int = 1) -> Moment:
    """What sounds lies on the left, something silent on the right; maps are (h, w)."""
    maps = {"": heat[None]} | ({} if wrong is None else {"wrong-sound": wrong[None]})
    boxes = [[0, 0, 0.5, 1], [0.5, 0, 1, 1]] if sources == 1 else [[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1]]
    return Moment(
        choice=Choice("a", "best", score, ("best",)),
        clip="a",
        frame=np.zeros((8, 8, 3), np.uint8),
        boxes=np.array(boxes, np.float32),
        labels=np.array([0, 1]),
        sounding=np.array([True, sources == 2]),
        heard=(0, 1) if sources == 2 else (0,),
        classes=("harp", "horn"),
        maps=maps,
        assignment=None,
        waveform=np.zeros(8, np.int16),
        rate=8,
    )


def peak(row: int, column: int) -> np.ndarray:
    heat = np.zeros((4, 4), np.float32)
    heat[row, column] = 1
    return heat


def test_a_map_on_its_target_has_no_flag_but_what_is_in_view():
    assert flags(moment(peak(1, 0), peak(1, 3))) == ["best", "silent object in view"]


def test_a_peak_on_the_silent_object_is_flagged():
    found = flags(moment(peak(1, 3), score=0.1))
    assert found == [
        "best", "score below one half", "peak off target", "peak on a silent object", "silent object in view"
    ]  # fmt: skip


def test_a_map_that_a_wrong_sound_does_not_move_is_flagged():
    assert "same peak with a wrong sound" in flags(moment(peak(1, 0), 0.5 * peak(1, 0)))
    assert "same peak with a wrong sound" not in flags(moment(peak(1, 0), peak(2, 0)))


def test_a_flat_map_is_flagged_and_not_said_to_have_a_peak():
    found = flags(moment(np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)))
    assert "flat map" in found and not any("peak" in flag for flag in found)


def test_values_that_are_not_finite_and_missing_scores_are_flagged():
    heat = peak(1, 0)
    heat[3, 3] = np.nan
    assert {"not finite", "not scored"} <= set(flags(moment(heat, score=None)))
    assert "score below one half" not in flags(moment(heat, score=None))


def test_several_sources_are_flagged():
    found = flags(moment(peak(1, 0), sources=2))
    assert "several sources" in found and "silent object in view" not in found


def test_every_flag_has_a_meaning():
    assert all(FLAGS.values())
