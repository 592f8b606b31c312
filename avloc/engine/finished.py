"""Which steps of a run are finished: their files exist, and were made from the present contents of the run."""

import hashlib
import json
from pathlib import Path
from typing import Any

from avloc.engine.checkpoints import load_state
from avloc.engine.experiment import Experiment, read_experiment
from avloc.engine.inference import told
from avloc.engine.run import Run
from avloc.engine.stages import clusters_id, stage_one_id, stage_one_run, weights_id, weights_of
from avloc.engine.stores import open_data, open_test
from avloc.engine.validated import about_weights
from avloc.errors import AvlocError
from avloc.files import read_json, regular, write_json
from avloc.protocols import named

#: in a run: for each step that `avloc run` did after the training, a digest of its inputs
RECORD = "steps.json"


def is_trained(experiment: Experiment, run: Run, number: int) -> bool:
    """Whether a stage was trained to the end with its present settings and data, or its weights were imported.

    A training of an earlier version did not record that it finished: this gives False, and training again does nothing.
    """
    stage = experiment.stage(number)
    states = run.states(number)
    try:
        weights = run.weights(number, experiment.build(number, pretrained=False).weights_from)
        if not states:
            return "imported_from" in about_weights(weights)
        state = load_state(states[-1])
    except AvlocError:
        return False
    about = state["about"]
    if not state.get("finished"):
        return False
    longer = state.get("epochs") != stage.train.epochs
    if longer and not state.get("stopped"):  # once out of patience, more epochs change nothing
        return False
    if "clusters" in about and about["clusters"] != _clusters(stage_one_run(experiment, run)):
        return False
    if "stage1" in about and about["stage1"] != _stage_one(experiment, run):
        return False
    return bool(about.get("data") == open_data(experiment, number, stage.data.train).fingerprint)


def is_clustered(experiment: Experiment, run: Run) -> bool:
    """Whether the run's clusters belong to the weights and clips of its stage one."""
    if not run.clusters.exists():
        return False
    localizer = experiment.build(1, pretrained=False)
    try:
        found = run.load_clusters()
        weights = weights_id(run.weights(1, localizer.starts_a_stage))
    except AvlocError:
        return False
    data = open_data(experiment, 1, experiment.stage(1).data.train).fingerprint
    return str(found["weights"]) == weights and str(found.get("data", data)) == data


def is_matched(run: Run) -> bool:
    """Whether the run's matching belongs to its clusters."""
    if not run.matching.exists():
        return False
    try:
        return run.load_matching().get("clusters") == _clusters(run) != ""
    except AvlocError:  # damaged: the step is repeated
        return False


def inputs_of_evaluation(experiment: Experiment, run: Run) -> str:
    """A digest of everything that results depend on: test sets and their stores, weights, clusters, matching, calibration."""
    before = stage_one_run(experiment, run)
    found: dict[str, Any] = {
        "clusters": _clusters(before),
        "matching": _id(before.matching),
        "calibration": _id(run.calibration),
        "seed": experiment.seed,
    }
    if inference := told(experiment.inference):
        found["inference"] = inference
    for number in experiment.stages:
        found[f"stage {number}"] = weights_of(experiment, run, number, experiment.build(number, pretrained=False))
    for name in experiment.evaluate:
        found[name] = [_settings(experiment, name), open_test(experiment, name).fingerprint]
    return _digest(found)


def fingerprint_of_set(experiment: Experiment, name: str) -> str:
    """Of the settings of a test set and of how its maps are computed; its result records it."""
    return _digest([_settings(experiment, name), told(experiment.inference)])


def is_as_configured(experiment: Experiment, name: str, file: Path) -> bool:
    """Whether a result was made with the present settings and store of its test set, as far as it records them.

    False for one that `avloc evaluate --set evaluate.NAME.size=...` wrote.
    """
    try:
        there = dict(read_json(file)["made_with"]["fingerprints"])
    except (AvlocError, KeyError, TypeError, ValueError):  # of an earlier version, or damaged, which its reader tells
        return True
    now = {"test_set": fingerprint_of_set(experiment, name), "store": open_test(experiment, name).fingerprint}
    return all(there.get(mark, value) == value for mark, value in now.items())


def _settings(experiment: Experiment, name: str) -> dict[str, Any]:
    return {key: value for key, value in vars(experiment.evaluate[name]).items() if key != "store"}


def _digest(values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:16]


def result_files(experiment: Experiment, run: Run) -> dict[str, Path]:
    """The result files that `avloc evaluate` writes for each test set."""
    return {name: result_file(experiment, run, name) for name in experiment.evaluate}


def result_file(experiment: Experiment, run: Run, name: str) -> Path:
    """RUN/results/SET.PROTOCOL.json; its name includes axes that differ from the run's own configuration, so that two
    rules never share a file.
    """
    test = experiment.evaluate[name]
    protocol = named(test.protocol).with_axes(**test.axes)
    stem = f"{name}.{protocol.name.replace(':', '.')}"
    before = read_experiment(run.config).evaluate.get(name) if run.config.exists() else None
    if before is not None and before.protocol == test.protocol:
        usual, now = named(before.protocol).with_axes(**before.axes).axes(), protocol.axes()
        other = [axis for axis in now if now[axis] != usual[axis] and axis not in ("report", "changed")]
        stem += "." * bool(other) + ",".join(f"{axis}={now[axis]}" for axis in other)
    return run.results / f"{stem}.json"


def is_recorded(run: Run, step: str, inputs: str, files: list[Path]) -> bool:
    """Whether a step was done with these inputs, and its files still exist."""
    known = run.path / RECORD
    if not known.exists() or not all(file.exists() for file in files):
        return False
    try:
        return bool(read_json(known).get(step) == inputs)
    except (AvlocError, AttributeError):  # damaged: the step is repeated
        return False


def record(run: Run, step: str, inputs: str, repeat: tuple[str, ...] = ()) -> None:
    """Record that a step was done with these inputs. repeat: later steps, which have to be done again."""
    path = run.path / RECORD
    try:
        known = dict(read_json(path)) if path.exists() else {}
    except (AvlocError, TypeError, ValueError):
        known = {}
    run.refuse_moved()
    write_json(path, {name: value for name, value in known.items() if name not in repeat} | {step: inputs})


def _stage_one(experiment: Experiment, run: Run) -> str:
    try:
        return stage_one_id(experiment, run)
    except AvlocError:  # it has no weights
        return ""


def _clusters(run: Run) -> str:
    return clusters_id(run) if run.clusters.exists() else ""


def _id(path: Path) -> str:
    return hashlib.sha256(regular(path).read_bytes()).hexdigest()[:16] if path.exists() else ""
