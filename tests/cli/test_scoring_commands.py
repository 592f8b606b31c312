"""The measuring commands through the command line: tables, JSON on stdout, one line and status 2 for a mistake."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest

from avloc.predictions import write_predictions
from tests.commands import invoke
from tests.data.making import REPOSITORY


@pytest.fixture
def folder(tmp_path):
    ids = [f"abcdefghijk_{n:06d}" for n in range(6)]
    rows = [{"file": clip, "class": "dog", "bbox": [[0, 0, 0.5, 1]]} for clip in ids]
    (tmp_path / "vggss.json").write_text(json.dumps(rows))
    maps = np.zeros((6, 14, 14))
    maps[:4, :, :7], maps[4:, :, 7:] = 1, 1
    write_predictions(tmp_path / "p.h5", ids, maps)
    return tmp_path


def test_evaluate_shows_a_table_with_blind_baselines(folder):
    found = invoke(
        "evaluate", "--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--worst", 2
    )
    assert found.exit_code == 0
    assert "vggss by ez-vsl: 6 of 6 clips" in found.stdout
    for word in ("locacc", "all-ones", "centre", "half-area ceiling", "95 % over videos", "lowest scores"):
        assert word in found.stdout


def test_evaluate_prints_json_and_nothing_else(folder):
    options = [
        "--predictions",
        folder / "p.h5",
        "--benchmark",
        "vggss",
        "--annotations",
        folder,
        "--metric",
        "ciou,auc",
    ]
    found = invoke("evaluate", *options, "--axis", "size=56", "--json", "--out", folder / "r.json")
    value = json.loads(found.stdout)
    assert set(value["metrics"]) == {"ciou", "auc"}
    assert value["protocol"]["size"] == 56
    assert json.loads((folder / "r.json").read_text()) == value


def test_columns_without_a_figure_are_not_shown(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder]
    assert "over clips" not in invoke("evaluate", *options, "--resamples", 0).stdout
    whole = invoke("evaluate", *options, "--resamples", 20).stdout
    assert "95 % over videos" in whole and "over clips" not in whole, "one number has one interval"
    invoke("evaluate", *options, "--out", folder / "a.json")
    found = invoke("compare", folder / "a.json", folder / "a.json", "--resamples", 0)
    assert found.exit_code == 0
    assert "A - B" in found.stdout and "95 %" not in found.stdout
    assert (
        "ci95"
        not in json.loads(invoke("compare", folder / "a.json", folder / "a.json", "--resamples", 0, "--json").stdout)[
            "metrics"
        ]["auc"]
    )


def test_means_over_classes_are_of_the_metrics_asked_for(folder):
    rows = json.loads((folder / "vggss.json").read_text())
    (folder / "vggss.json").write_text(
        json.dumps([{**row, "class": ["dog", "cat"][n % 2]} for n, row in enumerate(rows)])
    )
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    assert re.search(r"mean over 2 classes: .*auc.*\n", invoke("evaluate", *options).stdout)
    asked = invoke("evaluate", *options, "--metric", "locacc").stdout
    assert re.search(r"mean over 2 classes: locacc [0-9.]+\n", asked)


def test_tables_fit_into_a_terminal_of_a_hundred_columns(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 20]
    invoke("evaluate", *options, "--out", folder / "a.json")
    for command in (
        ["evaluate", *options, "--worst", 2],
        ["evaluate", *options, "--protocol", "all"],
        ["compare", folder / "a.json", folder / "a.json"],
        ["benchmarks"],
        ["benchmarks", "--annotations", folder],
        ["leaderboard", folder / "a.json", "--no-published"],
    ):
        shown = invoke(*command, width=100, terminal=True).stdout
        lines = shown.splitlines()
        assert max(map(len, lines)) <= 100
        broken = any(re.match(r" +(clips|videos|ceiling)", line) for line in lines)
        assert command[0] == "benchmarks" or not broken, "no head of a column is broken"
        if command[0] != "leaderboard":
            narrow = invoke(*command, width=80, terminal=True).stdout
            assert max(map(len, narrow.splitlines())) <= 80


def test_clips_without_a_map_are_told_in_the_heading_and_stand_behind_the_worst(folder):
    rows = json.loads((folder / "vggss.json").read_text())
    rows.insert(0, {"file": "zbcdefghijk_000000", "class": "dog", "bbox": [[0, 0, 1, 1]]})
    (folder / "vggss.json").write_text(json.dumps(rows))
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    shown = invoke("evaluate", *options, "--worst", 7).stdout
    assert "7 of 7 clips, 1 of them without a map score 0" in shown
    assert [line.split()[0] for line in shown.splitlines()[-7:]][::6] == ["abcdefghijk_000004", "zbcdefghijk_000000"]


def test_reasons_are_told_once(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    found = invoke("evaluate", *options, "--protocol", "all")
    assert "note: left out: c2f-agnostic, c2f-class: none of 6 clips can be scored" in found.stderr
    assert "half-area ceiling (hardway)" in found.stdout


def test_masks_are_converted(tmp_path):
    (tmp_path / "anno").mkdir()
    np.save(tmp_path / "anno" / "sample0.npy", np.eye(8))
    found = invoke("benchmarks", "vggsound-instruments", "--annotations", tmp_path, "--convert", tmp_path / "masks.npz")
    assert found.stdout.strip().endswith("masks.npz: 1 masks")


def test_all_protocols_in_one_table(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    found = invoke("evaluate", *options, "--protocol", "all")
    assert found.exit_code == 0
    assert "the same heat maps" in found.stdout
    assert "hardway" in found.stdout
    assert "avloc" in found.stdout


def test_retrieval_and_other_sounds_are_shown_once_for_all_protocols(folder):
    ids = [f"abcdefghijk_{n:06d}" for n in range(6)]
    maps = np.random.default_rng(0).random((6, 14, 14))
    vectors = np.eye(6)
    write_predictions(
        folder / "p.h5", ids, maps, negative_maps={"noise": maps / 2}, frame_vectors=vectors, sound_vectors=vectors
    )
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    every = invoke("evaluate", *options, "--protocol", "all", "--negatives", "noise").stdout
    assert every.count("pIA noise") == 1 and "hardway" in every
    searched = invoke("evaluate", *options, "--protocol", "all", "--metric", "retrieval").stdout
    assert searched.startswith("vggss: retrieval\namong 6 clips\n") and "hardway" not in searched
    alone = invoke("evaluate", *options, "--metric", "retrieval")
    assert alone.stdout == searched and "mask" not in alone.stderr


def test_compare_and_leaderboard(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 50]
    invoke("evaluate", *options, "--out", folder / "a.json")
    found = invoke("compare", folder / "a.json", folder / "a.json")
    assert "6 shared clips, 0 only in A" in found.stdout
    assert json.loads(invoke("compare", folder / "a.json", folder / "a.json", "--json").stdout)["shared"] == 6
    assert re.search(r"\| a +\| +66\.7", invoke("leaderboard", folder / "a.json").stdout)
    assert invoke("leaderboard", folder / "a.json", "--no-published", "--format", "csv").stdout.startswith(
        "benchmark,method"
    )


def test_benchmarks_are_listed(folder):
    found = invoke("benchmarks", "--annotations", folder)
    assert re.search(r"vggss +5158 +6 +ez-vsl", found.stdout)
    assert re.search(r"music-solo +2124 +not there", found.stdout)
    assert max(map(len, invoke("benchmarks").stdout.splitlines())) <= 200
    assert "xmin, ymin, xmax, ymax" in invoke("benchmarks", "vggss").stdout
    assert len(json.loads(invoke("benchmarks", "--json").stdout)) == 22


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate"], "give --config FILE to start one, or --run DIR"),
        (["evaluate", "--predictions", "p.h5", "--axis", "size"], "expected NAME=VALUE"),
        (["evaluate", "--predictions", "no.h5", "--benchmark", "vggss", "--annotations", "."], "expected vggss.json"),
        (["benchmarks", "vgss"], "did you mean 'vggss'"),
        (["compare", "a.json", "b.json"], "no such file"),
        (["benchmarks", "vggss", "--convert", "x.npz"], "--convert needs --annotations DIR"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    found = invoke(*arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert found.stdout == ""


def test_measuring_needs_no_torch(folder):
    code = (
        "import sys; from avloc.cli import main\n"
        f"sys.argv = ['avloc', 'evaluate', '--predictions', {str(folder / 'p.h5')!r}, '--benchmark', 'vggss', "
        f"'--annotations', {str(folder)!r}, '--protocol', 'all', '--resamples', '10']\n"
        "try: main()\nexcept SystemExit as end: assert not end.code, end.code\n"
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_means_over_classes_have_the_names_of_the_metrics_above_them():
    from avloc.percents import own_name

    assert [own_name({"iou@0.5": 1, "auc": 1, "iou": 1}, name) for name in ("ciou", "locacc", "auc")] == [
        "iou", "iou@0.5", "auc",
    ]  # fmt: skip
    assert [own_name({"ciou": 1, "locacc": 1}, name) for name in ("ciou", "locacc")] == ["ciou", "locacc"]
    # the ciou@0.5 of such protocols is of frames, and the tables are of the classes in them
    assert [own_name(("ciou@0.3", "ciou@0.5", "ciou"), name) for name in ("ciou", "locacc")] == ["ciou", "locacc"]
    assert own_name({"miou": 1, "fscore": 1}, "ciou") == own_name({"miou_set": 1}, "ciou") == "iou"


def test_scores_by_class_and_by_size_are_shown_when_asked_for(folder):
    options = ["evaluate", "--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder]
    by_class, by_size = (invoke(*options, "--resamples", 0, "--by", by).stdout for by in ("class", "size"))
    assert "by class, ez-vsl" in by_class and "dog" in by_class
    assert "by size, ez-vsl" in by_size and "huge" in by_size and "small" not in by_size


def test_a_table_of_all_protocols_names_those_that_cannot_judge_masks(tmp_path):
    """A perfect mask has 100 by one protocol and next to nothing by another: the table has to say why."""
    clips = [{"id": "a", "boxes": [{"box": [0.25, 0.25, 0.75, 0.75]}]}]
    truth = {"name": "mine", "boxes": "xyxy", "units": "fraction", "clips": clips}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    maps = np.zeros((1, 16, 16), np.float32)
    maps[0, 4:12, 4:12] = 1
    np.savez(tmp_path / "masks.npz", ids=["a"], maps=maps)
    maps[0, 0, 0] = 0.5
    np.savez(tmp_path / "heat.npz", ids=["a"], maps=maps)
    options = ["--truth", tmp_path / "truth.json", "--protocol", "all", "--resamples", 0]
    shown = " ".join(invoke("evaluate", "--predictions", tmp_path / "masks.npz", *options).stderr.split())
    assert "1 clip has maps of two values (masks), which these protocols cannot judge" in shown
    named = shown.partition("at their threshold: ")[2].partition(" note: ")[0].split(", ")
    assert {"ez-vsl", "slavc-rel", "vcs"} <= set(named) and not {"avloc", "hardway", "sspl"} & set(named)
    assert "cannot judge" not in invoke("evaluate", "--predictions", tmp_path / "heat.npz", *options).stderr


SILENT = REPOSITORY.parent / "shared" / "cases" / "13_silent_frames_avs"


@pytest.mark.parametrize("maps", ["knows_silence", "always"])
def test_silent_frames_count_as_avsbench_counts_them(maps):
    """Five of ten frames are silent: a map that is silent there has all of mIoU, one that never is loses there only."""
    if not SILENT.is_dir():
        pytest.skip(f"{SILENT} is not there")
    options = ["--predictions", SILENT / f"{maps}.npz", "--truth", SILENT / "truth.json", "--resamples", 0, "--json"]
    masks = json.loads(invoke("evaluate", *options, "--protocol", "avsbench").stdout)
    values = {name: one["value"] for name, one in masks["metrics"].items()}
    assert values["fscore"] > 0.99, "silent frames have no part in F"
    assert (values["miou"] > 0.99) == (maps == "knows_silence") and values["miou"] > 0.5
    located = invoke("evaluate", *options[:-1], "--protocol", "avloc")
    assert "5 of them with something to find" in located.stdout or "5 of 10 clips" in located.stdout


MASKS = REPOSITORY.parent / "shared" / "cases" / "28_avsbench_masks" / "ms3_data"


def test_masks_named_as_those_of_avsbench_are_scored_against_them(tmp_path):
    if not MASKS.is_dir():
        pytest.skip(f"{MASKS} is not there")
    options = ["--predictions", MASKS / "gt_masks" / "test", "--benchmark", "avsbench-ms3", "--annotations", MASKS]
    found = json.loads(invoke("evaluate", *options, "--protocol", "avsbench", "--resamples", 0, "--json").stdout)
    assert found["counts"]["found"] == found["counts"]["evaluated"] == 10 and found["counts"]["negatives"] == 3
    assert {name: round(one["value"], 3) for name, one in found["metrics"].items()} == {"miou": 1.0, "fscore": 1.0}
