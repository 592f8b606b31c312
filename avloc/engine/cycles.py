"""Figures of maps over the cycles of a stage that locates in cycles."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.drawing.cycles import cycles_panel
from avloc.drawing.moments import Moment, frame_places
from avloc.engine.experiment import Experiment, device_of
from avloc.engine.run import Run
from avloc.engine.stages import load_stage

if TYPE_CHECKING:
    from avloc.engine.settings import TestSet


def cycle_figures(
    experiment: Experiment, run: Run, name: str, test: "TestSet", store: Store, shown: Sequence[Moment]
) -> dict[str, bytes]:
    """``<name>.cycles`` where the stage of the test set has a method ``cycles(batch) -> (T + 1, B, 1, h, w)``, T > 0.

    RunError when its weights are not there.
    """
    number = test.stage or len(experiment.stages)
    if not hasattr(experiment.localizers[number - 1], "cycles"):
        return {}
    stage = experiment.stage(number)
    device = device_of(stage.train.device)
    localizer: Any = load_stage(experiment, run, number).to(device)
    places = frame_places(store)
    clips, picks = np.array([places[moment.choice.id] for moment in shown], np.int64).T
    with torch.inference_mode():
        batches = Loader(store, localizer, device, resident=False).of(Plan(clips, picks), len(clips))
        maps = torch.cat([localizer.cycles(batch) for batch in batches], dim=1).squeeze(2)
    if len(maps) < 2:
        return {}
    return {f"{name}.cycles": cycles_panel(name, shown, maps.transpose(0, 1).float().cpu().numpy())}
