"""Scoring a file against annotations on disk, from options to a result file; and what is done with two of them."""

import json
import re
from functools import partial
from typing import Any

import numpy as np
import pytest

from avloc.errors import AvlocError, ConfigError, DataError
from avloc.predictions import write_predictions
from avloc.verbs.compare import compare
from avloc.verbs.evaluate_predictions import evaluate_predictions
from avloc.verbs.leaderboard import leaderboard

CLIPS = [f"{'abcdefghij'[n]}bcdefghijk_{n:06d}" for n in range(10)]


@pytest.fixture
def vggss(tmp_path):
    """In a folder without neighbours: a table of VGGSounder in one of them would be read."""
    rows = [{"file": clip, "class": "dog bark", "bbox": [[0, 0, 0.5, 1]]} for clip in CLIPS]
    folder = tmp_path / "vggss"
    folder.mkdir()
    (folder / "vggss.json").write_text(json.dumps(rows))
    return folder


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
        ids=str(vggss / "list.csv"),
        resamples=0,
    )
    result = found.results["hardway"]
    assert result.protocol.label == "hardway size=112 strict=False"
    assert list(result.metrics) == ["ciou"]
    assert result.counts["requested"] == 5
    assert result.counts["not_requested"] == 5


def test_a_lone_name_is_one_name_and_not_its_letters(vggss):
    found = evaluate_predictions(predict(vggss / "p.h5", 6), "vggss", vggss, metric="ciou", out=vggss / "a.json")
    assert list(found.results["ez-vsl"].metrics) == ["ciou"]
    assert list(compare(vggss / "a.json", vggss / "a.json", metric="ciou").metrics) == ["ciou"]
    alone = leaderboard(vggss / "a.json", published=False, metric="ciou")
    assert alone == leaderboard([vggss / "a.json"], published=False, metric=["ciou"])


def test_all_protocols_side_by_side(vggss):
    found = evaluate_predictions(predict(vggss / "p.h5", 6), "vggss", vggss, protocol="all", resamples=0)
    assert {"hardway", "sspl", "kaist-adap", "avloc", "acl", "denseav"} <= set(found.results)
    assert set(found.left_out) == {"c2f-agnostic", "c2f-class"}, "which score frames of two classes"
    assert found.results["dsol-duet"].counts["evaluated"] == 10
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


def test_thresholds_that_all_clips_share_are_chosen_on_validation_clips(vggss):
    """On the first four clips the other sound has maxima of 0.2, on the six that are scored 0.6."""
    right = np.zeros((10, 14, 14), np.float32)
    right[:, :, :7] = 1
    quiet = right * np.where(np.arange(10) < 4, 0.2, 0.6)[:, None, None]
    write_predictions(vggss / "p.h5", CLIPS, right, negative_maps={"silence": quiet})
    (vggss / "val.txt").write_text("\n".join(CLIPS[:4]))
    how = {"benchmark": "vggss", "annotations": vggss, "negatives": ["silence"], "resamples": 0}
    for protocol in ("vssl-eval", "ez-vsl"):
        found = evaluate_predictions(vggss / "p.h5", **how, protocol=protocol, val_ids=vggss / "val.txt")
        result = found.results[protocol]
        negatives = result.extra["negatives"]
        assert negatives["rules"]["max"]["threshold"] == pytest.approx(0.2) and result.counts["evaluated"] == 6
        assert negatives["rules"]["max"]["kinds"]["silence"]["false_alarms"] == 1, "0.6 is above 0.2"
        assert negatives["thresholds_of"] == "other clips"
        assert any("ez-vsl has no threshold to choose" in line for line in result.warnings) == (protocol == "ez-vsl")
    own = evaluate_predictions(vggss / "p.h5", **how, protocol="vssl-eval").results["vssl-eval"]
    assert own.extra["negatives"]["thresholds_of"] == "the clips that are scored"


