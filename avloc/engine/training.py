"""Training one stage of a run, shared by `train-stage1` and `train-stage2`."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc import processes
from avloc.config import read_section
from avloc.engine.card import metadata_of_training
from avloc.engine.experiment import Experiment, Stage, device_of, keep_config, open_run
from avloc.engine.longer import refuse_impatient
from avloc.engine.run import Run
from avloc.engine.settings import Data
from avloc.engine.stores import content_of, open_data
from avloc.errors import ConfigError, DataError
from avloc.methods.base import Localizer
from avloc.naming import counted
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    import torch

    from avloc.data.kept import Kept
    from avloc.data.labels import Labels
    from avloc.data.loader import Loader
    from avloc.data.store import Store
    from avloc.data.workers import Workers

log = logging.getLogger("avloc.train")


@dataclass(frozen=True)
class Trained:
    """run: the folder. stage, epochs, seconds: what was trained. weights: the written files, by phase. last: the last log
    entry of each phase."""

    run: Path
    stage: int
    epochs: int
    seconds: float
    weights: dict[str, Path]
    last: dict[str, dict[str, Any]]


def train_stage(
    number: int,
    config: Path | None,
    run: Path | None,
    overrides: Sequence[str],
    progress: Progress | None,
    log_to: Sequence[str] = (),
) -> Trained:
    experiment, where = open_run(config, run, overrides, longer=True)
    with where.claimed("is training in this run"):
        return _train(number, experiment, where, progress, log_to)


def _train(
    number: int, experiment: Experiment, where: Run, progress: Progress | None, log_to: Sequence[str]
) -> Trained:
    from avloc.engine.also_logged import also_logged
    from avloc.engine.contract import refuse_senses
    from avloc.engine.misfits import naming_settings
    from avloc.engine.stages import (
        clusters_id,
        fresh_stage,
        refuse_other_view,
        refuse_without_training,
        stage_one_id,
        stage_one_run,
    )
    from avloc.engine.starting import leaving_nothing
    from avloc.engine.step import channels_last
    from avloc.engine.trainer import fit
    from avloc.engine.validated import refuse_imported
    from avloc.engine.watched_store import refuse_harmful

    stage = experiment.stage(number)
    refuse_without_training(experiment, where, number)
    refuse_settings(experiment, stage, number)
    refuse_imported(experiment, where, number)
    processes.join()
    device = device_of(stage.train.device)
    if stage.data.layout == "store":  # first find the data, because otherwise weights might be downloaded in vain
        for split in filter(None, (stage.data.train, stage.data.validation)):
            refuse_harmful(open_data(experiment, number, split))
    localizer = fresh_stage(experiment, where, number, student=True).to(device)
    refuse_senses(localizer)
    refuse_other_view(localizer)
    channels_last(localizer)
    loaders, eyes_and_ears = batches_of(experiment, number, localizer, device, progress or untold)
    begins = not where.config.exists()
    if processes.is_first():
        keep_config(experiment, where)
    about = {
        "method": experiment.method,
        "stage": number,
        "data": loaders["train"].store.fingerprint,
        "seed": experiment.seed,
        **eyes_and_ears,
    }
    if number > 1:
        about["stage1"] = stage_one_id(experiment, where)
    if number > 1 and localizer.uses_clusters:
        about["clusters"] = clusters_id(stage_one_run(experiment, where))
    name = f"{where.path.name} stage {number}"
    logged = also_logged(log_to, where.stage(number), name, experiment.source.values)
    with logged as told, leaving_nothing(where, number, begins), naming_settings(experiment, number):
        entries = fit(
            localizer,
            loaders,
            stage.train,
            where.stage(number),
            experiment.seed,
            about,
            progress or untold,
            where.refuse_moved,
            metadata_of_training(_started_with(experiment, where), loaders["train"].store, stage.data.train),
            told,
        )
    loaders["train"].workers.close()
    processes.leave()
    phases = list(dict.fromkeys(entry["phase"] for entry in entries))
    return Trained(
        where.path, number, len(entries), round(sum(entry["seconds"] for entry in entries), 1),
        {phase: where.stage(number) / f"{phase}.safetensors" for phase in phases},
        {phase: [entry for entry in entries if entry["phase"] == phase][-1] for phase in phases},
    )  # fmt: skip


def refuse_settings(experiment: Experiment, stage: Stage, number: int) -> None:
    """ConfigError for settings with which no epoch can be chosen, or only on a test set, and for labels or maps that
    cannot exist.
    """
    from avloc.engine.object_maps import refuse_class_maps

    refuse_impatient(f"{experiment.source.source}: stage{number}.train", stage.train, stage.data.validation)
    if stage.data.labels is not None and stage.data.layout == "webdataset":
        raise ConfigError(
            f"{experiment.source.source}: stage{number}.data.labels is {stage.data.labels!r}, but tar shards have no pseudo "
            "labels; make a store of them with `avloc prepare import --layout webdataset`"
        )
    refuse_class_maps(experiment, experiment.evaluate)
    _refuse_choosing_on_tests(experiment, stage)


def batches_of(
    experiment: Experiment, number: int, localizer: Localizer, device: "torch.device", progress: Progress
) -> "tuple[dict[str, Loader], dict[str, str]]":
    """The loaders ``train`` and, if there is such a split, ``validation``; and digests of cached features, see `digests`."""
    from avloc.data.workers import Workers
    from avloc.engine.keeping import digests
    from avloc.engine.misfits import refuse_misfits
    from avloc.engine.validation import refuse_unmeasured

    stage = experiment.stage(number)
    workers = Workers(stage.train.workers, stage.data.read_ahead)  # shared by all splits
    loaders: dict[str, Loader] = {}
    eyes_and_ears: dict[str, str] = {}
    for name, split in (("train", stage.data.train), ("validation", stage.data.validation)):
        if split is not None:
            augmented = name == "train" or stage.train.val_transform == "train"
            loaders[name], kept = _loader(experiment, number, split, localizer, device, augmented, progress, workers)
            eyes_and_ears |= digests(kept)
    _refuse_shared_videos(stage.data, loaders["train"].store.videos, loaders.get("validation"))
    refuse_unmeasured(f"stage{number}.train", localizer, stage.train, loaders)
    refuse_misfits(experiment, number, localizer, loaders)
    return loaders, eyes_and_ears


def _started_with(experiment: Experiment, run: Run) -> dict[str, Any]:
    """The configuration recorded in the weights is the one that the run was started with, even if a store was moved since."""
    kept = read_section(run.config).values if run.config.exists() else experiment.source.values
    return dict(kept)


def _loader(
    experiment: Experiment,
    number: int,
    split: str,
    localizer: Localizer,
    device: "torch.device",
    augmented: bool,
    progress: Progress,
    workers: "Workers",
) -> "tuple[Loader, Kept]":
    """The batches of a split, and its cached features."""
    from avloc.data.labels import read_labels
    from avloc.data.loader import Loader
    from avloc.engine.keeping import keep_features

    stage = experiment.stage(number)
    store = open_data(experiment, number, split, localizer, training=True)
    labels = None if stage.data.labels is None else read_labels(store, stage.data.labels)
    refuse_labels(stage.data, split, store, labels, localizer)
    pairs = stage.data.pairs or getattr(store, "settings", {}).get("pairs", "stored")
    anew = pairs == "anew" and split == stage.data.train
    if anew and not store.labels.any():
        raise DataError(
            f"{stage.data.store}, {split}: no clip has a class, so pairs cannot be drawn anew; set data.pairs: stored"
        )
    kept = keep_features(localizer, store, stage.train, experiment.seed, augmented, progress)
    train = stage.train
    buffer = stage.data.shuffle
    return Loader(store, localizer, device, workers, train.resident, labels, kept=kept, anew=anew, buffer=buffer), kept


def refuse_labels(data: Data, split: str, store: "Store", labels: "Labels | None", localizer: Localizer) -> None:
    """DataError for labels with other classes than the model's, or without the proposals that it needs."""
    what = f"{data.store}, {split}: the labels" + (f" {data.labels}" if data.labels else "")
    classes, wanted = store.classes if labels is None else labels.classes, localizer.needs.label_classes
    if wanted is not None and len(classes) != wanted:
        raise DataError(
            f"{what} have {len(classes)} classes, the model {wanted}; set stage1.model.classes to {len(classes)}, or name "
            "other pseudo labels (data.labels)"
        )
    if not localizer.needs.proposals:
        return
    if labels is None or labels.proposals is None:
        raise DataError(
            f"{what} have no proposals; `avloc pseudo-labels` with --proposals FILE writes them (data.labels)"
        )
    if wanted is not None and -1 in (labels.proposal_classes if labels.proposal_classes is not None else ()):
        raise DataError(
            f"{what} have proposals without classes; `avloc pseudo-labels` with --classifier FILE names them"
        )
    frame = localizer.frame
    if frame.augment or frame.crop:
        raise DataError(
            f"{what} have proposals, but frames are augmented; set stage1.model.frame {{augment: false, crop: false}}"
        )


