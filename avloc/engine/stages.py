"""Stages of a run as Localizers: built from the configuration, loaded from the run."""

import hashlib
from pathlib import Path

from avloc.engine.agreement import refuse_mixed
from avloc.engine.checkpoints import load_weights, tensor_shape
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.errors import AvlocError, RunError
from avloc.files import regular
from avloc.methods.base import Localizer


def stage_one_run(experiment: Experiment, run: Run) -> Run:
    """The run with the stage one and clusters that this run builds on: itself, unless ``start.stage1`` names another."""
    other = experiment.start.stage1
    return experiment.other_run("start.stage1", other) if other is not None else run


def finds_objects(experiment: Experiment) -> bool:
    """Whether stage one finds objects that can be clustered."""
    first = experiment.localizers[0]
    return first.can("object_features") or first.can("place_features")


def clusters_objects(experiment: Experiment) -> bool:
    """Whether the second stage of an experiment starts from clusters of the objects that its first stage finds."""
    return 2 in experiment.stages and finds_objects(experiment) and experiment.localizers[-1].uses_clusters


def refuse_without_objects(experiment: Experiment, run: Run) -> None:
    """RunError for a method whose stage one finds no objects to cluster."""
    if not finds_objects(experiment):
        raise RunError(
            f"{run.path}: {experiment.method} clusters no objects; continue with `avloc evaluate --run {run.path}`"
        )


def last_trained(experiment: Experiment, run: Run) -> int:
    """The last stage with weights; the last of all if none has any, and loading then fails."""
    for number in sorted(experiment.stages, reverse=True):
        kind = experiment.localizers[number - 1]
        where = stage_one_run(experiment, run) if number == 1 else run
        if not kind.needs_training or any(
            (where.stage(number) / f"{p}.safetensors").exists() for p in kind.weights_from
        ):
            return number
    return experiment.number_of(None)


def load_stage(experiment: Experiment, run: Run, number: int, phases: tuple[str, ...] | None = None) -> Localizer:
    """A trained stage, from the first existing weights of `phases` (None: those for `locate`)."""
    if not needs_training(experiment, number):
        return experiment.build(number).eval()
    localizer = experiment.build(number, pretrained=False)
    before = stage_one_run(experiment, run)
    path = (before if number == 1 else run).weights(number, phases or localizer.weights_from)
    if number > 1 and localizer.uses_clusters and before.clusters.exists():
        _refuse_foreign_clusters(before.load_clusters(), experiment.build(1, pretrained=False), before)
    about = fill(experiment, localizer, number, path)
    if (
        number > 1
        and localizer.uses_clusters
        and before.clusters.exists()
        and about.get("clusters", "") not in ("", clusters_id(before))
    ):
        raise RunError(
            f"{path} was trained with other clusters than those in {before.clusters}; train stage {number} again in "
            "another --run"
        )
    return localizer.eval()


def fill(experiment: Experiment, localizer: Localizer, number: int, path: Path) -> dict[str, str]:
    """Load the weights of a file into a newly built stage; returns the file's metadata.

    The file contains all of a later stage; only the structure of stage one is needed, so neither a trained stage one
    nor a run is required.
    """
    if number > 1:
        localizer.take_form(experiment.build(1, pretrained=False), lambda name: tensor_shape(path, name))
    about = weights_into(experiment, localizer, number, path)
    refuse_other_view(localizer)
    return about


def weights_into(experiment: Experiment, localizer: Localizer, number: int, path: Path) -> dict[str, str]:
    """Load weights that agree with the log and the states next to them; returns their metadata."""
    about = load_weights(localizer, path, experiment.method, number)
    refuse_mixed(path, about, experiment.stage(number).train.select == "last")
    return about


def needs_training(experiment: Experiment, number: int) -> bool:
    """Whether a stage is trained at all; ConfigError for a number that does not exist."""
    experiment.stage(number)  # this refuses a number that does not exist
    return experiment.localizers[number - 1].needs_training


def refuse_without_training(experiment: Experiment, run: Run, number: int) -> None:
    """RunError for a stage without training."""
    if not needs_training(experiment, number):
        raise RunError(
            f"{experiment.method} needs no training; continue with "
            f"`avloc evaluate --config {experiment.source.source} --run {run.path}`"
        )


def fresh_stage(experiment: Experiment, run: Run, number: int, student: bool = False) -> Localizer:
    """An untrained stage; stage two starts from stage one's networks and the run's clusters.

    student: also continue with the stage two of ``start.stage2``, as DSOL does from synthetic scenes to duets.
    """
    localizer = experiment.build(number)
    if number == 1:
        return localizer
    before = stage_one_run(experiment, run)
    first = load_stage(experiment, run, 1, experiment.build(1, pretrained=False).starts_a_stage)
    if localizer.uses_clusters:
        clusters = before.load_clusters()
        _refuse_foreign_clusters(clusters, first, before)
        localizer.start_from(first, clusters["dictionary"])
    else:
        localizer.start_from(first, None)
    if student and experiment.start.stage2 is not None:
        other = experiment.other_run("start.stage2", experiment.start.stage2)
        weights = localizer.state_dict().items()
        own = {name: value.clone() for name, value in weights if name.startswith(localizer.own_start)}
        path = other.weights(2, localizer.weights_from)
        refuse_mixed(path, load_weights(localizer, path, experiment.method, 2), last=False)
        localizer.load_state_dict(own, strict=False)
    return localizer


def refuse_other_view(localizer: Localizer) -> None:
    """AvlocError if an encoder undoes another mean and deviation than those applied to the frames of this stage."""
    own = tuple(localizer.frame.mean), tuple(localizer.frame.std)
    for module in localizer.modules():
        view = getattr(module, "view", None)
        if isinstance(view, tuple) and view != own:
            raise AvlocError(
                f"frame.mean and frame.std of this stage are {own}, but its encoder expects {view}: set them to the same values"
            )


def _refuse_foreign_clusters(clusters: dict, first: Localizer, run: Run) -> None:
    """Cluster numbers are only meaningful for the weights whose heads were trained with them."""
    path = run.weights(1, first.starts_a_stage)
    if str(clusters["weights"]) != weights_id(path):
        raise RunError(
            f"{run.clusters} belongs to other weights than {path}; `avloc cluster --run {run.path}` writes it again"
        )


def clusters_id(run: Run) -> str:
    """A short hash of the cluster of each clip; numbers of another clustering mean something else."""
    return hashlib.sha256(run.load_clusters()["labels"].astype("<i8").tobytes()).hexdigest()[:16]


def weights_of(experiment: Experiment, run: Run, number: int, localizer: Localizer) -> str:
    """The short hash of the weights that a stage uses; empty for a method without training.

    localizer: the stage itself, because its arguments can determine which phase's weights it uses.
    """
    if not needs_training(experiment, number):
        return ""
    where = stage_one_run(experiment, run) if number == 1 else run
    return weights_id(where.weights(number, localizer.weights_from))


def stage_one_id(experiment: Experiment, run: Run) -> str:
    """The short hash of the stage-one weights from which stage two starts; empty if stage one is not trained."""
    if not needs_training(experiment, 1):
        return ""
    first = experiment.build(1, pretrained=False)
    return weights_id(stage_one_run(experiment, run).weights(1, first.starts_a_stage))


def weights_id(path: Path) -> str:
    """A short hash of a weights file."""
    return hashlib.sha256(regular(path).read_bytes()).hexdigest()[:16]