def test_music_boxes_can_be_read_as_the_release_reads_them(tmp_path):
    rows = [{"file": "abcdefghijk_000_00000", "class": "flute", "bbox": [0.5, 0.5, 0.25, 0.25]}]
    (tmp_path / "music_solo.json").write_text(json.dumps(rows))
    write_predictions(tmp_path / "p.h5", ["abcdefghijk_000_00000"], np.full((1, 4, 4), 40.0))
    area = {}
    for reading in ("xywh", "xyxy-avgn"):
        found = evaluate_predictions(tmp_path / "p.h5", "music-solo", tmp_path, music_boxes=reading, resamples=0)
        area[reading] = found.results["avgn-fixed"].metrics["ciou"].value
    assert area == {"xywh": pytest.approx(0.0625), "xyxy-avgn": 0.0}
    with pytest.raises(AvlocError, match="expected xywh or xyxy-avgn"):
        evaluate_predictions(tmp_path / "p.h5", "music-solo", tmp_path, music_boxes="yxyx")


def test_music_boxes_of_other_sets_are_refused(tmp_path):
    """They would change the name of the rule and not its scores."""
    (tmp_path / "vggss.json").write_text(json.dumps([{"file": "a", "class": "dog", "bbox": [[0, 0, 0.5, 1]]}]))
    box = {"id": "a", "boxes": [{"box": [0.25, 0.25, 0.5, 0.5]}]}
    for layout in ("xyxy", "xywh"):
        (tmp_path / f"{layout}.json").write_text(json.dumps({"boxes": layout, "clips": [box]}))
    write_predictions(tmp_path / "p.h5", ["a"], np.full((1, 4, 4), 40.0))
    area = {}
    for reading in ("xywh", "xyxy-avgn"):
        how = {"protocol": "avgn-fixed", "music_boxes": reading, "resamples": 0}
        refused = f"--music-boxes {reading}: {{}} has no boxes written as x, y, width, height in fractions"
        with pytest.raises(ConfigError, match=refused.format("vggss")):
            evaluate_predictions(tmp_path / "p.h5", "vggss", tmp_path, **how)
        with pytest.raises(ConfigError, match=refused.format("xyxy")):
            evaluate_predictions(tmp_path / "p.h5", truth=tmp_path / "xyxy.json", **how)
        found = evaluate_predictions(tmp_path / "p.h5", truth=tmp_path / "xywh.json", **how).results["avgn-fixed"]
        area[reading] = found.metrics["ciou"].value
    assert area == {"xywh": pytest.approx(0.25), "xyxy-avgn": pytest.approx(0.0625)}


def test_rows_of_an_assignment_are_classes_in_alphabetical_order(tmp_path):
    names = ["Violin", "Banjo"]
    notes = [{"image_id": 1, "category_id": n, "bbox": [n / 2, 0, 0.5, 1]} for n in range(2)]
    table = {"categories": [{"name": name} for name in names], "images": [], "annotations": notes}
    (tmp_path / "normav.json").write_text(json.dumps(table))
    maps = np.zeros((1, 2, 14, 14))
    maps[0, 0, :, :7], maps[0, 1, :, 7:] = 1, 1  # violin, then banjo
    scores = []
    for assignment in (None, [[0, 1], [1, 0]], [[1, 0], [0, 1]]):
        write_predictions(tmp_path / "p.h5", ["1"], maps, assignment=assignment)
        found = evaluate_predictions(tmp_path / "p.h5", "audioset-instrument", tmp_path, resamples=0)
        scores.append(found.results["c2f-class"].metrics["ciou"].value)
    assert scores[0] == scores[1] > 0.8
    assert scores[2] < 0.2


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


def test_of_several_protocols_those_that_can_report_a_metric_are_kept(vggss):
    predictions = predict(vggss / "p.h5", 6)

    def shown(*metric):
        return evaluate_predictions(predictions, "vggss", vggss, protocol="all", metric=metric, resamples=0)

    found = shown("cap")
    assert {"avloc", "noprior", "denseav"} <= set(found.results)
    assert all(list(result.metrics) == ["cap"] for result in found.results.values())
    assert "hardway" in found.left_out
    assert set(shown("best_iou", "auc").results["denseav"].metrics) == {"best_iou"}
    with pytest.raises(ConfigError, match="--metric map: no protocol reports it"):
        shown("map")
    with pytest.raises(ConfigError, match="no axis 'resiz'"):
        evaluate_predictions(predictions, "vggss", vggss, protocol="all", axes={"resiz": "x"}, resamples=0)