def _refuse_shared_videos(data: Data, training: Sequence[str], validation: Any) -> None:
    shared = set(training) & set(validation.store.videos) if validation is not None else set()
    if shared:
        raise DataError(
            f"{data.store}: splits {data.train} and {data.validation} share {counted(len(shared), 'video', 'videos')} "
            f"({min(shared)} ...); "
            "validation must not see training videos: choose other splits"
        )


def _refuse_choosing_on_tests(experiment: Experiment, stage: Stage) -> None:
    data, select = stage.data, stage.train.select
    if select == "last":
        return
    tested = tests_on_validation(experiment, stage)
    if not tested:
        return
    found = f"train.select: {select} chooses the epoch on {data.validation}, which evaluate.{tested[0]} tests"
    if not data.select_on_test:
        raise ConfigError(
            f"{experiment.source.source}: {found}; choose another data.validation, select: last, or, to do as "
            "published, data.select_on_test: true"
        )
    log.warning("%s: its results will be optimistic", found)


def tests_on_validation(experiment: Experiment, stage: Stage) -> list[str]:
    """Test sets that are the validation split of a stage."""
    data = stage.data
    return [
        name
        for name, test in experiment.evaluate.items()
        if data.validation is not None and test.split == data.validation and _hold_the_same(test.store, data.store)
    ]


def _hold_the_same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one store, or to copies of it; if they cannot be read now, their text decides."""
    try:
        return one == other or content_of(one) == content_of(other)
    except DataError:
        return False
