"""How many frames of a test set count as sounding by a run's calibration, for each kind of sound."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan
from avloc.engine.calibration import Calibration, calibration_of
from avloc.engine.collect import collect
from avloc.engine.experiment import Experiment
from avloc.engine.object_maps import ObjectMaps
from avloc.engine.predicting import BATCH, Frames, Maps, wrong_sounds
from avloc.engine.run import Run
from avloc.engine.stages import weights_of
from avloc.methods.base import Localizer

log = logging.getLogger("avloc")


def fits_of(localizer: Localizer, loader: Loader, plan: Plan) -> NDArray[np.float32]:
    """(n,) of `Localizer.fits` for every row of the plan."""

    def function(batch: Batch) -> dict[str, torch.Tensor]:
        found = localizer.fits(batch)
        assert found is not None
        return {"fits": found.float()}

    with torch.inference_mode():
        return collect(localizer, function, loader, plan, BATCH)["fits"].numpy()


def for_its_maps(calibration: Calibration | None, localizer: Localizer, source: str) -> Calibration | None:
    """None, with a warning, if a threshold of the stage's own map would be applied to its class maps."""
    if calibration is None or calibration.needs_fits or not isinstance(localizer, ObjectMaps):
        return calibration
    log.warning(
        "%s: its calibration is for the map of everything that sounds, so it is not used for class maps", source
    )
    return None


def heard_by_calibration(
    experiment: Experiment,
    run: Run,
    localizer: Localizer,
    number: int,
    loader: Loader,
    frames: Frames,
    every: Mapping[str, Maps],
) -> dict[str, Any] | None:
    """How many frames count as sounding by the run's calibration: with their own sound, with each kind that nothing in
    view makes, and with that of another video. None if the run has no calibration of this stage, or none of these maps.
    """
    if not run.calibration.exists():
        return None
    calibration = calibration_of(run, number, weights_of(experiment, run, number, localizer))
    calibration = for_its_maps(calibration, localizer, str(run.path))
    if calibration is None:
        return None
    return sounding_of(calibration, localizer, loader, frames, every, experiment.seed)


def sounding_of(
    calibration: Calibration, localizer: Localizer, loader: Loader, frames: Frames, every: Mapping[str, Maps], seed: int
) -> dict[str, Any]:
    """``score``, ``threshold``, and ``kinds``: for each kind of sound, frames and how many of them count as sounding.

    Kinds: ``own``, those of the store that nothing in view makes, and ``wrong sound``, that of another video. every:
    heat maps of the frames, including ``model`` and ``wrong sound``.
    """
    plans = {"model": frames.plan}
    if "wrong sound" in every:
        plans["wrong sound"] = wrong_sounds(frames.store, frames.plan, seed)
    called: dict[str, NDArray[np.bool_]] = {}
    for variant, plan in plans.items():
        fits = fits_of(localizer, loader, plan) if calibration.needs_fits else None
        called[variant] = calibration.sounding(every[variant], fits)
    kinds = np.array(frames.truth.sound or ["own"] * len(frames.plan))
    table = {kind: _counted(called["model"][kinds == kind]) for kind in dict.fromkeys(kinds.tolist())}
    if "wrong sound" in called:
        table["wrong sound"] = _counted(called["wrong sound"])
    return {"score": calibration.score, "threshold": calibration.threshold, "kinds": table}


def _counted(sounding: NDArray[np.bool_]) -> dict[str, int]:
    return {"frames": len(sounding), "sounding": int(sounding.sum())}