def test_a_metric_that_is_not_defined_on_a_set_is_said(vggss):
    predictions = predict(vggss / "p.h5", 6)
    found = evaluate_predictions(predictions, "vggss", vggss, metric=["auroc", "auc"], resamples=0)
    assert any("auroc: not defined here" in line for line in found.results["ez-vsl"].warnings)
    with pytest.raises(DataError, match="auroc: not defined here"):
        evaluate_predictions(predictions, "vggss", vggss, metric=["auroc"], resamples=0)


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


def test_a_comparison_without_resamples_has_no_intervals(vggss):
    good, bad = results(vggss, good=9, bad=2)
    found = compare(good, bad, metric=["locacc"], resamples=0)
    assert list(found.metrics) == ["locacc"]
    assert found.metrics["locacc"].to_json() == {"a": 0.9, "b": 0.2, "difference": pytest.approx(0.7)}
    with pytest.raises(ConfigError, match="--metric nsa: not available per clip; these are: ciou, auc, locacc"):
        compare(good, bad, metric=["nsa"])
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="denseav", out=vggss / "pixels.json", resamples=0)
    with pytest.raises(DataError, match="pools the pixels of all clips"):
        compare(vggss / "pixels.json", vggss / "pixels.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda value: value["metrics"]["auc"].pop("value"), "metrics.auc.value: field required"),
        (lambda value: value["per_clip"][3].pop("id"), "per_clip.3.id: field required"),
        (lambda value: value["per_clip"][3].update(ciou="high"), "per_clip.3.ciou: input should be a valid number"),
        (
            lambda value: value["metrics"]["auc"].update(value="0.5"),
            "metrics.auc.value: input should be a valid number",
        ),
        (lambda value: value["counts"].update(evaluated="9"), "counts.evaluated: input should be a valid integer"),
        (lambda value: value["protocol"].update(changed=["size", "colour"]), "protocol.colour is missing"),
        (lambda value: value.update(protocols=3, counts={}), "counts.evaluated: field required"),
    ],
)
def test_a_broken_result_is_one_line(vggss, change, message):
    (good,) = results(vggss, good=9)
    value = json.loads(good.read_text())
    change(value)
    (vggss / "broken.json").write_text(json.dumps(value))
    for use in (lambda path: compare(good, path), lambda path: leaderboard([path])):
        with pytest.raises(DataError, match=f"broken.json: not a result .*{message}") as caught:
            use(vggss / "broken.json")
        assert len(str(caught.value).splitlines()) == 1


def test_a_list_in_the_place_of_a_result_is_told_without_names_of_our_classes(tmp_path):
    (tmp_path / "list.json").write_text("[1, 2]")
    with pytest.raises(DataError, match=r"list\.json: not a result \(the whole: expected keys and values\)"):
        leaderboard([tmp_path / "list.json"])


def test_results_of_different_rules_are_not_compared(vggss):
    (good,) = results(vggss, good=9)
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="sspl", out=vggss / "sspl.json", resamples=0)
    with pytest.raises(DataError, match="different protocols"):
        compare(good, vggss / "sspl.json")
    evaluate_predictions(vggss / "good.h5", "vggss", vggss, protocol="all", out=vggss / "all.json", resamples=0)
    with pytest.raises(ConfigError, match="choose one with --protocol"):
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
    assert re.search(r"\| good +\| +90\.0 \[", text)
    assert text.count("### ") == len(rules) - 1, "a table for each rule"
    assert "S8: digest of EchoLoc (2026)" in text
    lines = leaderboard([good], published=False, metric=["locacc"]).text("csv").splitlines()
    assert lines[0] == "benchmark,method,metric,protocol,value,low,high,std,seeds,source"
    assert len(lines) == 2
    assert re.fullmatch(r"vggss,good,locacc,ez-vsl \(n=10\),90\.0,\d+\.\d,100\.0,,,annotations .*", lines[1])
    with pytest.raises(ConfigError, match="expected one of md, csv"):
        leaderboard([good]).text("html")


