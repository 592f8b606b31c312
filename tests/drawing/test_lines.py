import pytest

from avloc.drawing.lines import detection_chart, pixel_chart, success_chart
from avloc.drawing.pixel_curve import PixelCurve


def test_a_success_chart_names_what_half_an_overlap_gives():
    chart = success_chart("solo", {"a": [1.0] * 11 + [0.5] * 10, "none": []})
    assert chart.alt == "solo: success curve. a 100.0 % at an overlap of one half" and chart.light != chart.dark


def test_without_a_curve_there_is_no_chart():
    assert success_chart("solo", {"a": []}) is None and pixel_chart("solo", {}) is None


def test_a_pixel_chart_names_average_precisions():
    chart = pixel_chart("solo", {"model": PixelCurve([1.0, 0.5], [0.5, 1.0], 0.75, 0.25)})
    assert "model has an average precision of 75.0 %" in chart.alt


def row(ciou: float | None, confidence: float) -> dict:
    return {"confidence": confidence} | ({} if ciou is None else {"ciou": ciou})


def test_detection_is_drawn_only_where_clips_without_a_source_were_scored():
    sounding = [row(0.9, 0.9), row(0.8, 0.7)]
    assert detection_chart("set", {"model": sounding}) is None
    assert detection_chart("set", {"model": [{"ciou": 0.5}]}) is None
    chart = detection_chart("set", {"model": [*sounding, row(None, 0.1)]})
    assert chart.alt == "set: precision and recall of clips. model from 100.0 to 66.7 %"


@pytest.mark.parametrize("order", [1, -1])
def test_the_order_of_clips_makes_no_difference(order):
    rows = [row(0.9, 0.9), row(None, 0.8), row(0.8, 0.7)][::order]
    assert "model from 100.0 to 66.7 %" in detection_chart("set", {"model": rows}).alt
