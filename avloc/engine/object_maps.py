"""Class maps of any stage with features per position: where an object of each cluster is, and how much it sounds."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.engine.experiment import Experiment
from avloc.engine.inference import ready
from avloc.engine.map_names import names_of_clusters
from avloc.engine.run import Run
from avloc.engine.stages import load_stage, stage_one_run, weights_id
from avloc.errors import AvlocError, ConfigError, RunError
from avloc.methods.base import Localizer
from avloc.nn.objects import at_places
from avloc.nn.similarity import in_full

#: attributes that the loader and the commands use, taken from the stage inside
ASKED = (
    "frame",
    "sound",
    "motion",
    "signed_motion",
    "mixes_waveforms",
    "needs",
    "window",
    "window_frames",
    "window_needed",
    "weights_from",
    "objects_from",
)

TINY = 1e-12  # for a method whose maps are constant


class ObjectMaps(Localizer):
    """A map for each cluster, the product of three factors: how likely each position shows an object of that cluster,
    the square root of how much the position sounds, and how much the object sounds.

    The last is the mean over all positions, weighted by the square of the first: what sounds is an object, not a
    position, and the mean distinguishes two objects better than single positions do. The root keeps the quieter parts
    of an object in it.

    stage: provides map and features. centres, dictionary: (K, C) of the clusters. levels: lowest value, median and
    highest value of the map of a training clip. A position is silent at the lowest, an object at the median, since less
    than half of a frame sounds; both fully sound at the highest. Clusters of an earlier version have no median: the
    lowest is used instead. temperature: of the softmax over the clusters.
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
        known = [float(level) for level in levels]
        self.low, self.middle, self.high = known[0], known[-2], known[-1]
        self.register_buffer("centres", F.normalize(torch.as_tensor(centres).float(), dim=1))
        self.register_buffer("dictionary", torch.as_tensor(dictionary).float())

    def frame_encoder(self) -> Any:
        return self.stage.frame_encoder()

    def sound_encoder(self) -> Any:
        return self.stage.sound_encoder()

    def locate(self, batch: Batch) -> Tensor:
        """(B, K, h, w), 0 where nothing sounds and about 1 where an object of the cluster certainly does."""
        shown = self.shown(batch)
        maps = at_places(self.stage.locate(batch), shown).nan_to_num(nan=self.low)  # nothing found: nothing sounds
        place = (maps - self.low) / max(self.high - self.low, TINY)
        heard = ((maps - self.middle) / max(self.high - self.middle, TINY)).clamp(min=0)
        weights = shown.square()
        whole = (weights * heard).sum((2, 3), keepdim=True) / weights.sum((2, 3), keepdim=True)
        return shown * place.clamp(min=0).sqrt() * whole

    def dictionary_of_maps(self) -> Tensor | None:
        return self.dictionary

    def look(self, batch: Batch) -> Tensor | None:
        """The same for everything in view, without sound: (B, K, h, w), which sum to 1 at each position."""
        return self.shown(batch)

    def shown(self, batch: Batch) -> Tensor:
        """The probability that each position shows an object of each cluster, (B, K, h, w)."""
        places = self.stage.place_features(batch)
        assert places is not None
        alike = F.conv2d(F.normalize(in_full(places), dim=1), self.centres[:, :, None, None])
        return (alike / self.temperature).softmax(1)

    def fits(self, batch: Batch) -> Tensor | None:
        return self.stage.fits(batch)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        return self.stage.embed(batch)


def has_class_maps(experiment: Experiment, number: int) -> bool:
    """Whether a stage's map can be divided among clusters."""
    return number == 1 and experiment.localizers[0].can("place_features")


def refuse_class_maps(experiment: Experiment, sets: Iterable[str]) -> None:
    """ConfigError for a test set with `maps: class` of a stage that cannot have them."""
    for name in sets:
        test = experiment.evaluate[name]
        number = experiment.number_of(test.stage)
        if test.maps == "own" or has_class_maps(experiment, number):
            continue
        other = " or stage: 1" if has_class_maps(experiment, 1) else ""
        raise ConfigError(
            f"{experiment.source.where(['evaluate', name, 'maps'])}: class maps need features per position, which stage "
            f"{number} of {experiment.method} lacks; set maps: own{other}"
        )


def maps_of_objects(
    experiment: Experiment, run: Run, number: int, localizer: Localizer, temperature: float = 0.1
) -> ObjectMaps:
    """The class maps of a trained stage one, by the clusters of its run; AvlocError if it has none."""
    if not has_class_maps(experiment, number):
        raise AvlocError(
            f"class maps (maps: class, --classes) need features per position, which stage {number} of {experiment.method} lacks"
        )
    where = stage_one_run(experiment, run)
    found = where.load_clusters()
    path = where.weights(1, localizer.starts_a_stage)
    again = f"`avloc cluster --run {where.path}` writes it again"
    if str(found["weights"]) != weights_id(path):
        raise RunError(f"{where.clusters} belongs to other weights than {path}; {again}")
    if "levels" not in found:
        raise RunError(f"{where.clusters} is of an earlier version, without the levels that class maps need; {again}")
    if path != where.weights(1, localizer.weights_from):  # features and centres come from the same weights
        views = localizer.frame, localizer.sound
        device = next(localizer.parameters()).device
        localizer = ready(load_stage(experiment, run, 1, localizer.starts_a_stage), experiment.inference, device)
        localizer.frame, localizer.sound = views
    return ObjectMaps(localizer, found["centres"], found["dictionary"], found["levels"], temperature)


def with_classes(experiment: Experiment, run: Run, number: int, localizer: Localizer) -> Localizer:
    """A stage with a map for each class in the run's matching; itself if its maps already have classes or clusters."""
    if localizer.map_names is not None or localizer.of_classes or localizer.dictionary_of_maps() is not None:
        return localizer
    found = maps_of_objects(experiment, run, number, localizer)
    where = stage_one_run(experiment, run)
    where.load_matching()
    if names_of_clusters(experiment, run, len(found.dictionary)) is None:
        raise RunError(
            f"{where.matching} belongs to other clusters; `avloc match-clusters --run {where.path}` writes it again"
        )
    return found