def test_results_of_runs_are_told_apart(vggss):
    (good,) = results(vggss, good=9)
    paths = [vggss / "runs" / run / "results" / f"{name}.json" for run in ("one", "two") for name in ("a", "b")]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(good.read_bytes())
    (table,) = leaderboard(paths[:1] + paths[2:3], published=False).tables
    assert [row.method for row in table.rows] == ["one", "two"]
    (table,) = leaderboard(paths[:2], published=False).tables
    assert [row.method for row in table.rows] == ["one, a", "one, b"]


def test_published_figures_stand_alone():
    tables = leaderboard().tables
    assert {"vggss", "music-duet", "dsol-duet"} <= {table.benchmark for table in tables}
    assert all(row.source for table in tables for row in table.rows)
    (duet,) = leaderboard(benchmark="dsol-duet").tables
    assert duet.rows[-1].cells[("nsa", "published, paper's own split and rule")].value == "83.1"
    with pytest.raises(ConfigError, match="nothing to show"):
        leaderboard(benchmark="ave")


def test_a_result_file_gains_metrics_and_protocols_and_loses_none(vggss):
    maps, out = predict(vggss / "p.h5", 6), vggss / "r.json"
    how = {"benchmark": "vggss", "annotations": vggss, "out": out}
    evaluate_predictions(maps, **how, metric=["locacc"], resamples=50)
    (interval,) = [json.loads(out.read_text())["metrics"]["locacc"]["ci95"]]
    evaluate_predictions(maps, **how, metric=["locacc", "auc"], resamples=0)
    stored = json.loads(out.read_text())
    assert set(stored["metrics"]) == {"locacc", "auc"} == set(stored["protocol"]["report"])
    assert stored["metrics"]["locacc"]["ci95"] == interval, "without resamples the stored interval stays"
    evaluate_predictions(maps, **how, protocol="hardway", axes={"size": "112"}, resamples=0)
    stored = json.loads(out.read_text())
    assert list(stored["protocols"]) == ["ez-vsl", "hardway size=112"]
    assert {"avloc", "numpy", "python"} <= set(stored["protocols"]["ez-vsl"]["made_with"]["versions"])
    assert "hardway size=112" in leaderboard([out], published=False).text()


def test_a_result_of_other_maps_is_replaced_and_that_is_said(vggss, caplog):
    how = {"benchmark": "vggss", "annotations": vggss, "out": vggss / "r.json", "resamples": 0}
    evaluate_predictions(predict(vggss / "p.h5", 6), **how, metric=["locacc"])
    evaluate_predictions(predict(vggss / "q.h5", 3), **how, metric=["auc"])
    assert set(json.loads((vggss / "r.json").read_text())["metrics"]) == {"auc"}
    assert "r.json: replaces the result of other heat maps" in caplog.text


def test_a_file_that_holds_no_result_is_not_overwritten(vggss):
    file, maps = vggss / "mine.json", predict(vggss / "p.h5", 6)
    score = partial(evaluate_predictions, maps, "vggss", vggss, out=file, resamples=0)
    score()
    result = json.loads(file.read_text())
    wrong: list[Any] = [{"notes": 1}, [], {"protocols": [result]}, {"protocols": {"a": result}, "left_out": 5}]
    wrong += [
        result | {name: [{}]} for name in ("metrics", "per_class", "baselines", "counts", "protocol", "made_with")
    ]
    wrong += [result | {name: {"x": 5}} for name in ("metrics", "by_size", "comparisons", "per_clip", "warnings")]
    wrong.append(result | {"protocol": {**result["protocol"], "changed": ["nothing"]}})
    for value in wrong:
        file.write_text(json.dumps(value))
        with pytest.raises(DataError, match=r"mine\.json: is not a result"):
            score()
        assert json.loads(file.read_text()) == value


