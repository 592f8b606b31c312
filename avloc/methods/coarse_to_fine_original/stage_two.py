"""Stage two: each category's sound is aligned with the positions of the frame that show it."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Phase, Train
from avloc.methods.coarse_to_fine_original import maps
from avloc.methods.coarse_to_fine_original.losses import aligned, confident_pairs, tagged_pairs
from avloc.methods.coarse_to_fine_original.moment import Moment, Taught
from avloc.methods.coarse_to_fine_original.stage_one import StageOne, Variant
from avloc.ranges import Factor, Weight


class StageTwo(Localizer):
    """Qian et al., ECCV 2020, section 3.2, the original release.

    variant: whose pairs and maps, None for stage one's. mode: ``joint``, or ``cam``: without matching. margin: mean squared
    difference that other categories should keep, 2. sound_cut, frame_cut: a category sounds where its Grad-CAM, and shows
    where its class activation, is above it, 0.1. likeliest: the likeliest category of a sound is aligned even when it is
    unlikely, as the release means to (``labels``). one_negative: each category has at least one negative pair, else with
    one frame a clip it has none as published, where the loss is then no number. maps: of `locate`, one a category
    (``classes``) or their mean weighted by what is heard (``fused``, as published). sharpness: the factor of the distance in
    them; None is 10 (``labels``) or 1 (``tags``) as published. activation: AudioSet's maps are of places where ``any``
    category is active, as published, or its ``own``. test_transform: the release projects AudioSet's places by the sound's
    projection (``a``) when it tests. test_norms: and its batch norms then take the statistics of what is tested (``batch``).
    """

    of_classes = True
    looks = "CAM"
    uses_clusters = False
    weights_from = ("fine",)
    same_parts = False  # the transforms are left out if a batch has too few pairs

    def __init__(
        self,
        variant: Variant | None = None,
        mode: Literal["joint", "cam"] = "joint",
        margin: Weight = 2.0,
        sound_cut: Factor = 0.1,
        frame_cut: Factor = 0.1,
        likeliest: bool = False,
        one_negative: bool = True,
        maps: Literal["fused", "classes"] = "fused",
        sharpness: Weight | None = None,
        activation: Literal["any", "own"] = "any",
        test_transform: Literal["v", "a"] = "v",
        test_norms: Literal["running", "batch"] = "running",
    ):
        super().__init__()
        self.variant = variant
        self.mode, self.margin, self.sound_cut, self.frame_cut = mode, margin, sound_cut, frame_cut
        self.likeliest, self.one_negative, self.maps = likeliest, one_negative, maps
        self.sharpness, self.activation = sharpness, activation
        self.test_transform, self.test_norms = test_transform, test_norms

    def start_from(self, previous: Localizer, dictionary: Any = None) -> None:
        """Stage one continues training; the projections of the alignment, which it has but does not use, start training."""
        if not isinstance(previous, StageOne):
            raise AvlocError(
                "stage two of coarse-to-fine's original version starts from its stage one, not from "
                f"{type(previous).__name__}"
            )
        self.coarse = copy.deepcopy(previous)
        self.coarse.variant = self.variant or previous.variant
        self.coarse.maps = self.maps  # of the CAM baseline next to this stage's maps
        self.frame, self.sound, self.needs = previous.frame, previous.sound, previous.needs

    @property
    def maps_apart(self) -> bool:
        return self.maps == "classes"

    def frame_encoder(self) -> nn.Module | None:
        return self.coarse.frame_encoder()

    def sound_encoder(self) -> nn.Module | None:
        return self.coarse.sound_encoder()

    def phases(self, train: Train) -> list[Phase]:
        self.coarse.prepare()
        optimizer = self.coarse.optimizer(self, train)
        return [Phase("fine", self.loss, [optimizer], train.epochs, measure=self.coarse.matches)]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        moment = self.coarse.sense(batch)
        taught = self.coarse.taught(batch, moment)
        terms = self.coarse.coarse(batch, moment, taught, 1 / self.coarse.classes, self.mode == "joint")
        return {**terms, "alignment": self.alignment(batch, moment, taught)}

    def alignment(self, batch: Batch, moment: Moment, taught: Taught) -> Tensor:
        """Equation 7: sounds and visual vectors of categories, with the pairs of the variant."""
        assert batch.video is not None
        streams = self.coarse.streams
        sources = self._sources(moment.heard.features)
        cams = maps.frame_cams(streams.visual, moment.seen.top, self.frame_cut)
        sights = maps.seen(moment.seen.matched, cams).unflatten(0, (-1, moment.frames))
        if self.coarse.variant == "tags":
            pairs = tagged_pairs(taught.sound > 0.5, batch.video, moment.frames)
        else:
            frame = moment.seen.logits.detach().sigmoid().unflatten(0, (-1, moment.frames))
            likely = moment.heard.likely.detach()
            pairs = confident_pairs(likely, frame, batch.video, self.likeliest, self.one_negative)
        transforms = streams.match.transform_a, streams.match.transform_v
        return aligned(*pairs, sources.vectors, sights, transforms, self.margin)

    def _sources(self, features: Tensor) -> maps.Sources:
        streams = self.coarse.streams
        cams = maps.sound_cams(streams.audio, features)
        return maps.heard(streams.match, features, cams, self.sound_cut)

    def locate(self, batch: Batch) -> Tensor:
        """Similarity of the frame with each category of the sound: (B, C or 1, h, w)."""
        streams = self.coarse.streams
        heard = streams.hear(self.coarse.test_sound(batch))
        with self._norms():
            seen = streams.visual(batch.frame)
            sources = self._sources(heard.features)
            a = _each(streams.match.transform_a, sources.vectors)
            project = streams.match.transform_v if self.test_transform == "v" else streams.match.transform_a
            v = _each(project, seen.matched.flatten(2).transpose(1, 2)).transpose(1, 2)
        v = v.unflatten(2, seen.matched.shape[2:])
        if self.coarse.variant == "tags":
            active = maps.frame_cams(streams.visual, seen.top, self.frame_cut)
            active = active.amax(1, keepdim=True) if self.activation == "any" else active
            found = maps.nearest_active(a, v, active, 1.0 if self.sharpness is None else self.sharpness)
            weights = heard.likely
        else:
            found = maps.nearest(a, v, 10.0 if self.sharpness is None else self.sharpness)
            weights = torch.where(maps.active(sources.ratio), heard.likely, 0.0)
        return weights[:, :, None, None] * found if self.maps == "classes" else maps.fused(found, weights)

    def look(self, batch: Batch) -> Tensor | None:
        """The CAM baseline with this stage's weights."""
        return self.coarse.look(batch)

    @contextmanager
    def _norms(self) -> Iterator[None]:
        """With `test_norms` of the batch, layer5 and the matching head use its statistics without storing them."""
        if self.test_norms == "running" or self.training:
            yield
            return
        streams = self.coarse.streams
        norms = [
            module
            for part in (streams.visual.layer5, streams.match)
            for module in part.modules()
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        ]
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        try:
            yield
        finally:
            for norm in norms:
                norm.training, norm.track_running_stats = False, True


def _each(transform: nn.Module, vectors: Tensor) -> Tensor:
    """A transform of vectors (B, N, D), whose batch norm treats them as one batch: (B, N, dim)."""
    return transform(vectors.flatten(0, 1)).float().unflatten(0, vectors.shape[:2])
