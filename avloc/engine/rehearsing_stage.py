"""`--dry-run` and `--profile` of a training: everything is opened and tried as in the training, and nothing is kept."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avloc import processes
from avloc.data.loader import Loader
from avloc.engine.class_maps import refuse_objects
from avloc.engine.contract import refuse_senses
from avloc.engine.experiment import Experiment, device_of, open_run
from avloc.engine.misfits import naming_settings
from avloc.engine.predicting import maps_of
from avloc.engine.rehearsing import FewRows, PhaseRehearsed, memory, rehearse
from avloc.engine.run import Run
from avloc.engine.stacked import to_score
from avloc.engine.stages import fresh_stage, refuse_other_view, refuse_without_training, stage_one_run
from avloc.engine.stores import open_data, open_test
from avloc.engine.testing import see_and_hear
from avloc.engine.training import batches_of, refuse_settings
from avloc.errors import AvlocError, RunError
from avloc.methods.base import Localizer
from avloc.progress import Progress, untold
from avloc.protocols import named
from avloc.scoring import score

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SetRehearsed:
    """maps: shape for one batch. seconds: how long the model's maps of the whole set will take. scored: whether the
    batch was scored too; a protocol that scores per class first needs clusters or classes.
    """

    maps: tuple[int, ...]
    seconds: float
    scored: bool


@dataclass(frozen=True)
class Rehearsed:
    """seconds: how long the training will take, estimated from the tried steps. memory: peak bytes, of the CPU and of
    the GPU. sets: test sets of the stage. notes: differences from the training itself, one sentence each.
    """

    run: Path
    stage: int
    device: str
    phases: list[PhaseRehearsed]
    seconds: float
    memory: dict[str, float]
    sets: dict[str, SetRehearsed]
    notes: list[str]


def rehearse_stage(
    number: int,
    config: Path | None,
    run: Path | None,
    overrides: Sequence[str],
    progress: Progress | None,
    profile: bool = False,
) -> Rehearsed:
    """profile: more steps, the share of each of their parts, and RUN/profile/stageN/PHASE.json, a trace for a browser."""
    experiment, where = open_run(config, run, overrides, longer=True)
    processes.join()
    stage = experiment.stage(number)
    refuse_without_training(experiment, where, number)
    refuse_settings(experiment, stage, number)
    notes = []
    if stage.train.keep != "never":
        stage = replace(stage, train=replace(stage.train, keep="never"))
        experiment = replace(experiment, stages={**experiment.stages, number: stage})
    device = device_of(stage.train.device)
    localizer, note = _stage(experiment, where, number)
    notes += [note] if note else []
    localizer = localizer.to(device)
    refuse_senses(localizer)
    refuse_other_view(localizer)
    if any(getattr(encoder, "keeps", False) for encoder in (localizer.frame_encoder(), localizer.sound_encoder())):
        notes.append("frozen encoders run in every step here; training may cache their features, which is faster")
    loaders, _ = batches_of(experiment, number, localizer, device, untold)
    traces = where.path / "profile" / f"stage{number}" if profile else None
    with naming_settings(experiment, number):
        phases = rehearse(localizer, loaders, stage.train, experiment.seed, traces, progress or untold)
    sets = _sets(experiment, number, localizer, device)
    loaders["train"].workers.close()
    processes.leave()
    total = sum(phase.total for phase in phases)
    return Rehearsed(where.path, number, str(device), phases, total, memory(), sets, notes)


def _stage(experiment: Experiment, run: Run, number: int) -> tuple[Localizer, str]:
    """The stage to be trained, and a note if it starts from an untrained one and made-up clusters."""
    if number == 1:
        return fresh_stage(experiment, run, 1), ""
    try:
        return fresh_stage(experiment, run, number, student=True), ""
    except RunError:
        if (stage_one_run(experiment, run).stage(1) / "log.jsonl").exists() and experiment.start.stage1 is not None:
            raise
    first, localizer = experiment.build(1, pretrained=False), experiment.build(number)
    dictionary = None
    if localizer.uses_clusters:
        store = open_data(experiment, 1, experiment.stage(1).data.train, first, training=True)
        clips = Loader(store, first, device_of("cpu"), resident=False)
        objects = FewRows(first, {"train": clips}, 8, experiment.seed)(first.object_features)["objects"]
        dictionary = np.resize(objects.numpy(), (first.clusters, objects.shape[1]))
    localizer.start_from(first, dictionary)
    made_up = "" if dictionary is None else " and made-up clusters"
    return localizer, f"stage one is not ready: tried with an untrained one{made_up}"


def _sets(experiment: Experiment, number: int, localizer: Localizer, device: "torch.device") -> dict[str, SetRehearsed]:
    """One batch of each test set that the stage is used for."""
    stage = experiment.stage(number)
    frame, sound = localizer.frame, localizer.sound
    found = {}
    for name, test in experiment.evaluate.items():
        if experiment.number_of(test.stage) != number:
            continue
        see_and_hear(localizer, test, name)
        protocol: Any = named(test.protocol).with_axes(**test.axes)
        refuse_objects(experiment, protocol, localizer)
        store = open_test(experiment, name, localizer)
        frames = to_score(store, test, experiment.seed, name)
        rows = np.arange(min(stage.train.batch_size, len(frames.plan)))
        started = time.perf_counter()
        maps = maps_of(localizer, Loader(store, localizer, device, resident=False), frames.plan.rows(0, len(rows)))
        seconds = (time.perf_counter() - started) * len(frames.plan) / len(rows)
        scored = protocol.unit != "class"
        if scored:
            _score(protocol, maps, frames.truth.take(rows))
        found[name] = SetRehearsed(tuple(maps.shape), seconds, scored)
        localizer.frame, localizer.sound = frame, sound
    return found


def _score(protocol: Any, maps: Any, truth: Any) -> None:
    try:
        score(protocol, maps.max(1, keepdims=True), truth, resamples=0)
    except AvlocError as error:
        raise AvlocError(f"{protocol.name} on one batch of {truth.name}: {error}") from None
