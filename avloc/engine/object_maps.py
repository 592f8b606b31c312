"""Class maps of any stage that offers features of places: its map, divided among the clusters of objects."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.stages import stage_one_run, weights_id
from avloc.errors import AvlocError, RunError
from avloc.methods.base import Localizer
from avloc.nn.objects import at_places
from avloc.nn.similarity import in_full

#: what the loader and the commands ask of a stage, which are those of the stage inside
ASKED = ("frame", "sound", "motion", "needs", "window", "window_frames", "window_needed")


class ObjectMaps(Localizer):
    """A map for each cluster: how much each place sounds, times how surely it shows an object of that cluster.

    stage: whose map and features are taken. centres, dictionary: (K, C) of the clusters. levels: the map's values that count as
    silent and as fully sounding. temperature: of the softmax over the clusters.
    """

    looks = "objects without sound"
    centres: Tensor
    dictionary: Tensor

    def __init__(self, stage: Localizer, centres: Any, dictionary: Any, levels: Any, temperature: float):
        super().__init__()
        for name in ASKED:
            if hasattr(stage, name):
                setattr(self, name, getattr(stage, name))
        self.stage, self.temperature = stage, temperature
        self.low, self.high = (float(level) for level in levels)
        self.register_buffer("centres", F.normalize(torch.as_tensor(centres).float(), dim=1))
        self.register_buffer("dictionary", torch.as_tensor(dictionary).float())

    def frame_encoder(self) -> Any:
        return self.stage.frame_encoder()

    def sound_encoder(self) -> Any:
        return self.stage.sound_encoder()

    def locate(self, batch: Batch) -> Tensor:
        """(B, K, h, w), 0 where nothing sounds and about 1 where an object of the cluster surely does."""
        shown = self.shown(batch)
        maps = at_places(self.stage.locate(batch), shown)
        return shown * ((maps - self.low) / (self.high - self.low)).clamp(min=0)

    def dictionary_of_maps(self) -> Tensor | None:
        return self.dictionary

    def look(self, batch: Batch) -> Tensor | None:
        """The same of everything in view, without listening: (B, K, h, w), sum 1 at each place."""
        return self.shown(batch)

    def shown(self, batch: Batch) -> Tensor:
        """How surely each place shows an object of each cluster, (B, K, h, w)."""
        places = self.stage.place_features(batch)
        assert places is not None
        alike = F.conv2d(F.normalize(in_full(places), dim=1), self.centres[:, :, None, None])
        return (alike / self.temperature).softmax(1)

    def fits(self, batch: Batch) -> Tensor | None:
        return self.stage.fits(batch)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        return self.stage.embed(batch)


def maps_of_objects(
    experiment: Experiment, run: Run, number: int, localizer: Localizer, temperature: float = 0.1
) -> ObjectMaps:
    """The class maps of a trained stage one, by the clusters of its run; AvlocError where it has none."""
    if number != 1 or not localizer.can("place_features"):
        raise AvlocError(
            f"maps: class is set, but stage {number} of {experiment.method} provides no features per position; set it to own"
        )
    where = stage_one_run(experiment, run)
    found = where.load_clusters()
    path = where.weights(1, tuple(reversed(localizer.weights_from)))
    if str(found["weights"]) != weights_id(path) or "levels" not in found:
        raise RunError(
            f"{where.clusters} belongs to other weights than {path}; `avloc cluster --run {where.path}` writes it again"
        )
    return ObjectMaps(localizer, found["centres"], found["dictionary"], found["levels"], temperature)
