"""Heat, contours, boxes and the strip of sound, drawn on pictures of any size."""

import numpy as np
import pytest

from avloc.drawing.colours import SILENT, SOUNDING
from avloc.drawing.overlay import Overlay, Tag, lettered
from avloc.drawing.sound_strip import CURSOR, SoundStrip

GREY = np.full((120, 200, 3), 100, np.uint8)


def corner_heat() -> np.ndarray:
    heat = np.zeros((6, 10), np.float32)
    heat[:3, :4] = 1
    return heat


def test_heat_colours_the_hot_place_and_leaves_the_cold_one():
    drawn = Overlay()(GREY, corner_heat()).astype(int)
    assert np.abs(drawn[20, 30] - 100).max() > 50 and np.abs(drawn[100, 180] - 100).max() <= 1
    assert not np.shares_memory(drawn, GREY) and (GREY == 100).all()


@pytest.mark.parametrize("opacity", [0.0, 0.5, 1.0])
def test_opacity_is_that_of_the_hottest_place(opacity):
    hot = Overlay(opacity=opacity)(GREY, np.ones((2, 2)))[60, 100].astype(float)
    full = Overlay(opacity=1.0)(GREY, np.ones((2, 2)))[60, 100].astype(float)
    np.testing.assert_allclose(hot, 100 * (1 - opacity) + full * opacity, atol=2)


def test_contours_are_lines_around_the_hot_place():
    drawn = Overlay("contour")(GREY, corner_heat())
    colours = drawn.astype(int)
    green = colours[..., 1] - colours[..., 0] > 60  # the line is smoothed
    assert 30 < green.sum() < 2000 and green[55:75, 20:60].any() and not green[80:, 120:].any()
    assert (drawn[20, 20] == 100).all()


def test_boxes_are_green_where_they_sound_and_dashed_red_where_they_are_silent():
    tags = [Tag((0.1, 0.1, 0.4, 0.6), "dog 0.9", True), Tag((0.5, 0.2, 0.9, 0.8), "drum, silent", False)]
    drawn = Overlay("boxes")(GREY, corner_heat(), tags)
    left, right = drawn[:, :90], drawn[:, 96:]
    assert (left == SOUNDING).all(2).any() and not (left == SILENT).all(2).any()
    edge = (drawn[95, 100:180] == SILENT).all(1)
    assert 20 < edge.sum() < 60  # dashes
    assert (right == SILENT).all(2).any() and not (right == SOUNDING).all(2).any()


def test_nothing_is_drawn_where_nothing_sounds_or_nothing_is_wanted():
    assert Overlay()(GREY, None) is GREY and Overlay("none")(GREY, corner_heat()) is GREY


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (40, 3), (16, 16)])
def test_pictures_of_any_size_can_be_drawn_on(size):
    image = np.zeros((*size, 3), np.uint8)
    for view in ("heat", "contour", "boxes"):
        drawn = Overlay(view)(image, corner_heat(), [Tag((0.0, 0.0, 1.0, 1.0), "name", True)])
        assert drawn.shape == image.shape and drawn.dtype == np.uint8


def test_words_of_other_languages_are_letters():
    assert lettered("Gänse, гусь", 14, SOUNDING).shape[1] > 60


def test_the_strip_shows_the_sound_its_silence_and_where_we_are():
    def outline(start: float, stop: float, columns: int) -> np.ndarray:
        times = np.linspace(start, stop, columns, endpoint=False)
        loud = np.where(times < 5, 0.5, 0.0)
        return np.stack([-loud, loud], axis=1)

    strip = SoundStrip(outline, [(5.0, 10.0)], 10.0, (200, 120))
    image = strip(GREY, 7.5)
    assert (image[:100] == 100).all() and (image[-6, 150] == CURSOR).all()
    loud, quiet = image[-12:, 20:80].astype(int), image[-12:, 160:190].astype(int)
    assert loud[..., 2].mean() > 2 * quiet[..., 2].mean()
    assert strip(GREY, 0.0)[-6, 0].tolist() == list(CURSOR)
    assert SoundStrip(outline, [], 10.0, (40, 40))(GREY, 1.0) is GREY


def test_a_long_sound_is_shown_page_by_page():
    asked = []

    def outline(start: float, stop: float, columns: int) -> np.ndarray:
        asked.append((start, stop))
        return np.zeros((columns, 2), np.float32)

    strip = SoundStrip(outline, [], 3600.0, (200, 120))
    for time in (0.0, 10.0, 29.0, 31.0, 3599.0):
        strip(GREY, time)
    assert [span for span in asked if span != (0.0, 3600.0)] == [(0, 30), (30, 60), (3570, 3600)]
