"""Evaluating a run: on two processes, with what made its results, and again."""

import json
import shutil

import numpy as np
import pytest
import yaml

import avloc
from avloc.engine.experiment import open_run
from avloc.engine.resolved import resolved
from avloc.errors import AvlocError
from avloc.predictions import read_predictions
from tests.engine.running import torchrun
from tests.engine.tiny import make_tiny_store, tiny_config, tiny_method, write_config

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    settings = tiny_config(make_tiny_store(folder / "store"))
    settings["stage1"]["train"] |= {"epochs": 1}
    config = write_config(folder / "tiny.yaml", settings)
    avloc.train_stage1(config=config, run=folder / "run")
    return folder / "run", settings


def stored(run):
    return {path.name: json.loads(path.read_text()) for path in sorted((run / "results").glob("*.json"))}


def test_two_processes_predict_and_score_what_one_does_to_the_last_bit(trained):
    run, _ = trained
    how = {"run": run, "sets": ["solo"], "resamples": 20}
    told = []
    avloc.evaluate(**how, progress=lambda *one: told.append(one))
    alone = stored(run)
    maps = {path.name: read_predictions(path).maps for path in (run / "predictions").glob("*.h5")}
    assert told[-1][0] == told[-1][1] and told[-1][1] % len(next(iter(maps.values()))) == 0
    for path in (run / "results").glob("*.json"):
        path.unlink()
    torchrun("-m", "--", "avloc", "evaluate", "--run", run, "--sets", "solo", "--resamples", "20")
    both = stored(run)
    for results in (alone, both):
        for one in results.values():
            one["made_with"].pop("date")
    assert both == alone
    for name, expected in maps.items():
        assert np.array_equal(read_predictions(run / "predictions" / name).maps, expected)


DIES = """
import os, signal
from avloc import processes
from avloc.engine import testing

own = testing.maps_of

def dying(*arguments, **named):
    if processes.rank() == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return own(*arguments, **named)

testing.maps_of = dying
from avloc.cli import main
main()
"""


def test_a_process_that_is_killed_ends_the_others_with_a_line_and_the_next_call_does_the_work(trained, tmp_path):
    run, _ = trained
    how = ("evaluate", "--run", run, "--sets", "solo", "--resamples", "20")
    avloc.evaluate(run=run, sets=["solo"], resamples=20)
    alone = stored(run)
    shutil.rmtree(run / "results")
    shutil.rmtree(run / "predictions")
    (tmp_path / "dies.py").write_text(DIES)
    said = torchrun(tmp_path / "dies.py", "--", *how, processes=3, fails=True).stderr
    mine = {line for line in said.splitlines() if line.startswith("avloc: ")}
    assert mine and all("another process of this command ended" in line for line in mine), said[-2000:]
    assert "avloc/engine" not in said, "no traceback of avloc"
    assert not (run / "results").exists() and not (run / "predictions").exists(), "nothing is half-written"
    torchrun("-m", "--", "avloc", *how, processes=3)
    both = stored(run)
    for results in (alone, both):
        for one in results.values():
            one["made_with"].pop("date")
    assert both == alone


def test_two_processes_write_the_same_heat_maps_of_a_store_as_one(trained, tmp_path):
    run, settings = trained
    how = ("--store", settings["evaluate"]["solo"]["store"], "--split", "test", "--run", run, "--stage", "1", "--out")
    avloc.predict(store=how[1], split="test", run=run, stage=1, out=tmp_path / "alone")
    torchrun("-m", "--", "avloc", "predict", *how, tmp_path / "both")
    alone, both = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("alone", "both"))
    assert set(alone) == {"test.h5", "test.csv", "test.png"} and alone == both


def test_results_and_runs_say_what_made_them(trained):
    run, _ = trained
    avloc.evaluate(run=run, sets=["solo"], resamples=20)
    (result,) = stored(run).values()
    begun = json.loads((run / "made_with.json").read_text())
    for one in (result["made_with"], begun):
        assert {"avloc", "torch", "numpy", "python"} <= set(one["versions"]) and one["device"] and one["date"]
    assert result["made_with"]["fingerprints"]["configuration"] == begun["fingerprints"]["configuration"]
    assert {"store", "predictions"} < set(result["made_with"]["fingerprints"])


def test_evaluating_again_for_fewer_metrics_and_without_intervals_takes_nothing_away(trained):
    run, _ = trained
    how = {"run": run, "sets": ["solo"], "resamples": 20}
    avloc.evaluate(**how)
    (before,) = stored(run).values()
    avloc.evaluate(**how | {"resamples": 0}, metric=[next(iter(before["metrics"]))])
    (after,) = stored(run).values()
    assert after["metrics"] == before["metrics"] and after["comparisons"] == before["comparisons"]


def test_a_changed_axis_has_a_result_file_of_its_own_and_leaves_the_other_as_it_was(trained):
    run, _ = trained
    before = stored(run) or (avloc.evaluate(run=run, sets=["solo"], resamples=0) and stored(run))
    changed = avloc.evaluate(run=run, sets=["solo"], set=["evaluate.solo.axes.size=112"], resamples=0).sets["solo"]
    after = stored(run)
    assert changed.file.name in after and ".size=112." in changed.file.name
    assert {name: one for name, one in after.items() if name != changed.file.name} == before
    table = avloc.leaderboard(sorted((run / "results").glob("*.json")), published=False).tables[0]
    assert len({rule for _, rule in table.columns}) == 2, "two rules, two columns"
    changed.file.unlink()


def test_the_configuration_of_a_run_holds_all_values_and_reads_as_the_one_it_was_started_with(trained):
    run, settings = trained
    kept = yaml.safe_load((run / "config.yaml").read_text())
    experiment, _ = open_run(None, run)
    assert kept == resolved(experiment)
    assert kept["stage1"]["train"]["gamma"] == 0.1 and "gamma" not in settings["stage1"]["train"]
    # the file that it was started with is no other configuration, though it leaves defaults out
    open_run(run.parent / "tiny.yaml", run)
    with pytest.raises(avloc.errors.RunError, match=r"stage1\.train\.gamma: 0\.1, now it is 0\.2"):
        open_run(None, run, ["stage1.train.gamma=0.2"])


def test_one_map_for_everything_needs_no_matching_to_be_scored_per_class(tmp_path):
    config = write_config(tmp_path / "c.yaml", tiny_method(make_tiny_store(tmp_path / "store"), "ez_vsl"))
    found = avloc.run(config, tmp_path / "run", figures=False)
    assert [step.command for step in found.steps] == ["train-stage1", "evaluate"]
    avloc.cluster(run=tmp_path / "run")
    avloc.match_clusters(run=tmp_path / "run")
    assert avloc.run(run=tmp_path / "run", figures=False).results["multi"] == found.results["multi"]


def test_maps_of_objects_are_not_scored_per_class(tmp_path):
    settings = tiny_method(make_tiny_store(tmp_path / "store"), "noprior")
    settings["stage1"]["model"]["maps"] = "objects"
    config, run = write_config(tmp_path / "c.yaml", settings), tmp_path / "run"
    said = "noprior gives maps of objects without classes, but dsol-duet scores per class"
    with pytest.raises(AvlocError, match=said):
        avloc.run(config, run, dry_run=True)
    avloc.train_stage1(config, run)
    with pytest.raises(AvlocError, match=said):
        avloc.evaluate(run=run, sets=["multi"], resamples=10)
