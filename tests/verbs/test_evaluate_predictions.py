"""Scoring a file against annotations on disk, from options to a result file; and what is done with two of them."""

import json

import numpy as np
import pytest

from avloc.errors import ConfigError, DataError
from avloc.predictions import write_predictions
from avloc.verbs.compare import compare
from avloc.verbs.evaluate_predictions import evaluate_predictions
from avloc.verbs.leaderboard import leaderboard

CLIPS = [f"{'abcdefghij'[n]}bcdefghijk_{n:06d}" for n in range(10)]


@pytest.fixture
def vggss(tmp_path):
    rows = [{"file": clip, "class": "dog bark", "bbox": [[0, 0, 0.5, 1]]} for clip in CLIPS]
    (tmp_path / "vggss.json").write_text(json.dumps(rows))
    return tmp_path


def predict(path, right, clips=CLIPS, seed=0):
    """Maps that are right on the first so many clips."""
    maps = np.random.default_rng(seed).random((len(clips), 14, 14)) * 0.1
    maps[:right, :, :7] += 1
    maps[right:, :, 7:] += 1
    write_predictions(path, clips, maps)
    return path


def test_a_benchmark_brings_its_protocol(vggss):
    found = evaluate_predictions(
        predict(vggss / "p.h5", 6), "vggss", vggss, out=vggss / "out" / "r.json", resamples=100
    )
    (result,) = found.results.values()
    assert result.protocol.name == "ez-vsl"
    assert result.metrics["locacc"].value == 0.6
    written = json.loads((vggss / "out" / "r.json").read_text())
    assert written["metrics"]["locacc"]["value"] == 0.6
    assert written["predictions"].endswith("p.h5")


def test_axes_metrics_and_lists(vggss):
    (vggss / "list.csv").write_text("\r\n".join(CLIPS[:5]))
    found = evaluate_predictions(
        predict(vggss / "p.h5", 6),
        "vggss",
        vggss,
        protocol="hardway",
        axes={"strict": "false", "size": "112"},
        metric=["ciou"],
        ids=vggss / "list.csv",
        resamples=0,
    )
    result = found.results["hardway"]
    assert result.protocol.label == "hardway size=112 strict=False"
    assert list(result.metrics) == ["ciou"]
    assert result.counts["requested"] == 5
    assert result.counts["not_requested"] == 5


def test_all_protocols_side_by_side(vggss):
    found = evaluate_predictions(predict(vggss / "p.h5", 6), "vggss", vggss, protocol="all", resamples=0)
    assert {"hardway", "sspl", "kaist-adap", "avloc", "acl", "denseav"} <= set(found.results)
    assert "dsol-duet" not in found.results or found.results["dsol-duet"].counts["evaluated"] == 10
    assert set(found.to_json()) == {"benchmark", "predictions", "protocols", "left_out"}
    assert all("locacc" in r.metrics for name, r in found.results.items() if name != "denseav")


def test_a_threshold_is_picked_on_other_clips(vggss):
    (vggss / "val.txt").write_text("\n".join(CLIPS[:4]))
    predictions = predict(vggss / "p.h5", 8)
    found = evaluate_predictions(predictions, "vggss", vggss, protocol="acl", val_ids=vggss / "val.txt", resamples=0)
    result = found.results["acl"]
    assert result.counts["requested"] == 6
    assert result.protocol.mask == "absolute"
    assert "mask" in result.protocol.changed


def test_music_boxes_can_be_read_as_the_release_reads_them(tmp_path):
    rows = [{"file": "abcdefghijk_000_00000", "class": "flute", "bbox": [0.5, 0.5, 0.25, 0.25]}]
    (tmp_path / "music_solo.json").write_text(json.dumps(rows))
    write_predictions(tmp_path / "p.h5", ["abcdefghijk_000_00000"], np.full((1, 4, 4), 40.0))
    area = {}
    for reading in ("xywh", "xyxy-avgn"):
        found = evaluate_predictions(tmp_path / "p.h5", "music-solo", tmp_path, music_boxes=reading, resamples=0)
        area[reading] = found.results["avgn-fixed"].metrics["ciou"].value
    assert area == {"xywh": pytest.approx(0.0625), "xyxy-avgn": 0.0}
    with pytest.raises(ConfigError, match="expected xywh or xyxy-avgn"):
        evaluate_predictions(tmp_path / "p.h5", "music-solo", tmp_path, music_boxes="yxyx")


