"""Figures of stages with several maps per frame: over their cycles, or for their nodes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.drawing.cycles import cycles_panel, nodes_panel
from avloc.drawing.moments import Moment, frame_places
from avloc.engine.experiment import Experiment, device_of
from avloc.engine.run import Run
from avloc.engine.stages import load_stage

if TYPE_CHECKING:
    from avloc.engine.settings import TestSet

#: the figures: the method that provides the maps, and their panel
SEVERAL = {"cycles": ("cycles", cycles_panel), "nodes": ("node_maps", nodes_panel)}


def cycle_figures(
    experiment: Experiment, run: Run, name: str, test: "TestSet", store: Store, shown: Sequence[Moment]
) -> dict[str, bytes]:
    """``<name>.cycles`` if the stage of the test set has a method ``cycles(batch) -> (T + 1, B, 1, h, w)``, and
    ``<name>.nodes`` if it has ``node_maps(batch) -> (K, B, 1, h, w)``; nothing if there is at most one map.

    RunError if its weights are missing.
    """
    number = experiment.number_of(test.stage)
    kind = experiment.localizers[number - 1]
    drawn = {what: draw for what, (function, draw) in SEVERAL.items() if kind.can(function)}
    if not drawn:
        return {}
    stage = experiment.stage(number)
    device = device_of(stage.train.device)
    localizer: Any = load_stage(experiment, run, number).to(device)
    places = frame_places(store)
    clips, picks = np.array([places[moment.choice.id] for moment in shown], np.int64).T
    with torch.inference_mode():
        batches = list(Loader(store, localizer, device, resident=False).of(Plan(clips, picks), len(clips)))
        found = {
            what: torch.cat([getattr(localizer, SEVERAL[what][0])(batch) for batch in batches], dim=1) for what in drawn
        }
    return {
        f"{name}.{what}": drawn[what](name, shown, maps.squeeze(2).transpose(0, 1).float().cpu().numpy())
        for what, maps in found.items()
        if len(maps) > 1
    }
