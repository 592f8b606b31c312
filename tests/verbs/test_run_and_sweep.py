"""`avloc run` takes a method's steps once, and `avloc sweep` runs of it side by side."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import avloc
from avloc.engine import finished, sweep_jobs
from avloc.engine.experiment import open_run
from avloc.engine.run import Run
from avloc.errors import RunError
from tests.commands import error_of, invoke, shown
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

pytestmark = pytest.mark.slow

STEPS = ["train-stage1", "cluster", "match-clusters", "train-stage2", "evaluate"]


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("day")
    make_tiny_store(folder / "store")
    config = tiny_config(folder / "store", class_iter=1)
    config["stage1"]["train"]["epochs"], config["stage2"]["train"]["epochs"] = 2, 1
    write_config(folder / "both.yaml", config)
    config["evaluate"] = {"solo": config["evaluate"]["solo"]}
    del config["stage2"]
    config["stage1"]["train"]["epochs"], config["stage1"]["model"]["class_task"] = 1, False
    write_config(folder / "one.yaml", config)
    return folder


@pytest.fixture(scope="module")
def both(place) -> Path:
    """A run that took all of its steps."""
    done = avloc.run(place / "both.yaml", place / "run", figures=False)
    assert [(step.command, step.state) for step in done.steps] == [(name, "done") for name in STEPS]
    assert set(done.results) == {"solo", "multi"} and done.results["solo"]["metrics"]
    return place / "run"


@pytest.fixture
def again(both, tmp_path) -> Path:
    return Path(shutil.copytree(both, tmp_path / "run"))


def states(run: Path, **options) -> dict[str, str]:
    return {step.command: step.state for step in avloc.run(run=run, figures=False, **options).steps}


def test_a_second_run_skips_every_step(again):
    assert states(again) == dict.fromkeys(STEPS, "skipped")


def test_steps_are_the_commands_one_by_one(both, place, tmp_path):
    run = tmp_path / "alone"
    avloc.train_stage1(place / "both.yaml", run)
    for step in (avloc.cluster, avloc.match_clusters, avloc.train_stage2, avloc.evaluate):
        step(run=run)
    for name in ("solo.dsol-solo", "multi.dsol-duet"):
        mine, theirs = (json.loads((one / "results" / f"{name}.json").read_text()) for one in (both, run))
        assert mine["metrics"] == theirs["metrics"]


def test_what_is_lost_is_made_again_and_what_hangs_on_it_judged_anew(again):
    (again / "matching.json").unlink()
    assert states(again) == dict.fromkeys(STEPS, "skipped") | {"match-clusters": "done"}
    (again / "results" / "solo.dsol-solo.json").unlink()
    assert states(again)["evaluate"] == "done"
    (again / "steps.json").write_text("{")
    assert states(again)["evaluate"] == "done"


def test_another_test_set_is_scored_without_training_again(again):
    taken = states(again, set=["evaluate.solo.frames=first"])
    assert taken == dict.fromkeys(STEPS, "skipped") | {"evaluate": "done"}


@pytest.mark.parametrize(
    "setting", ["evaluate.solo.size=24", "evaluate.solo.frames=first", "inference.channels_last=true"]
)
def test_a_result_of_other_settings_is_not_shown_as_that_of_the_run(again, setting):
    before = avloc.run(run=again, figures=False).results["solo"]["metrics"]
    avloc.evaluate(run=again, sets=["solo"], set=[setting], resamples=10)
    assert states(again)["evaluate"] == "done"
    assert avloc.run(run=again, figures=False).results["solo"]["metrics"] == before
    avloc.evaluate(run=again, sets=["solo"], metric=["iou"], resamples=10)
    assert states(again)["evaluate"] == "skipped"


def test_the_report_is_drawn_again_after_results_were(again):
    assert [step.state for step in avloc.run(run=again).steps][-2:] == ["skipped", "done"]
    assert avloc.run(run=again).steps[-1].state == "skipped"
    avloc.evaluate(run=again, sets=["solo"], set=["evaluate.solo.size=24"], resamples=10)
    assert [step.state for step in avloc.run(run=again).steps][-2:] == ["done", "done"]


def test_imported_weights_are_never_trained_over(again):
    experiment, run = open_run(None, again)
    weights = again / "stage2" / "train.safetensors"
    for state in run.states(2):
        state.unlink()
    assert not finished.is_trained(experiment, run, 2)
    with safe_open(weights, framework="pt") as file:
        about = file.metadata()
    save_file(load_file(weights), weights, {**about, "imported_from": "theirs.pth"})
    assert finished.is_trained(experiment, run, 2)


def in_this_process(jobs, at_once, devices, ended):
    """What `run_all` does, without processes."""
    failed = {}
    for job in jobs:
        found = invoke(*job.words)
        if found.exit_code:
            failed[job.name] = found.stderr.strip().splitlines()[-1]
        ended(job.name)
    return failed


@pytest.fixture(scope="module")
def swept(place):
    """Two rates, two seeds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_jobs, "run_all", in_this_process)
        return avloc.sweep(
            place / "one.yaml", grid="stage1.train.lr=1e-3,0", seeds="0-1", out=place / "sweep", metric="iou"
        )


