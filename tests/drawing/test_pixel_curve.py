from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from avloc.drawing.pixel_curve import GRID, pixel_curve


def store(boxes: list[tuple[int, list[float], int, bool]], frames: int = 2) -> SimpleNamespace:
    """Frames named 0, 1, ...; boxes are (frame, xyxy, label, sounding)."""
    clip, xyxy, label, sounding = zip(*boxes, strict=True) if boxes else ((), (), (), ())
    table = SimpleNamespace(
        clip=np.array(clip, int),
        frame=np.zeros(len(clip), int),
        xyxy=np.array(xyxy, np.float32).reshape(-1, 4),
        label=np.array(label, int),
        sounding=np.array(sounding, bool),
    )
    return SimpleNamespace(
        ids=[str(n) for n in range(frames)], frame_keys=[(str(n),) for n in range(frames)], boxes=table
    )


LEFT = [0.0, 0.0, 0.5, 1.0]
HALVES = np.repeat(np.repeat([[[1.0, 0.0]]], GRID, axis=1), GRID // 2, axis=2).astype(np.float32)  # (1, GRID, GRID)


def test_a_map_that_is_its_box_is_perfect():
    curve = pixel_curve(store([(0, LEFT, 0, True)]), ["0", "1"], {"0": HALVES, "1": HALVES}, None)
    assert curve.ap == 1 and curve.share == 0.5 and curve.precision[0] == 1 and curve.recall[-1] == 1


def test_the_opposite_map_is_as_bad_as_can_be():
    curve = pixel_curve(store([(0, LEFT, 0, True)]), ["0"], {"0": 1 - HALVES}, None)
    assert curve.ap == 0.5 and {*curve.precision} == {0, 0.5}


def test_scale_and_offset_of_a_map_make_no_difference_and_what_is_silent_is_no_truth():
    made = store([(0, LEFT, 0, True), (1, LEFT, 0, True), (1, [0.5, 0.0, 1.0, 1.0], 1, False)])
    heat = np.random.default_rng(0).random((2, 1, GRID, GRID), np.float32)
    plain = pixel_curve(made, ["0", "1"], {"0": heat[0], "1": heat[1]}, None)
    other = pixel_curve(made, ["0", "1"], {"0": 8 * heat[0] - 3, "1": heat[1]}, None)
    assert other.ap == pytest.approx(plain.ap, abs=1e-3)


def test_the_average_precision_is_that_of_scikit_learn():
    heat = np.random.default_rng(1).random((1, GRID, GRID), np.float32)
    truth = np.zeros((GRID, GRID), bool)
    truth[:, : GRID // 2] = True
    curve = pixel_curve(store([(0, LEFT, 0, True)]), ["0"], {"0": heat}, None)
    low, high = heat.min(), heat.max()
    assert curve.ap == pytest.approx(
        average_precision_score(truth.ravel(), ((heat - low) / (high - low)).ravel()), abs=2e-3
    )


def test_the_map_of_a_class_is_held_against_its_own_boxes():
    made = store([(0, LEFT, 0, True), (0, [0.5, 0.0, 1.0, 1.0], 1, True)])
    maps = {"0": np.concatenate([HALVES, 1 - HALVES])}
    assert pixel_curve(made, ["0"], maps, np.eye(2, dtype=bool)).ap == 1
    assert pixel_curve(made, ["0"], maps, np.eye(2, dtype=bool)[::-1]).ap == 0.5


def test_frames_without_truth_give_no_curve():
    assert pixel_curve(store([]), ["0"], {"0": HALVES}, None) is None
