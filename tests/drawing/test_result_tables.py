import re

import pytest

from avloc.drawing.other_sounds import sounds_tables
from avloc.drawing.per_class import flag_table
from avloc.drawing.results import metric_name, percent, results_chart, results_table, verdict

RESULT = {
    "metrics": {"iou@0.5": {"value": 0.6321, "ci95": [0.62, 0.65], "ci95_by_video": [0.58, 0.68]}},
    "comparisons": {
        "<centre>": {
            "metrics": {"iou@0.5": {"value": 0.25, "ci95_by_video": [0.2, 0.3]}},
            "difference": {"iou@0.5": {"value": 0.3821, "ci95_by_video": [0.3, 0.46]}},
        }
    },
    "baselines": {"half-area ceiling": {"iou@0.5": 0.875}},
}


@pytest.mark.parametrize(
    ("value", "shown"), [(0.6321, "63.2"), (None, "&ndash;"), (1.0, "100.0"), (-0.0001, "0.0"), (-0.2, "&minus;20.0")]
)
def test_fractions_are_shown_in_percent_with_one_decimal(value, shown):
    assert percent(value) == shown


def test_a_difference_has_its_sign():
    assert (percent(0.125, sign=True), percent(-0.125, sign=True)) == ("+12.5", "&minus;12.5")


def test_metrics_have_their_names():
    assert [metric_name(name) for name in ("iou@0.5", "ciou@0.3", "auc", "new")] == [
        "IoU@0.5",
        "CIoU@0.3",
        "AUC",
        "new",
    ]


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ([0.1, 0.2], "model higher"),
        ([-0.2, -0.1], "model lower"),
        ([-0.1, 0.1], "not significant"),
        (None, "no interval"),
    ],
)
def test_a_difference_counts_where_its_interval_leaves_out_zero(limits, words):
    assert verdict({"value": 0.0, "ci95_by_video": limits})[1] == words


def test_the_table_has_the_model_first_and_intervals_over_videos():
    table = results_table("pair", RESULT)
    assert table.index("<b>model</b>") < table.index("&lt;centre&gt;") < table.index("half-area ceiling")
    assert "63.2&nbsp;%</b> <small>(58.0 to 68.0)</small>" in table
    assert "+38.2 <small>(+30.0 to +46.0)</small>" in table and "model higher" in table
    assert "<centre>" not in table


def test_the_chart_names_the_first_metric_of_all():
    chart = results_chart("pair", RESULT)
    assert chart is not None
    assert chart.alt == "pair: IoU@0.5 with 95 % intervals. model 63.2 %; <centre> 25.0 %"


def test_a_result_without_comparisons_has_no_chart():
    assert results_chart("pair", {"metrics": RESULT["metrics"]}) is None


@pytest.mark.parametrize("undefined", [None, float("nan")])
def test_an_undefined_metric_is_a_dash(undefined):
    table = results_table("x", {"metrics": {"auc": {"value": undefined, "ci95": [undefined, undefined]}}})
    assert "&ndash;" in table and "nan" not in table


def shown_rows(page):
    """The text of each row of all tables."""
    rows = re.findall(r"<tr>(.*?)</tr>", page)
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]


def test_other_sounds_and_retrieval_are_tables_of_the_page():
    kind = {"pia": 0.125, "aoc": 0.8, "false_alarms": 0.5, "f": 0.4}
    level = {"clips": 8, "auroc": 0.75, "false_alarm_rate": 0.25, "threshold": 1}
    rules = {"max": {"threshold": 0.37, "ciou": 0.3, "auc": 0.31, "f": 0.45, "kinds": {"<noise>": kind}}}
    way = {key: {"value": 0.5, "ci95": [0.25, 0.75]} for key in ("r@1", "r@5")} | {"median_rank": 1.5}
    result = {
        "negatives": {"rules": rules, "kinds": {"<noise>": level}, "thresholds_of": "other clips"},
        "retrieval": {"queries": 8, "chance": {"r@1": 0.125, "r@5": 0.625}, "sound to frame": way},
        "tells": {"value": 0.75, "pairs": 4},
    }
    page = sounds_tables("solo", result)
    rows = shown_rows(page)
    assert ["max", "0.37", "30.0", "31.0", "12.5", "50.0", "45.0"] in rows
    assert ["&lt;noise&gt;", "8", "75.0", "25.0"] in rows
    assert rows[-2][1].startswith("50.0 <small>(25.0 to 75.0)") and rows[-1] == ["chance", "12.5", "62.5", "4.5"]
    assert "chosen on other clips" in page and "4 pairs" in page
    assert sounds_tables("solo", {"metrics": {}}) == ""


def test_parts_of_a_set_are_a_table():
    part = {"still picture": {"clips": 3, "ciou": 0.5, "locacc": 0.25, "auc": 0.4}}
    page = flag_table("solo", ["one"], [{"by_part": part, "metrics": {"ciou": {}}}])
    assert shown_rows(page)[1][:2] == ["still picture", "3"] and "50.0" in page
    assert flag_table("solo", ["one"], [None]) == ""
