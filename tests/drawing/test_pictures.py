import io

import numpy as np
import pytest
from PIL import Image as Png

from avloc.drawing.colours import CASING, OTHER, SILENT, SOUNDING, class_colours
from avloc.drawing.panels import Picture, Row, panel
from avloc.drawing.pictures import (
    class_picture,
    heat_picture,
    scaled,
    truth_colours,
    unit_map,
    value_range,
    with_boxes,
)

WHITE = np.full((64, 64, 3), 255, np.uint8)
HALF = np.array([[0.25, 0.25, 0.75, 0.75]], np.float32)


def drawn(image: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (image == colour).all(2)


def test_a_sounding_box_is_a_whole_green_line_along_its_edge():
    green = drawn(with_boxes(WHITE, HALF, [SOUNDING], width=2), SOUNDING)
    expected = np.zeros((64, 64), bool)
    expected[16:48, 16:48] = True
    expected[18:46, 18:46] = False
    assert (green == expected).all()


@pytest.mark.parametrize("colour", [SILENT, OTHER])
def test_a_box_that_does_not_sound_is_a_broken_line_on_the_same_edge(colour):
    line = drawn(with_boxes(WHITE, HALF, [colour], width=2), colour)
    whole = drawn(with_boxes(WHITE, HALF, [SOUNDING], width=2), SOUNDING)
    assert not (line & ~whole).any()
    assert 0.3 < line.sum() / whole.sum() < 0.7


def test_the_frame_inside_a_box_is_left_as_it_is_and_the_frame_itself_is_not_touched():
    out = with_boxes(WHITE, HALF, [SOUNDING], width=2)
    assert (out[20:44, 20:44] == 255).all() and (WHITE == 255).all()


def test_a_box_beyond_the_frame_ends_at_its_edge():
    green = drawn(with_boxes(WHITE, np.array([[-0.5, -0.5, 1.5, 1.5]]), [SOUNDING], width=3), SOUNDING)
    assert green[0].all() and green[-1].all() and green[:, 0].all() and green[:, -1].all() and not green[32, 32]


def test_a_box_of_no_size_is_still_drawn():
    assert drawn(with_boxes(WHITE, np.array([[0.5, 0.5, 0.5, 0.5]]), [SOUNDING]), SOUNDING).any()


def test_a_sounding_box_is_drawn_over_a_silent_one():
    both = np.repeat(HALF, 2, axis=0)
    alone = with_boxes(WHITE, HALF, [SOUNDING])
    assert (with_boxes(WHITE, both, [SOUNDING, SILENT]) == alone).all()


def test_a_name_stands_in_the_corner_of_its_box():
    out = with_boxes(np.full((256, 256, 3), 255, np.uint8), HALF, [SOUNDING], ["harp"])
    tag = out[68:80, 68:90]
    assert drawn(tag, CASING).mean() > 0.3 and tag.max() > 240


def test_objects_are_green_red_or_grey():
    assert truth_colours(np.array([1, 0, -1]), np.array([True, False, False])) == [SOUNDING, SILENT, OTHER]


def test_a_map_is_bright_where_it_is_high():
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    out = heat_picture(WHITE, heat, value_range(heat), 64).astype(int).sum(2)
    assert out[4, 4] > 1.5 * out[60, 60]


def test_a_map_is_scaled_from_its_lowest_to_its_highest_value():
    heat = np.array([[-3.0, 5.0]], np.float32)
    values = unit_map(heat, value_range(heat), 64)
    assert values[0, 0] == 0 and values[0, -1] == 1


def test_values_that_are_not_finite_are_drawn_as_the_lowest():
    heat = np.array([[np.nan, np.inf, 1.0, 2.0]], np.float32)
    assert value_range(heat) == (1.0, 2.0)
    assert unit_map(heat, (1.0, 2.0), 64)[0, 0] == 0


def test_a_map_of_negative_zeros_is_written_without_a_sign():
    assert [f"{value:.3g}" for value in value_range(np.full((2, 2), -0.0, np.float32))] == ["0", "0"]


def test_a_map_without_any_range_is_drawn_empty():
    heat = np.full((3, 3), 0.5, np.float32)
    assert (unit_map(heat, value_range(heat), 64) == 0).all()


def test_all_classes_in_one_picture_have_the_hue_of_the_loudest():
    heats = np.zeros((2, 2, 2), np.float32)
    heats[0, :, 0] = heats[1, :, 1] = 1
    colours = [(255, 0, 0), (0, 0, 255)]
    out = class_picture(np.zeros((64, 64, 3), np.uint8), heats, colours, 64)
    assert out[32, 2, 0] > 200 and out[32, 2, 2] == 0
    assert out[32, 61, 2] > 200 and out[32, 61, 0] == 0


def test_every_class_has_a_hue_of_its_own():
    assert len(set(class_colours(20))) == 20 and class_colours(0) == []


def test_a_small_frame_grows_to_the_size_of_a_picture_and_a_large_one_shrinks():
    assert scaled(WHITE).shape == scaled(np.zeros((480, 640, 3), np.uint8)).shape == (256, 256, 3)


def test_a_panel_shows_its_pictures_pixel_for_pixel():
    image = with_boxes(scaled(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)), HALF, [SOUNDING])
    rows = [Row("$first$ <row>", [Picture("a", image, "words", ""), Picture("b", 255 - image, "words " * 40, "")])]
    content = panel("title", rows, legend=[("harp", SILENT)])
    shown = np.array(Png.open(io.BytesIO(content)).convert("RGB"))
    windows = np.lib.stride_tricks.sliding_window_view(shown[..., 1], (1, 256))[:, :, 0]
    (top, left), *_ = np.argwhere((windows == image[0, :, 1]).all(2))
    assert (shown[top : top + 256, left : left + 256] == image).all()
    assert drawn(shown, SILENT).any()  # in the legend
    assert panel("title", rows, legend=[("harp", SILENT)]) == content
