"""A heat map as a layer over its frame looks as it does in the figures."""

import io

import numpy as np
import pytest
from PIL import Image as Png

from avloc.drawing.layers import heat_layer, hue_layer, layered
from avloc.drawing.overlays import class_overlays, drawn, map_overlays, truth_overlays
from avloc.drawing.pictures import grey, scaled
from tests.drawing.test_flags import moment, peak
from tests.drawing.tiny_run import HOSTILE

SMOOTH = np.add.outer(np.arange(8.0), np.arange(8.0)).astype(np.float32)


def over(frame: np.ndarray, layer: bytes, strength: float) -> np.ndarray:
    """A layer over a frame as a browser draws it."""
    found = np.array(Png.open(io.BytesIO(layer)).convert("RGBA").resize((256, 256), Png.BILINEAR)).astype(float)
    alpha = strength * found[..., 3:] / 255
    return frame * (1 - alpha) + found[..., :3] * alpha


def test_at_three_quarters_of_its_strength_a_layer_looks_as_in_the_figures():
    shown = moment(SMOOTH)
    (overlay,) = map_overlays(shown)
    bare = overlay.__class__(overlay.title, "", "", overlay.heats, overlay.limits)
    drawn_over = over(grey(scaled(shown.frame)), heat_layer(bare, 64), 0.75)
    assert np.abs(drawn_over - drawn(shown, bare).image).mean() < 3


def test_so_does_the_layer_of_all_classes():
    shown = moment(SMOOTH)
    object.__setattr__(shown, "maps", {"": np.stack([SMOOTH, SMOOTH[::-1]])})
    object.__setattr__(shown, "assignment", np.eye(2, dtype=bool))
    overlay = class_overlays(shown)[0]
    bare = overlay.__class__("", "", "", overlay.heats, overlay.limits, overlay.hues)
    drawn_over = over(grey(scaled(shown.frame)), hue_layer(bare, 64), 0.75)
    assert np.abs(drawn_over - drawn(shown, bare).image).mean() < 4


@pytest.mark.parametrize("heat", [np.full((3, 3), np.nan, np.float32), np.ones((3, 3), np.float32)])
def test_a_map_without_any_range_is_a_layer_too(heat):
    shown = moment(heat)
    assert 'class="heat"' in layered(shown, map_overlays(shown)[0])


def test_names_of_classes_are_text_and_boxes_are_lines():
    shown = moment(peak(0, 0))
    object.__setattr__(shown, "classes", (HOSTILE, "horn"))
    markup = layered(shown, truth_overlays(shown)[1])
    assert "<script" not in markup and "&lt;script&gt;" in markup
    assert markup.count('<rect class="sounding"') == 1 == markup.count('<rect class="silent"')
