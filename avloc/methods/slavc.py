"""SLAVC: weakly supervised localization that needs no early stopping, by momentum targets and extreme visual dropout.

Mo and Morgado, NeurIPS 2022, arXiv 2209.09634; reference stoneMo/SLAVC @05b429c.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.methods.base import Localizer, Published
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.guidance import build_guide, object_maps, rest
from avloc.nn.momentum import follow, start_alike
from avloc.nn.published import load_published, require
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, in_full, pairwise_maps
from avloc.ranges import Channels, Fraction, Share, Temperature

STRIDES = (1, 2, 2, 2)  # an ordinary ResNet-18: maps of 7x7 for frames of 224
OBJECT_RANGE = 2.5  # the release scales mean absolute ImageNet features from [0, 2.5] to [0, 1]

Pair = tuple[Tensor, Tensor]


class Streams(nn.Module):
    """One model of frame and sound, each with two projections: which sound matches a position, and which position
    matches a sound.
    """

    def __init__(self, visual: Eyes, audio: Ears, frame: FrameView, sound: Any, dim: int):
        super().__init__()
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        jitter_norms(self.audio)
        frame_projections = [nn.Conv2d(self.visual.channels, dim, 1) for _ in range(2)]
        sound_projections = [nn.Linear(self.audio.channels, dim) for _ in range(2)]
        for convolution in frame_projections:
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
        for linear in sound_projections:
            nn.init.trunc_normal_(linear.weight, std=0.01)
        self.frame_projections, self.sound_projections = (
            nn.ModuleList(frame_projections),
            nn.ModuleList(sound_projections),
        )

    def see(self, frames: Tensor, dropout: nn.Module) -> Pair:
        """Unit vectors (B, dim, h, w) of both projections."""
        features = dropout(self.visual(frames))  # one mask for both projections
        which, where = (F.normalize(in_full(projection(features)), dim=1) for projection in self.frame_projections)
        return which, where

    def hear(self, sounds: Tensor, dropout: nn.Module) -> Pair:
        """Unit vectors (B, dim) of both projections."""
        features = dropout(self.audio(sounds).amax((2, 3)))
        which, where = (F.normalize(in_full(projection(features)), dim=1) for projection in self.sound_projections)
        return which, where


class Slavc(Localizer):
    """Mo and Morgado, NeurIPS 2022. dim: size of the common spaces; tau: temperature.

    frame_dropout, sound_dropout: share of the encoders' features that are dropped in training, element by element.
    frame_momentum, sound_momentum: momentum of the copy whose features are the targets; it is updated in every training batch.
    maps: whose features `locate` compares. The published tests use the ``online`` model's, the release's validation
    while training the ``momentum`` copy's.
    over: what the cross entropy of sounds with the copy's frames chooses from: the ``sounds`` of the batch, as in the release,
    or its ``frames`` (not published).
    objects: an ImageNet encoder whose mean absolute features show where objects are; the map is then alpha times the
    audio-visual map plus 1 - alpha times the object map, each scaled by a fixed range, and scaled back to that of cosine / tau.
    """

    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(seconds=3.0),
        visual: Eyes = Backbone(strides=STRIDES),
        audio: Ears = Backbone(strides=STRIDES),
        dim: Channels = 512,
        tau: Temperature = 0.03,
        frame_dropout: Share = 0.9,
        sound_dropout: Share = 0.0,
        frame_momentum: Fraction = 0.999,
        sound_momentum: Fraction = 0.999,
        maps: Literal["online", "momentum"] = "online",
        over: Literal["sounds", "frames"] = "sounds",
        objects: Eyes | None = None,
        alpha: Fraction = 0.9,
    ):
        super().__init__()
        self.frame, self.sound, self.tau, self.alpha = frame, sound, tau, alpha
        self.frame_momentum, self.sound_momentum = frame_momentum, sound_momentum
        self.maps, self.over = maps, over
        self.frame_dropout, self.sound_dropout = nn.Dropout(frame_dropout), nn.Dropout(sound_dropout)
        self.online = Streams(visual, audio, frame, sound, dim)
        self.slow = Streams(visual, audio, frame, sound, dim)
        start_alike(self.slow, self.online)
        self.objects = build_guide(objects, frame)

    def train(self, mode: bool = True) -> "Slavc":
        super().train(mode)
        rest(self.objects)
        return self

    def frame_encoder(self) -> nn.Module | None:
        return self.online.visual if self.objects is None else None

    def sound_encoder(self) -> nn.Module | None:
        return self.online.audio

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """In the batch, each online side should match the copy's other side of its own clip best."""
        frames, sounds = (self._gathered(pair) for pair in self._seen_and_heard(self.online, batch))
        if self.training:
            self._follow()
        with torch.no_grad():
            slow_frames, slow_sounds = (self._gathered(pair) for pair in self._seen_and_heard(self.slow, batch))
        own = torch.arange(len(frames[0]), device=frames[0].device)
        to_sounds = self.scores(frames, slow_sounds)
        if self.over == "sounds":  # the release chooses among sounds both times
            from_sounds = self.scores(slow_frames, sounds)
        else:
            from_sounds = self.scores(slow_frames, sounds, against=0).T
        return {"frames": F.cross_entropy(to_sounds, own), "sounds": F.cross_entropy(from_sounds, own)}

    def scores(self, frames: Pair, sounds: Pair, against: int = 1) -> Tensor:
        """Log-probability that each frame shows each sound somewhere, (B, B): which sound matches a position, times
        which position it is.

        against: the axis over which the first factor is a softmax, 1 for the sounds. The release takes the log of the
        product, which underflows in float32; sums of logs are the same and stay finite.
        """
        which = pairwise_maps(frames[0], sounds[0]).flatten(2) / self.tau
        where = pairwise_maps(frames[1], sounds[1]).flatten(2) / self.tau
        return (which.log_softmax(against) + where.log_softmax(2)).logsumexp(2)

    def locate(self, batch: Batch) -> Tensor:
        """Mean cosine of the two projections over tau, (B, 1, h, w), in [-1 / tau, 1 / tau]; with `objects` guided."""
        frames, sounds = self._seen_and_heard(self.online if self.maps == "online" else self.slow, batch)
        maps = (cosine_map(frames[0], sounds[0]) + cosine_map(frames[1], sounds[1])) / 2 / self.tau
        objects = self.look(batch)
        if objects is None:
            return maps
        objects = F.interpolate(objects, maps.shape[2:], mode="bilinear", align_corners=True)
        return self.alpha * maps + (1 - self.alpha) * objects

    def place_features(self, batch: Batch) -> Tensor | None:
        return self._seen_and_heard(self.online if self.maps == "online" else self.slow, batch)[0][0]

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of all positions, and the sound, in the projection for which sound matches a position."""
        frames, sounds = self._seen_and_heard(self.online if self.maps == "online" else self.slow, batch)
        return F.normalize(frames[0].mean((2, 3)), dim=1), sounds[0]

    def look(self, batch: Batch) -> Tensor | None:
        """The object map on the scale of `locate`: its fixed range [0, 2.5] becomes [-1 / tau, 1 / tau]."""
        objects = object_maps(self.objects, batch.frame)
        return None if objects is None else (2 * objects / OBJECT_RANGE - 1) / self.tau

    def _seen_and_heard(self, streams: Streams, batch: Batch) -> tuple[Pair, Pair]:
        return streams.see(batch.frame, self.frame_dropout), streams.hear(batch.sound, self.sound_dropout)

    def _gathered(self, pair: Pair) -> Pair:
        return self.gathered(pair[0]), self.gathered(pair[1])

    def _follow(self) -> None:
        """One momentum step of the copy towards the weights after the last optimizer step; frozen encoders are equal anyway."""
        for part, momentum in (
            ("visual", self.frame_momentum),
            ("frame_projections", self.frame_momentum),
            ("audio", self.sound_momentum),
            ("sound_projections", self.sound_momentum),
        ):
            follow(getattr(self.slow, part), getattr(self.online, part), momentum)


STAGES = (Slavc,)

# the authors' file contains {"model": state dict, ...}, 496 entries: the model and its copy, in torchvision's names
NAMES = {
    f"{theirs}{part}.": f"{ours}.{own}."
    for theirs, ours in (("", "online"), ("momentum_", "slow"))
    for part, own in (
        ("imgnet", "visual"),
        ("audnet", "audio"),
        ("img_proj1", "frame_projections.0"),
        ("img_proj2", "frame_projections.1"),
        ("aud_proj1", "sound_projections.0"),
        ("aud_proj2", "sound_projections.1"),
    )
}


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["img_proj1.weight", "momentum_img_proj1.weight"], "SLAVC")
    return ({"dim": int(state["img_proj1.weight"].shape[0])},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: Slavc, two: nn.Module | None = None, dictionary: Any = None
) -> Slavc:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, NAMES, (), "SLAVC", own=("objects.",))
    return one


PUBLISHED = Published("slavc_vggsound_144k", arguments_of, import_state, own=("objects",))
