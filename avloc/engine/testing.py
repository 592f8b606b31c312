"""A stage on a test set: its views there, and its maps with those of its comparisons."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from avloc import processes
from avloc.baselines import all_ones, centre, largest_object, saliency
from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.engine.experiment import Experiment, Stage
from avloc.engine.inference import ready
from avloc.engine.keeping import fits, keep_features
from avloc.engine.predicting import Frames, Maps, maps_of, sees_without_sound, wrong_sounds
from avloc.engine.run import Run
from avloc.engine.settings import TestSet
from avloc.engine.stages import fresh_stage, load_stage, stage_one_run
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.progress import Progress, untold
from avloc.protocols import Protocol
from avloc.scoring import score
from avloc.scoring.result import Result


def see_and_hear(localizer: Localizer, test: TestSet, name: str) -> None:
    """Set the frame size and sound length of the test set."""
    if test.size is not None:
        localizer.frame = replace(localizer.frame, size=test.size)
    if test.seconds is None:
        return
    if not hasattr(localizer.sound, "seconds") or not test.seconds > 0:
        raise AvlocError(
            f"evaluate.{name}.seconds: {test.seconds} for a {type(localizer.sound).__name__}; only views with "
            "`seconds` can use a part of a clip"
        )
    localizer.sound = replace(localizer.sound, seconds=test.seconds)


def loader_of(localizer: Localizer, store: Store, stage: Stage, plan: Plan, device: torch.device) -> Loader:
    """Batches of a test set. Each frame is used more than once, with its own sound and with another, so the features of
    frozen encoders are cached, according to ``stage.train.keep``; but not if most frames of the store are not in the
    plan, nor if frames are stacked, because features of a stack differ from those of its frames.
    """
    kept = None
    if not plan.under and 2 * len(plan) > len(store) * store.frames_per_clip:
        kept = keep_features(localizer, store, stage.train, seed=0, augmented=False)
    return Loader(store, localizer, device, stage.train.workers, stage.train.resident, kept=kept)


def _also_for(localizer: Localizer, loader: Loader) -> Loader:
    """The loader for another localizer: the stage before may have other encoders than those with cached features."""
    if fits(loader.kept, localizer):
        return loader
    return Loader(loader.store, localizer, loader.device, loader.workers)


def _moving(store: Store, plan: Plan, batch_size: int = 32) -> Maps | None:
    """Where each clip's picture moves with its sound, (n, 1, h, w); None if clips have fewer than 4 frames, or no
    waveforms, and for mixtures. This baseline is not trained.
    """
    from avloc.data.waveforms import as_float
    from avloc.nn.motion import LEAST, motion_maps

    if store.frames_per_clip < LEAST or store.spectrograms is not None:
        return None
    if plan.under:
        return None
    clips, rows = np.unique(plan.clips, return_inverse=True)
    found = []
    for start in range(0, len(clips), batch_size):
        part = clips[start : start + batch_size]
        frames = torch.from_numpy(store.frames_of(part)).permute(0, 1, 4, 2, 3).float() / 255
        found.append(motion_maps(frames, as_float(torch.from_numpy(store.sounds(part)))).numpy())
    return np.concatenate(found)[rows, None]


def maps_of_all(
    experiment: Experiment,
    run: Run,
    localizer: Localizer,
    number: int,
    loader: Loader,
    frames: Frames,
    tell: Progress = untold,
) -> dict[str, Maps]:
    """Maps of the model, of the model with less information, of the stage before, and of baselines that ignore the sound.

    Under torchrun the processes share the frames; the first one computes the baselines without a model.
    """
    plan = frames.plan
    passes: dict[str, Callable[..., Maps]] = {"model": partial(maps_of, localizer, loader, plan)}
    if len({loader.store.videos[clip] for layer in plan.layers for clip in layer.clips}) > len(plan.layers):
        other = wrong_sounds(loader.store, plan, experiment.seed)
        passes["wrong sound"] = partial(maps_of, localizer, loader, other)
    if sees_without_sound(localizer, loader, plan):
        passes[localizer.looks] = partial(maps_of, localizer, loader, plan, localizer.look)  # type: ignore[arg-type]
    if number > 1 and (not localizer.uses_clusters or stage_one_run(experiment, run).clusters.exists()):
        # with clusters, the starting point of stage two: stage one with the dictionary
        start = fresh_stage if localizer.uses_clusters else load_stage
        before = start(experiment, run, number if localizer.uses_clusters else 1)
        before = ready(before, experiment.inference, next(localizer.parameters()).device).eval()
        before.frame, before.sound = localizer.frame, localizer.sound
        passes["stage one"] = partial(maps_of, before, _also_for(before, loader), plan)

    def done(before: int, variant: str, rows: int) -> None:
        tell(before + rows, len(passes) * len(plan), variant)

    found = {
        variant: look(tell=partial(done, place * len(plan), variant))
        for place, (variant, look) in enumerate(passes.items())
    }
    return found | _without_model(loader.store, frames) if processes.is_first() else found


def _without_model(store: Store, frames: Frames) -> dict[str, Maps]:
    plan = frames.plan

    def of_each(look: Callable[[Frames], Maps]) -> Maps:
        """For mixtures, the maps of each frame by itself, stacked vertically."""
        return np.concatenate([look(layer) for layer in frames.layers], axis=1)[:, None]

    found = {"largest object": of_each(lambda one: largest_object(*one.objects(), len(plan)))}
    moving = _moving(store, plan)
    if moving is not None:
        found["motion"] = moving
    found["saliency"] = of_each(lambda one: saliency(one.images()))
    found["centre"] = of_each(lambda one: centre(len(plan)))
    found["all ones"] = of_each(lambda one: all_ones(len(plan)))
    return found


def score_set(
    protocol: Protocol,
    maps: Maps,
    frames: Frames,
    table: NDArray[np.bool_] | None,
    resamples: int,
    seed: int,
) -> Result:
    """For a class-aware protocol, a class-agnostic map is used for every class, because it cannot distinguish them."""
    if table is not None and maps.shape[1] != table.shape[1]:
        maps = np.repeat(maps[:, :1], len(table), axis=1)
        table = np.eye(len(table), dtype=bool)
    elif table is None and maps.shape[1] > 1 and protocol.unit != "greedy":  # these match maps to sources themselves
        maps = np.fmax.reduce(maps, axis=1, keepdims=True)  # NaN: a map that only other clips have
    return score(protocol, maps, frames.truth, assignment=table, resamples=resamples, seed=seed)