def test_boxes_of_ones_own(tmp_path):
    clips = [{"id": "a", "boxes": [{"box": [0, 0, 0.5, 1]}]}, {"id": "b", "boxes": []}]
    (tmp_path / "mine.json").write_text(json.dumps({"name": "mine", "clips": clips}))
    maps = np.zeros((2, 14, 14))
    maps[:, :, :7] = 1
    write_predictions(tmp_path / "p.h5", ["a", "b"], maps)
    found = evaluate_predictions(tmp_path / "p.h5", truth=tmp_path / "mine.json", resamples=0)
    result = found.results["avloc"]
    assert (result.benchmark, result.metrics["locacc"].value, result.counts["negatives"]) == ("mine", 1.0, 1)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, ConfigError, "--benchmark NAME with --annotations"),
        ({"benchmark": "vggss"}, ConfigError, "--benchmark NAME with --annotations"),
        ({"benchmark": "vggs", "annotations": "."}, ConfigError, "did you mean 'vggss'"),
        ({"benchmark": "vggss", "annotations": ".", "protocol": "hardwy"}, ConfigError, "did you mean 'hardway'"),
        ({"benchmark": "vggss", "annotations": ".", "metric": ["map"]}, ConfigError, "cannot report it"),
        ({"benchmark": "vggss", "annotations": ".", "axes": {"resiz": "x"}}, ConfigError, "no axis 'resiz'"),
        ({"benchmark": "vggss", "annotations": ".", "protocol": "dsol-duet"}, DataError, "maps of classes"),
    ],
)
def test_options_that_do_not_fit_are_one_line(vggss, options, error, message):
    options = {name: vggss if name == "annotations" else value for name, value in options.items()}
    predictions = predict(vggss / "p.h5", 6)
    if options.get("protocol") == "dsol-duet":
        write_predictions(predictions, CLIPS, np.zeros((10, 2, 4, 4)))
    with pytest.raises(error, match=message) as caught:
        evaluate_predictions(predictions, **options)
    assert len(str(caught.value).splitlines()) == 1


def results(folder, **right):
    for name, number in right.items():
        clips = CLIPS if name != "short" else CLIPS[:8]
        predict(folder / f"{name}.h5", number, clips, seed=number)
        evaluate_predictions(folder / f"{name}.h5", "vggss", folder, out=folder / f"{name}.json", resamples=100)
    return [folder / f"{name}.json" for name in right]


def test_two_methods_are_compared_on_the_clips_they_share(vggss):
    good, bad, short = results(vggss, good=9, bad=2, short=8)
    found = compare(good, bad)
    assert (found.shared, found.only_a, found.only_b) == (10, 0, 0)
    assert found.better_a > found.better_b
    locacc = found.metrics["locacc"]
    assert (locacc.a, locacc.b) == (0.9, 0.2)
    assert locacc.difference == pytest.approx(0.7)
    assert locacc.ci95[0] > 0
    assert locacc.p < 0.05
    assert compare(good, good).metrics["auc"].p == 1.0
    partly = compare(good, short)
    assert (partly.shared, partly.only_a) == (8, 2), "clips scored 0 for want of a map are not shared"


def test_results_of_different_rules_are_not_compared(vggss):
    (good,) = results(vggss, good=9)
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="sspl", out=vggss / "sspl.json", resamples=0)
    with pytest.raises(DataError, match="different protocols"):
        compare(good, vggss / "sspl.json")
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="all", out=vggss / "all.json", resamples=0)
    with pytest.raises(ConfigError, match="which one"):
        compare(vggss / "all.json", vggss / "all.json")
    assert compare(vggss / "all.json", vggss / "sspl.json", protocol="sspl").metrics["auc"].difference == 0.0
    (vggss / "other.json").write_text("{}")
    with pytest.raises(DataError, match="not a result"):
        compare(good, vggss / "other.json")


def test_a_leaderboard_never_mixes_two_rules_in_one_column(vggss):
    good, bad = results(vggss, good=9, bad=2)
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="sspl", out=vggss / "sspl.json", resamples=0)
    (table,) = leaderboard([good, bad, vggss / "sspl.json"]).tables
    rules = {rule for _, rule in table.columns}
    assert {"ez-vsl (n=10)", "sspl (n=10)", "published, half-area mask"} <= rules
    for row in table.rows:
        assert len({rule for _, rule in row.cells}) == 1
    text = leaderboard([good, bad]).text("md")
    assert "| good | 90.0 [" in text
    assert "S8: digest of EchoLoc (2026)" in text
    lines = leaderboard([good], published=False, metric=["locacc"]).text("csv").splitlines()
    assert lines[0] == "benchmark,method,metric,protocol,value,source"
    assert len(lines) == 2
    with pytest.raises(ConfigError, match="expected one of md, csv"):
        leaderboard([good]).text("html")


def test_published_figures_stand_alone():
    tables = leaderboard().tables
    assert {"vggss", "music-duet", "dsol-duet"} <= {table.benchmark for table in tables}
    assert all(row.source for table in tables for row in table.rows)
    (duet,) = leaderboard(benchmark="dsol-duet").tables
    assert duet.rows[-1].cells[("nsa", "published, paper's own split and rule")] == "83.1"
    with pytest.raises(ConfigError, match="nothing to show"):
        leaderboard(benchmark="ave")