def test_other_sounds_come_with_a_file_and_stand_beside_any_protocol(vggss):
    right = np.zeros((len(CLIPS), 14, 14), np.float32)
    right[:, :, :7] = 1
    others = {"silence": right * 0.1, "offscreen": right}
    write_predictions(vggss / "p.h5", CLIPS, right, negative_maps=others)
    found = evaluate_predictions(vggss / "p.h5", "vggss", vggss, negatives=["silence", "offscreen"], resamples=0)
    (result,) = found.results.values()
    kinds = result.extra["negatives"]["kinds"]
    assert result.protocol.name == "ez-vsl" and set(kinds) == {"silence", "offscreen"}
    assert (kinds["silence"]["auroc"], kinds["offscreen"]["auroc"]) == (1, 0.5)
    own = evaluate_predictions(vggss / "p.h5", "vggss", vggss, protocol="vssl-eval", negatives="silence", resamples=0)
    assert own.results["vssl-eval"].metrics["ciou_max"].value > 0.9
    with pytest.raises(DataError, match="contains no maps of noise; expected the array maps_noise"):
        evaluate_predictions(vggss / "p.h5", "vggss", vggss, negatives=["noise"])
    with pytest.raises(DataError, match="10 ids for maps_silence of shape"):
        np.savez(vggss / "p.npz", ids=CLIPS, maps=right, maps_silence=right[:3])
        evaluate_predictions(vggss / "p.npz", "vggss", vggss, negatives=["silence"])


def test_a_second_kind_of_other_sound_is_added_to_the_first(vggss):
    maps = np.random.default_rng(0).random((len(CLIPS), 14, 14))
    write_predictions(vggss / "p.h5", CLIPS, maps, negative_maps={"silence": maps * 0.5, "noise": maps * 0.8})
    how = {"benchmark": "vggss", "annotations": vggss, "resamples": 0}
    for kind in ("silence", "noise"):
        evaluate_predictions(vggss / "p.h5", **how, negatives=[kind], out=vggss / "r.json")
    evaluate_predictions(vggss / "p.h5", **how, metric=["auc"], out=vggss / "r.json")
    both = evaluate_predictions(vggss / "p.h5", **how, negatives=["noise", "silence"]).results["ez-vsl"]
    stored = json.loads((vggss / "r.json").read_text())["negatives"]
    assert stored["rules"]["max"]["threshold"] == both.extra["negatives"]["rules"]["max"]["threshold"]
    assert set(stored["kinds"]) == {"silence", "noise"}


def test_vectors_in_the_file_are_searched_for_with_one_another(vggss):
    """Sounds 0 to 7 point at their own frame; 8 and 9 at each other's."""
    frames = np.eye(10)
    rng = np.random.default_rng(0)
    faint = 0.01 * rng.random((10, 10))  # without it all others would tie
    maps = (rng.random((10, 7, 7)) > 0.9) * 1.0  # masks, about whose scores there are notes
    sounds = 3 * (frames[[*range(8), 9, 8]] + faint)
    write_predictions(vggss / "p.h5", CLIPS, maps, frame_vectors=frames, sound_vectors=sounds)
    how = {"benchmark": "vggss", "annotations": vggss, "resamples": 20}
    result = evaluate_predictions(vggss / "p.h5", **how, metric="retrieval", out=vggss / "r.json").results["ez-vsl"]
    found = result.extra["retrieval"]
    assert found["queries"] == 10 and not result.metrics
    assert not any("cIoU" in line or "score" in line or "mask" in line for line in result.warnings)
    assert [found[way]["r@1"]["value"] for way in ("sound to frame", "frame to sound")] == [0.8, 0.8]
    stored = json.loads((vggss / "r.json").read_text())
    assert stored["retrieval"]["chance"]["r@1"] == 0.1 and "locacc" in stored["metrics"]
    write_predictions(
        vggss / "q.h5", CLIPS, maps, frame_vectors=frames, sound_vectors=sounds * (np.arange(10) > 0)[:, None]
    )
    with pytest.raises(DataError, match=f"1 clip has a vector of zeros, or with NaN or infinity: {CLIPS[0]}"):
        evaluate_predictions(vggss / "q.h5", **how, metric="retrieval")
    with pytest.raises(DataError, match=r"retrieval needs the array frame_vectors, \(N, C\)"):
        evaluate_predictions(predict(vggss / "r.h5", 6), **how, metric=["retrieval", "auc"])


