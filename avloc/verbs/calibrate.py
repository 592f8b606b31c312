"""`avloc calibrate`: the score and threshold above which something in view makes the sound."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc import processes
from avloc.engine.calibration import Calibration
from avloc.naming import counted, some
from avloc.options import Ask, Config, RunFolder, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment


@dataclass(frozen=True)
class Calibrated:
    """run: the folder. file: calibration.json in it. calibration: the chosen score and how well it works."""

    run: Path
    file: Path
    calibration: Calibration

    def to_json(self) -> dict[str, Any]:
        return {"run": str(self.run), "file": str(self.file), **self.calibration.to_json()}


@verb
def calibrate(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    stage: Annotated[int | None, "stage to calibrate; default: the last trained one"] = None,
    store: Annotated[
        Path | None, "store of the clips to choose on; default: the one that the stage was trained on"
    ] = None,
    split: Annotated[
        str | None, "split of these clips; default: the validation split of the stage; with --store it has to be given"
    ] = None,
    test: Annotated[str | None, "another split of the store, to measure the result on"] = None,
    clips: Annotated[int, "number of clips to use from a split, drawn by the seed", Ask(least=2)] = 500,
    progress: Progress | None = None,
) -> Calibrated:
    """Find the threshold above which something in view makes the sound, and measure how often that is right.

    The model makes heat maps of each validation clip with its own sound, with silence, with noise as loud as its sound,
    and with the sound of another video (of another class, if the clips have classes). Of several ways to score a map, the
    one whose scores best separate the own sounds from all others (highest AUROC) is kept, with Youden's threshold.
    RUN/calibration.json stores it with its error rates; `avloc predict` and `avloc evaluate` use it. Training is not
    affected. With torchrun the processes share the clips; the result is the same.
    """
    from avloc.data.loader import Loader
    from avloc.engine.calibrating import (
        aurocs_of,
        best,
        clips_of,
        rates_of,
        scores_of_kinds,
        threshold_of,
    )
    from avloc.engine.experiment import device_of, keep_config, open_run
    from avloc.engine.inference import ready
    from avloc.engine.stages import last_trained, load_stage, weights_of
    from avloc.engine.stores import open_data, open_named
    from avloc.errors import AvlocError, DataError

    experiment, where = open_run(config, run, set)
    processes.join()
    number = last_trained(experiment, where) if stage is None else stage
    settings = experiment.stage(number)
    data = settings.data
    if store is None and data is None:
        raise AvlocError(
            f"{where.path}: {experiment.method} is not trained on a store; name the clips with --store and --split"
        )
    split = split or (data.validation if data is not None and store is None else None)
    if split is None:
        missing = (
            f"{where.path}: there is no validation split" if store is None else f"{store}: which split is not given"
        )
        there = _splits(experiment, number, store)
        raise AvlocError(f"{missing}; name one with --split, not the training split; {there}")
    if test == split:
        raise AvlocError(
            f"--test {test} is the split that the confidence is chosen on; use another split, without its videos"
        )
    device = device_of(settings.train.device)
    localizer = ready(load_stage(experiment, where, number), experiment.inference, device)
    tell = progress or untold

    def opened(name: str) -> Any:
        if store is None:
            return open_data(experiment, number, name, localizer)
        return open_named(store, name, localizer, f"stage{number}.model.sound.seconds", experiment.method)

    def scores(part: Any) -> Any:
        loader = Loader(part, localizer, device, settings.train.workers, settings.train.resident)
        return scores_of_kinds(localizer, loader, clips_of(part, clips, experiment.seed), experiment.seed, tell)

    part = opened(split)
    other = None if test is None else opened(test)
    shared = {*part.videos} & {*other.videos} if other is not None else None
    if shared:
        raise DataError(
            f"{part.path}: splits {split} and {test} share {counted(len(shared), 'video', 'videos')} ({min(shared)} ...); "
            "choose a test split without them"
        )
    found = scores(part)
    aurocs = aurocs_of(found)
    score = best(aurocs)
    threshold = threshold_of(found, score)
    tested = None if other is None else {"split": test, **rates_of(scores(other), score, threshold)}
    about = {"store": part.path.name, "split": split, "fingerprint": part.fingerprint}
    calibration = Calibration(
        score, threshold, aurocs=aurocs, method=experiment.method, stage=number,
        weights=weights_of(experiment, where, number, localizer), seed=experiment.seed, data=about, test=tested,
        **rates_of(found, score, threshold),
    )  # fmt: skip
    if processes.is_first():
        with where.claimed("is training or calibrating in this run"):
            keep_config(experiment, where)
            calibration.save(where)
    processes.leave()
    return Calibrated(where.path, where.calibration, calibration)


def _splits(experiment: "Experiment", number: int, store: Path | None) -> str:
    """What splits a given store has, or the one that the stage was trained on."""
    from avloc.data.store import Store
    from avloc.engine.stores import open_data

    if store is None:
        found = open_data(experiment, number, experiment.stage(number).data.train)
        return f"{found.path} has {some(found.splits, 8)}"
    return f"it has {some(Store.open(store).splits, 8)}"
