import io

import numpy as np
import pytest
from PIL import Image as Png

from avloc.drawing.charts import agreement_matrix, curves, intervals, line_colour, line_dash
from avloc.drawing.colours import DARK, LIGHT
from avloc.drawing.training import training_charts

PHASES = ["localize"] * 6 + ["classify"] * 2 + ["localize", "classify"]
LINES = {"loss": [float(n) for n in range(10)], "$only here$": [None] * 9 + [1.0]}


def pixels(content: bytes) -> np.ndarray:
    return np.array(Png.open(io.BytesIO(content)).convert("RGB"))


def has(content: bytes, colour: str) -> bool:
    return bool((pixels(content) == tuple(bytes.fromhex(colour[1:]))).all(2).any())


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_curves_are_drawn_in_the_colours_of_their_theme(theme):
    content = curves("title", LINES, PHASES, theme=theme)
    assert has(content, theme.background) and has(content, theme.lines[0]) and has(content, theme.lines[1])


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_no_two_lines_of_a_chart_share_a_colour_or_a_dash(theme):
    """The seventh line, of the validation loss, once looked like the first."""
    assert len({line_colour(n, theme) for n in range(40)}) == 40 == len({line_dash(n) for n in range(40)})
    lines = {f"line {n}": [float(n), float(n)] for n in range(14)}
    content = curves("title", lines, ["train"] * 2, theme=theme)
    assert all(has(content, line_colour(n, theme)) for n in range(14))


def test_the_same_chart_has_the_same_bytes():
    assert curves("title", LINES, PHASES) == curves("title", LINES, PHASES)


def test_a_phase_after_the_first_is_shaded():
    def shaded(phases: list[str]) -> float:
        return (np.abs(pixels(curves("title", LINES, phases)).astype(int) - (237, 238, 240)) <= 1).all(2).mean()

    assert shaded(["localize"] * 10) < 0.01 and 0.08 < shaded(PHASES) < 0.25


def test_the_matrix_outlines_what_was_matched():
    agreement = np.array([[0.9, 0.1], [0.2, 0.8]])
    matched = agreement_matrix(("<b>&", "$x$"), agreement, np.eye(2, dtype=int))
    assert has(matched, LIGHT.lines[1])
    assert not has(agreement_matrix(("a", "b"), agreement, np.zeros((2, 2), int)), LIGHT.lines[1])


def test_many_clusters_still_fit():
    shape = pixels(
        agreement_matrix([f"class {n}" for n in range(40)], np.full((40, 60), 0.1), np.zeros((40, 60), int))
    ).shape
    assert shape[0] > 1600 and shape[1] > 2500


def test_a_row_without_an_interval_is_drawn_too():
    content = intervals("title", [("model", 0.5, 0.4, 0.6), ("centre", 0.3, None, None)])
    assert has(content, LIGHT.lines[0]) and has(content, LIGHT.lines[1])


def entry(epoch: int, phase: str, loss: float, validation: dict, **terms: float) -> dict:
    return {"phase": phase, "epoch": epoch, "loss": loss, **terms, "validation": validation, "seconds": 1.0}


def test_a_log_becomes_losses_and_validation_figures():
    log = [
        entry(1, "localize", 1.0, {"loss": 1.5, "accuracy": 0.25, "iou": 0.125}, localization=1.0),
        entry(2, "classify", 0.75, {"loss": 1.25, "accuracy": 0.5, "iou": 0.25}, localization=0.5, frame_class=0.25),
    ]
    charts = training_charts(1, log)
    assert "loss from 1.000 to 0.750" in charts["loss"].alt and "frame_class from 0.250 to 0.250" in charts["loss"].alt
    assert "validation loss from 1.500 to 1.250" in charts["loss"].alt
    assert charts["validation"].alt == (
        "Stage 1: validation (%) over 2 epochs (phases localize, classify). "
        "accuracy from 25.0 % to 50.0 %; iou from 12.5 % to 25.0 %"
    )
    assert charts["loss"].light != charts["loss"].dark


def test_a_log_without_validation_has_losses_alone():
    assert list(training_charts(1, [entry(1, "train", 1.0, {}, contrast=1.0)])) == ["loss"]


def test_no_log_gives_no_chart():
    assert training_charts(1, []) == {}