def test_a_sweep_is_a_run_for_each_setting_and_seed(swept, place):
    assert [(row.settings, row.seeds) for row in swept.settings] == [
        (("stage1.train.lr=1e-3",), [0, 1]),
        (("stage1.train.lr=0",), [0, 1]),
    ]
    assert not swept.failed and not swept.missing and swept.best is not None and swept.best.figure == "iou"
    run = place / "sweep" / "stage1.train.lr=1e-3_seed=1"
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert (config["seed"], config["stage1"]["train"]["lr"]) == (1, 1e-3)
    last = json.loads((run / "stage1" / "log.jsonl").read_text().splitlines()[-1])
    assert swept.settings[0].validation.values[1] == last["validation"]["iou"]
    result = json.loads((run / "results" / "solo.dsol-solo.json").read_text())
    assert swept.settings[0].test["solo"]["iou"].values[1] == result["metrics"]["iou"]["value"]
    kept = json.loads((place / "sweep" / "sweep.json").read_text())
    assert kept["settings"][0]["validation"]["mean"] == swept.settings[0].validation.mean


def test_a_sweep_that_is_given_again_starts_only_what_is_new(swept, place, monkeypatch):
    started = []
    monkeypatch.setattr(sweep_jobs, "run_all", lambda jobs, *rest: started.extend(job.name for job in jobs) or {})
    found = avloc.sweep(place / "one.yaml", grid="stage1.train.lr=1e-3,0", seeds="0-2", out=place / "sweep")
    assert started == found.missing == ["stage1.train.lr=1e-3_seed=2", "stage1.train.lr=0_seed=2"]
    assert found.settings == swept.settings


def test_the_table_shows_means_and_the_best_by_validation(swept, place):
    text = shown(
        "sweep", place / "one.yaml", "--grid", "stage1.train.lr=1e-3,0", "--seeds", "0-1", "--out", place / "sweep",
        "--jobs", 0, "--metric", "iou",
    )  # fmt: skip
    lines = text.splitlines()
    assert "validation iou" in lines[1] and "solo iou, %" in lines[1] and "auc" not in text
    assert lines[2].startswith("stage1.train.lr=1e-3") and "±" in lines[2] and "[" in lines[2]
    assert any(line.startswith("best by validation iou: stage1.train.lr=") for line in lines)
    words = error_of(
        "sweep", place / "one.yaml", "--grid", "stage1.train.lr=1e-3,0", "--seeds", "0-1", "--out", place / "sweep",
        "--jobs", 0, "--metric", "foo", "--quiet",
    )  # fmt: skip
    assert "--metric foo: no test set reports it" in words


def test_nothing_is_chosen_by_a_split_that_is_tested_too(swept, place):
    found = avloc.sweep(
        place / "one.yaml", grid="stage1.train.lr=1e-3,0", seeds="0-1", out=place / "sweep", jobs=0,
        set=["evaluate.solo.split=validation"],
    )  # fmt: skip
    assert found.best is None and "choosing by it would mean choosing on test data" in found.no_best


def test_a_figure_that_no_run_has_costs_nothing_but_the_choice(swept, place):
    found = avloc.sweep(
        place / "one.yaml", grid="stage1.train.lr=1e-3,0", seeds="0-1", out=place / "sweep", jobs=0, by="taste"
    )
    assert found.best is None and len(found.settings) == 2
    assert "--by taste: no such validation figure; the runs have " in found.no_best and "iou" in found.no_best


