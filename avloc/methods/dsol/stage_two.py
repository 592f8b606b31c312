"""DSOL stage two: which objects sound, among several in a frame."""

import copy
from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView
from avloc.methods.base import Localizer, Needs, Phase, Train
from avloc.methods.dsol.network import Sight, TwoStreams
from avloc.methods.dsol.stage_one import StageOne
from avloc.nn.losses import correspondence, distribution_matching
from avloc.nn.similarity import pool_map
from avloc.ranges import Epochs, Temperature, Weight


class StageTwo(Localizer):
    """Hu et al., NeurIPS 2020, section 3.3. The defaults are the released MUSIC code but for `obj_init`.

    Objects of the dictionary found in the frame, (K, h, w), are masked by where the sound comes from; how much of each
    then sounds should match what the frozen sound head of stage one hears.
    masked: multiply the object maps by the sounding map (AudioSet: not). object_maps: ``linear`` or, AudioSet, ``sigmoid``.
    obj_init: the factor and offset of the object maps start ``positive`` (1 and 0), or ``random`` as published, which can
    start negative and then inverts every map; or the factor is ``fitted`` to the dictionary, so that its objects' inner
    products have a deviation of 1 (not published: where features are large, products in the hundreds make a hard softmax
    that learns nothing). dictionary: raw inner products, or ``centred`` cosines (not published).
    weight: weight of the localization loss. quadrants: each quarter of a negative frame must be silent (AudioSet: the frame).
    negative: another video's frame ``drawn`` for each clip, as published, or the next clip's frame of the ``batch``, unless
    that is of the same video.
    match: ``kl`` or, AudioSet, ``bce``; match_over: see distribution_matching; match_scale, score_scale: factors of the
    matching loss and of its scores (1 as published). match_pool: what is matched is the ``mean`` of the masked object
    maps, as published, or the mean of what each of the ``places`` shows (a softmax over clusters), weighted by the mask,
    which then gets no gradient from it: otherwise it may look for positions that suit the sound instead of its source.
    teacher_temperature: temperature of the target. match_first: epochs of matching only (AudioSet 50).
    test_temperature: the maps are the softmax over clusters of this factor times the masked object maps, as published;
    mask_floor: or times the unmasked object maps, with the softmax multiplied by the sounding map plus this floor.
    freeze_norms: keep the batch statistics of stage one, whose solo scenes have fewer objects (not published).
    frame: another view for this stage; None keeps stage one's.
    """

    needs = Needs(negatives=True)
    own_start = ("teacher.",)
    weights_from = ("train", "match")
    streams: TwoStreams
    teacher: TwoStreams
    dictionary: Tensor

    def __init__(
        self,
        masked: bool = True,
        object_maps: Literal["linear", "sigmoid"] = "linear",
        obj_init: Literal["positive", "random", "fitted"] = "positive",
        dictionary: Literal["raw", "centred"] = "raw",
        weight: Weight = 0.5,
        quadrants: bool = True,
        negative: Literal["drawn", "batch"] = "drawn",
        match: Literal["kl", "bce"] = "kl",
        match_over: Literal["entries", "clips"] = "entries",
        match_pool: Literal["mean", "places"] = "mean",
        match_scale: Weight = 1.0,
        score_scale: Weight = 1.0,
        teacher_temperature: Temperature = 1.0,
        match_first: Epochs = 0,
        test_temperature: Weight = 3.0,
        mask_floor: Weight | None = None,
        freeze_norms: bool = False,
        frame: FrameView | None = None,
    ):
        super().__init__()
        self.needs = Needs(negatives=negative == "drawn")
        self.masked, self.object_maps, self.obj_init, self.dictionary_use = masked, object_maps, obj_init, dictionary
        self.weight, self.quadrants, self.match, self.match_over = weight, quadrants, match, match_over
        self.match_pool, self.mask_floor = match_pool, mask_floor
        self.match_scale, self.score_scale, self.teacher_temperature = match_scale, score_scale, teacher_temperature
        self.freeze_norms = freeze_norms
        self.match_first, self.test_temperature, self._frame = match_first, test_temperature, frame
        self.object_scale = nn.Conv3d(1, 1, 1)
        if obj_init != "random":
            nn.init.ones_(self.object_scale.weight)
            assert self.object_scale.bias is not None
            nn.init.zeros_(self.object_scale.bias)

    def start_from(self, previous: Localizer, dictionary: np.ndarray | None) -> None:
        """Take stage one's networks as student and, frozen, as teacher, and the object dictionary (K, C)."""
        assert isinstance(previous, StageOne)
        self.frame, self.sound, self.pool = self._frame or previous.frame, previous.sound, previous.pool
        self.streams = copy.deepcopy(previous.streams)
        self.teacher = copy.deepcopy(previous.streams).requires_grad_(False)
        if dictionary is None:
            dictionary = np.zeros((0, previous.streams.visual.channels), dtype=np.float32)
        self.register_buffer("dictionary", torch.as_tensor(dictionary, dtype=torch.float32))
        if self.obj_init == "fitted" and len(self.dictionary) > 1:
            nn.init.constant_(self.object_scale.weight, 1 / self._spread())

    def take_form(self, previous: Localizer, shape_of: Callable[[str], tuple[int, ...] | None]) -> None:
        shape = shape_of("dictionary")
        self.start_from(previous, None if shape is None else np.zeros(shape, np.float32))

    def dictionary_of_maps(self) -> Tensor | None:
        return self.dictionary if len(self.dictionary) else None

    def _spread(self) -> float:
        """The standard deviation of the inner products of the dictionary's objects; 1 if all are equal, as in an empty one."""
        rows = self._centred(self.dictionary) if self.dictionary_use == "centred" else self.dictionary
        return float((rows @ rows.T).std()) or 1.0

    def train(self, mode: bool = True) -> "StageTwo":
        super().train(mode)
        if hasattr(self, "teacher"):
            self.teacher.eval()
        if mode and self.freeze_norms:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def frame_encoder(self) -> nn.Module | None:
        return self.streams.visual

    def sound_encoder(self) -> nn.Module | None:
        return self.streams.audio  # the teacher uses the same one while it is frozen

    def phases(self, train: Train) -> list[Phase]:
        student = train.make_optimizer([*self.streams.parameters(), *self.object_scale.parameters()])
        first = min(self.match_first, train.epochs)
        plan = [Phase("match", self.matching_loss, [student], first)] if first else []
        return [*plan, Phase("train", self.loss, [student], train.epochs - first)] if train.epochs > first else plan

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        hearing = self.streams.hear(batch.sound)
        if batch.negative is not None:
            both = self.streams.see(torch.cat([batch.frame, batch.negative]))
            sight, other = (Sight(*(part.chunk(2)[half] for part in both)) for half in (0, 1))
        else:
            sight = self.streams.see(batch.frame)
            other = Sight(*(part.roll(-1, 0) for part in sight))
        own, foreign = self.streams.agreement(sight, hearing), self.streams.agreement(other, hearing)
        if batch.negative is None:
            assert batch.video is not None
            foreign = foreign[batch.video != batch.video.roll(-1)]
        heard = pool_map(own, self.pool).flatten()
        location = correspondence(heard, torch.ones_like(heard))
        if len(foreign):
            unheard = pool_map(quarters(foreign) if self.quadrants else foreign, self.pool).flatten()
            location = location + correspondence(unheard, torch.zeros_like(unheard))
        return {"matching": self._matching(sight, own, batch), "localization": self.weight * 0.5 * location}

    def matching_loss(self, batch: Batch) -> dict[str, Tensor]:
        shown = batch.frame
        if batch.negative is not None:  # not matched, but the release passes them through its batch norms too
            shown = torch.cat([shown, batch.negative])
        sight = Sight(*(part[: len(batch.frame)] for part in self.streams.see(shown)))
        logits = self.streams.agreement(sight, self.streams.hear(batch.sound)) if self.masked else None
        return {"matching": self._matching(sight, logits, batch)}

    def _matching(self, sight: Sight, logits: Tensor | None, batch: Batch) -> Tensor:
        with torch.no_grad():
            heard = self.teacher.hear(batch.sound).logits
            target = (heard / self.teacher_temperature).float().softmax(1)
        scores = self._scores(sight, logits)
        if self.match == "bce":
            return self.match_scale * F.binary_cross_entropy(scores.clamp(0, 1), target)
        return self.match_scale * distribution_matching(scores, target, self.match_over)

    def _scores(self, sight: Sight, logits: Tensor | None) -> Tensor:
        """How much of each object the frame seems to show where it sounds, (B, K), as scores of a softmax."""
        if self.match_pool == "mean":
            return self._objects(sight, logits).float().mean((2, 3)) * self.score_scale
        shown = (self._objects(sight, None).float() * self.score_scale).softmax(1)
        weights = torch.ones_like(shown[:, :1]) if logits is None else logits.detach().float().sigmoid()
        return ((shown * weights).sum((2, 3)) / weights.sum((2, 3))).clamp(min=1e-6).log()

    def _objects(self, sight: Sight, logits: Tensor | None) -> Tensor:
        """Similarity of each position with each object of the dictionary, (B, K, h, w), masked by the sounding map."""
        features, dictionary = sight.features, self.dictionary.to(sight.features.dtype)
        if self.dictionary_use == "centred":
            features = F.normalize(features - dictionary.mean(0)[:, None, None], dim=1)
            dictionary = self._centred(dictionary)
        alike = F.conv2d(features, dictionary[:, :, None, None])
        objects = self.object_scale(alike.unsqueeze(1)).squeeze(1)
        if self.object_maps == "sigmoid":
            objects = objects.sigmoid()
        return objects * logits.sigmoid() if self.masked and logits is not None else objects

    @staticmethod
    def _centred(dictionary: Tensor) -> Tensor:
        return F.normalize(dictionary - dictionary.mean(0), dim=1)

    def sounding(self, batch: Batch) -> Tensor:
        """Where the sound comes from, regardless of the object: (B, 1, h, w) in [0, 1]."""
        return self.streams.agreement(self.streams.see(batch.frame), self.streams.hear(batch.sound)).sigmoid()

    def locate(self, batch: Batch) -> Tensor:
        """One map per cluster, (B, K, h, w), softmax over the clusters; without a dictionary, the map of `sounding`."""
        if not len(self.dictionary):
            return self.sounding(batch)
        sight = self.streams.see(batch.frame)
        logits = self.streams.agreement(sight, self.streams.hear(batch.sound))
        if self.mask_floor is not None:
            return self._shown(self._objects(sight, None)) * (self.mask_floor + logits.float().sigmoid())
        return self._shown(self._objects(sight, logits))

    def fits(self, batch: Batch) -> Tensor | None:
        """The logit of stage one that frame and sound match, regardless of the object."""
        logits = self.streams.agreement(self.streams.see(batch.frame), self.streams.hear(batch.sound))
        return pool_map(logits.float(), self.pool).flatten()

    def look(self, batch: Batch) -> Tensor | None:
        """The object maps without the sounding mask."""
        return self._shown(self._objects(self.streams.see(batch.frame), None)) if len(self.dictionary) else None

    def _shown(self, objects: Tensor) -> Tensor:
        return (self.test_temperature * objects.float()).softmax(1)


def quarters(maps: Tensor) -> Tensor:
    """(B, 1, h, w) to (B, 4, h', w'), row-major quarters that overlap by a row or column if the size is odd."""
    high, wide = (maps.shape[2] + 1) // 2, (maps.shape[3] + 1) // 2
    rows, columns = (
        (slice(0, high), slice(maps.shape[2] - high, None)),
        (slice(0, wide), slice(maps.shape[3] - wide, None)),
    )
    return torch.cat([maps[:, :, row, column] for row in rows for column in columns], dim=1)
