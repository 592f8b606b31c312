"""Stage one: visible and audible categories, and which sounds belong to which frames."""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, Waveform
from avloc.data.waveforms import with_previous
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Needs, Phase, Train
from avloc.methods.coarse_to_fine.network import Stream, TwoStreams
from avloc.nn.encoders import Backbone
from avloc.nn.pairs import own_and_foreign
from avloc.nn.senses import Ears, Eyes
from avloc.ranges import Classes, Fraction, Weight

Maps = Literal["fused", "classes"]
FRAME = FrameView(size=256, resize=256, crop=False, brightness=0.0, colour=0.0)
SOUND = LogMel(rate=22050, n_fft=882, hop=441, power=2.0, decibels=False, offset=2.220446e-16)


class StageOne(Localizer):
    """Qian et al., ECCV 2020, section 3.1, the simplified release.

    classes: number of categories (7 there). Targets are the stage's pseudo labels (``data.labels``), otherwise the
    store's own labels
    for both streams, as the AudioSet variant uses its tags. correspondence_only: train without categories, for a warm-up
    whose features are clustered into pseudo labels.
    maps: the output of `locate`: one per category (``classes``) or their mean weighted by what is heard (``fused``, as
    published).
    gate: categories count if their probability is higher, and always the most likely one. double_sigmoid: the released
    test applies the sigmoid twice, so that every category counts nearly the same.
    mixtures: weight of classifying the mixed sounds of two clips (not published; 0 is off).
    """

    of_classes = True
    looks = "CAM"

    def __init__(
        self,
        classes: Classes = 7,
        frame: FrameView = FRAME,
        sound: LogMel | Waveform = SOUND,
        visual: Eyes = Backbone(),
        audio: Ears = Backbone(),
        correspondence_only: bool = False,
        maps: Maps = "fused",
        gate: Fraction = 0.3,
        double_sigmoid: bool = False,
        mixtures: Weight = 0.0,
    ):
        super().__init__()
        self.classes = self.clusters = classes  # after a warm-up, its clusters become the classes
        self.frame, self.sound = frame, sound
        self.streams = TwoStreams(classes, visual, audio, frame, sound)
        self.correspondence_only, self.mixtures = correspondence_only, mixtures
        self.maps, self.gate, self.double_sigmoid = maps, gate, double_sigmoid
        self.needs = Needs(waveform=bool(mixtures), label_classes=None if correspondence_only else classes)

    @property
    def maps_apart(self) -> bool:
        return self.maps == "classes"

    def frame_encoder(self) -> nn.Module | None:
        return self.streams.visual

    def sound_encoder(self) -> nn.Module | None:
        return None if self.needs.waveform else self.streams.audio

    def locate(self, batch: Batch) -> Tensor:
        """The frame's class activation maps, those of the categories heard: (B, C or 1, h, w)."""
        return self.shown(self.streams.see(batch.frame).activation, self.streams.hear(batch.sound).logits)

    def fits(self, batch: Batch) -> Tensor | None:
        """The logit of the correspondence head that frame and sound belong together."""
        seen, heard = self.streams.see(batch.frame), self.streams.hear(batch.sound)
        means = (part.features.mean((2, 3)).float() for part in (seen, heard))
        logits = self.streams.correspondence(*means).diagonal().movedim(-1, 0)
        return logits[:, 1] - logits[:, 0]

    def look(self, batch: Batch) -> Tensor | None:
        """The class activation maps of the visible categories, whatever sounds: the paper's CAM baseline."""
        seen = self.streams.see(batch.frame)
        return self.shown(seen.activation, seen.logits)

    def shown(self, maps: Tensor, logits: Tensor) -> Tensor:
        """Maps (B, C, h, w) of the categories that are present according to `logits` (B, C); see `maps` and `gate`."""
        likely = logits.sigmoid().sigmoid() if self.double_sigmoid else logits.sigmoid()
        there = (likely > self.gate) | F.one_hot(likely.argmax(1), likely.shape[1]).bool()
        weights = torch.where(there, likely, 0.0)[:, :, None, None]
        maps = maps.float()
        if self.maps == "classes":
            return weights * maps
        fused = (weights * maps).sum(1, keepdim=True) / weights.sum(1, keepdim=True)
        # published: a map of zeros becomes NaN, which predicts nothing; here it stays zero
        return fused / fused.amax((2, 3), keepdim=True).clamp(min=torch.finfo(fused.dtype).tiny)

    def phases(self, train: Train) -> list[Phase]:
        return [Phase("coarse", self.loss, [train.make_optimizer(self.parameters())], train.epochs)]

    weights_from = ("coarse",)
    gathers = True

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        return self.coarse(batch, self.streams.see(batch.frame), self.streams.hear(batch.sound))

    def coarse(self, batch: Batch, seen: Stream, heard: Stream) -> dict[str, Tensor]:
        """Equation 3 with all weights 1: categories of both streams, correspondence over all pairs."""
        terms = {"correspondence": self._correspondence(batch, seen, heard)}
        if not self.correspondence_only:
            sound, frame = self.targets(batch)
            terms["sound_class"] = F.binary_cross_entropy_with_logits(heard.logits, sound)
            terms["frame_class"] = F.binary_cross_entropy_with_logits(seen.logits, frame)
            if self.mixtures:
                mixed = self.streams.hear(self.mixed(batch))
                both = torch.maximum(sound, sound.roll(1, 0))
                terms["mixture"] = self.mixtures * F.binary_cross_entropy_with_logits(mixed.logits, both)
        return terms

    def _correspondence(self, batch: Batch, seen: Stream, heard: Stream) -> Tensor:
        """Half of it from a clip's own frame, half from frames of other videos; published: from all others in the
        batch, where every clip is from another video. A batch of one only has its own frame (published: NaN).
        """
        assert batch.video is not None
        frames, sounds = (self.gathered(part.features.mean((2, 3)).float()) for part in (seen, heard))
        logits = self.streams.correspondence(frames, sounds)
        own = -logits.diagonal().movedim(-1, 0).log_softmax(1)[:, 1].mean()
        _, foreign = own_and_foreign(self.gathered(batch.video))
        if not foreign.any():
            return own
        return 0.5 * own - 0.5 * logits[foreign].log_softmax(1)[:, 0].mean()

    def targets(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """For the sounds and for the frames, (B, C) each."""
        assert batch.labels is not None
        labels = batch.labels.float()
        sound = labels if batch.sound_scores is None else batch.sound_scores
        frame = labels if batch.frame_scores is None else batch.frame_scores
        if sound.shape[1] != self.classes:
            raise AvlocError(
                f"the labels have {sound.shape[1]} classes, the model {self.classes}; set model.classes to "
                f"{sound.shape[1]}, or name other pseudo labels (data.labels)"
            )
        return sound, frame

    def mixed(self, batch: Batch) -> Tensor:
        """The view of each clip's sound mixed with that of the clip before it."""
        assert batch.waveform is not None
        return self.sound(with_previous(batch.waveform))

    def object_features(self, batch: Batch) -> dict[str, Tensor]:
        """`objects` (B, D), features where the frame is most active; the clips' `labels`; `named`, from the sound."""
        seen, heard = self.streams.see(batch.frame), self.streams.hear(batch.sound)
        assert batch.labels is not None
        objects = torch.cat([F.normalize(part.features.float().mean((2, 3)), dim=1) for part in (seen, heard)], dim=1)
        return {"objects": objects, "labels": batch.labels, "named": heard.logits.argmax(1)}