DAMAGED = ("{", "[]", '{"protocol": 5}', '{"protocols": {}}', "\0")


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_result_of_a_run_is_named_with_what_to_do(again, text):
    file = again / "results" / "solo.dsol-solo.json"
    file.write_text(text)
    said = error_of("run", "--run", again, "--no-figures", "--quiet")
    assert str(file) in said and f"remove it and repeat `avloc run --run {again}`" in said
    file.unlink()
    assert states(again)["evaluate"] == "done"


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_result_costs_a_sweep_that_run_only(swept, place, tmp_path, text):
    out = shutil.copytree(place / "sweep", tmp_path / "sweep")
    file = next(iter(sorted(out.glob("*/results/*.json"))))
    file.write_text(text)
    found = avloc.sweep(place / "one.yaml", grid="stage1.train.lr=1e-3,0", seeds="0-1", out=out, jobs=0)
    name = str(file.relative_to(out).parent.parent)
    assert list(found.failed) == [name] and str(file) in found.failed[name] and not found.missing
    assert sum(len(row.seeds) for row in found.settings) == 3


def test_print_gives_one_command_a_line_and_starts_nothing(place, tmp_path):
    text = shown("sweep", place / "one.yaml", "--seeds", "0-1", "--out", tmp_path / "it's", "--print")
    assert len(text.splitlines()) == 2 and not (tmp_path / "it's").exists()
    assert text.splitlines()[0].startswith(f"avloc run {place}/one.yaml --run ") and "--set seed=0" in text


def test_a_run_that_fails_is_named_and_the_others_go_on(place, tmp_path):
    """In processes of their own."""
    found = invoke(
        "sweep", place / "one.yaml", "--grid", f"stage1.data.store={tmp_path / 'gone'},{place / 'store'}", "--jobs", 2,
        "--out", tmp_path / "sweep",
    )  # fmt: skip
    assert found.exit_code == 1, found.stderr
    failed = [line for line in found.stdout.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 1 and "gone" in failed[0] and "Traceback" not in found.stdout
    assert f"stage1.data.store={place / 'store'}" in found.stdout


def test_a_sweep_that_is_killed_goes_on_where_it_was_and_repeats_no_finished_run(place, tmp_path, monkeypatch):
    """Killed outright in the middle of the second of three runs, whose process ends with it."""
    out, config = tmp_path / "sweep", place / "one.yaml"
    words = ["sweep", config, "--seeds", "0-2", "--out", out, "--set", "stage1.train.epochs=15", "--quiet"]
    process = subprocess.Popen([sys.executable, "-m", "avloc", *map(str, words)], stderr=subprocess.PIPE)
    first, second = out / "seed=0", out / "seed=1"
    until = time.monotonic() + 600
    while not list(second.glob("stage1/state-*.pt")) and process.poll() is None and time.monotonic() < until:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert (first / "steps.json").exists() and not (second / "steps.json").exists()
    weights = (first / "stage1" / "localize.safetensors").stat().st_mtime_ns
    while time.monotonic() < until:  # until the run that was under way has ended, too
        try:
            with Run(second).claimed("is looked at"):
                break
        except RunError:
            time.sleep(0.05)
    begun = len((second / "stage1" / "log.jsonl").read_text().splitlines())
    assert 1 <= begun < 15
    started = []

    def run_all(jobs, *rest):
        started.extend(job.name for job in jobs)
        return in_this_process(jobs, *rest)

    monkeypatch.setattr(sweep_jobs, "run_all", run_all)
    found = avloc.sweep(config, seeds="0-2", out=out, set=["stage1.train.epochs=15"])
    assert started == ["seed=1", "seed=2"] and not found.failed and not found.missing
    assert found.settings[0].seeds == [0, 1, 2]
    assert (first / "stage1" / "localize.safetensors").stat().st_mtime_ns == weights


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--grid", "stage1.train.foo=1,2"], "--set stage1.train.foo: unknown key"),
        (["--set", "seed=1", "--seeds", "0-1"], "both set the seed"),
        (["--seeds", "4-0"], "runs backwards"),
    ],
)
def test_mistakes_are_found_before_anything_starts(words, said, place, tmp_path):
    assert said in error_of("sweep", place / "one.yaml", *words, "--out", tmp_path / "sweep")
    assert not (tmp_path / "sweep").exists()