def test_boxes_are_drawn_with_both_corners_for_the_rule_of_language_models(vggss):
    """Half of a frame of 224 pixels is columns 0 to 112 there, 113 of them."""
    rows = [{"file_id": clip, "bbox_norm_224": [0, 0, 111 / 224, 223 / 224]} for clip in CLIPS]
    (vggss / "bbox_all.json").write_text(json.dumps(rows))
    found = evaluate_predictions(vggss / "bbox_all.json", "vggss", vggss, protocol="gar", resamples=0)
    assert found.results["gar"].metrics["ciou"].value == pytest.approx(112 / 113)
    assert found.results["gar"].metrics["ciou@0.5"].value == 1


def test_flags_of_vggsounder_split_the_scores_and_change_no_other(vggss):
    plainly = evaluate_predictions(predict(vggss / "p.h5", 6), "vggss", vggss, resamples=0).results["ez-vsl"]
    lines = ["video_id,label,modality,background_music,static_image,voice_over"]
    lines += [f"{clip},dog bark,{'AV' if n < 6 else 'A'},False,{n == 0},False" for n, clip in enumerate(CLIPS)]
    (vggss / "vggsounder.csv").write_text("\n".join(lines))
    split = evaluate_predictions(vggss / "p.h5", "vggss", vggss, resamples=0).results["ez-vsl"]
    assert split.by_part["audible and visible"]["locacc"] == 1 and split.by_part["audible, not visible"]["locacc"] == 0
    assert split.by_part["still picture"]["clips"] == 1 and not plainly.by_part
    assert split.metrics == plainly.metrics and split.annotations_sha256 == plainly.annotations_sha256


def test_object_maps_that_nothing_mixes_in_are_a_note(vggss):
    maps = np.random.default_rng(0).random((10, 7, 7))
    write_predictions(vggss / "p.h5", CLIPS, maps, object_maps=maps[::-1])
    how = {"benchmark": "vggss", "annotations": vggss, "resamples": 0}
    (plainly,) = evaluate_predictions(vggss / "p.h5", **how).results.values()
    assert "the object maps are not used; --axis ogl_alpha=0.4 mixes them with the heat maps" in plainly.warnings
    (guided,) = evaluate_predictions(vggss / "p.h5", **how, axes={"ogl_alpha": "0.4"}).results.values()
    assert not any("object maps" in line for line in guided.warnings)


@pytest.mark.parametrize("protocol", ["vssl-eval", "avsbench", "ez-vsl", "gar"])
def test_each_kind_of_score_is_split_by_class_and_flag(vggss, protocol):
    lines = ["video_id,label,modality,background_music,static_image,voice_over"]
    lines += [f"{clip},dog bark,AV,False,{n < 6},False" for n, clip in enumerate(CLIPS)]
    (vggss / "vggsounder.csv").write_text("\n".join(lines))
    maps = np.zeros((10, 112, 112))
    maps[:6, :, :56] = maps[6:, :, 56:] = 1
    write_predictions(vggss / "p.h5", CLIPS, maps, negative_maps={"silence": maps * 0.1})
    found = evaluate_predictions(
        vggss / "p.h5", "vggss", vggss, protocol=protocol, negatives=["silence"], resamples=0
    ).results[protocol]
    assert found.by_part["still picture"]["clips"] == 6 and found.per_class["dog bark"]["clips"] == 10
    assert found.by_part["still picture"]["ciou"] == pytest.approx(1.0, abs=0.01)
    assert found.by_part["none of these flags"]["ciou"] == pytest.approx(0.0, abs=0.01)
