"""Stage one: visible and audible categories, and which sounds belong to which frames."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, Waveform
from avloc.data.waveforms import with_previous
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Needs, Phase, Train
from avloc.methods.coarse_to_fine_original.losses import PER_CATEGORY, matched, named
from avloc.methods.coarse_to_fine_original.maps import TINY, fused, match_cam
from avloc.methods.coarse_to_fine_original.moment import (
    Moment,
    PriorNets,
    Priors,
    Taught,
    accuracy,
    match_logits,
    taught_by,
    window,
)
from avloc.methods.coarse_to_fine_original.network import Streams
from avloc.nn.encoders import Backbone
from avloc.nn.mobile_crnn import MobileCrnn
from avloc.nn.senses import Eyes
from avloc.nn.tagger import Tagger
from avloc.ranges import Channels, Classes, Few, Weight

Variant = Literal["labels", "tags"]
FRAME = FrameView(size=256, resize=256, crop=False, augment=False)
SOUND = LogMel(rate=22050, n_fft=882, hop=441, power=2.0, decibels=False, offset=2.220446e-16)
GRID = tuple((x / 4, y / 2, (x + 1) / 4, (y + 1) / 2) for y in range(2) for x in range(4))


class StageOne(Localizer):
    """Qian et al., ECCV 2020, section 3.1, the original release.

    dim: of the common space. classes: 7 on Flickr, AVE, 15 on AudioSet. variant: ``labels``, Flickr's and AVE's: pseudo labels
    (``data.labels``), a matching loss of the clips whose sound is sure of a label, each frame with its part of the sound; or
    ``tags``, AudioSet's: the videos' tags for sounds and for every frame, the whole sound with each frame.
    frames: of a clip, 1 or several in a row with their part of the sound. mix: clips of a published sample, so that
    ``train.batch_size`` is its batch times `mix`; with 1, ``labels`` has no frames of other clips to match, as published.
    mode: ``avc``, or ``cls`` without matching. priors: networks that make Flickr's labels while training, as published,
    instead of ``data.labels``. proposals: parts of frames that are named too, those of the pseudo labels (``given``) or a
    fixed ``grid`` of 8, whose categories `priors` must tell; or ``none``. maps: of `locate`: class activation of the
    categories heard, one map a category (``classes``) or their weighted mean (``fused``), or Grad-CAM of the match
    (``match``), the paper's baseline of correspondence.
    freeze_stem, freeze_norms: the first layers, and the statistics of batch norms but for those of layer5 and the
    matching head, stay as they were loaded; encoders that start at random need both off. backbone_rate: a factor on the
    learning rate of all but classifiers, layer5 and matching head; the release means 0.1 and has 1.
    bgr_training: blue and red are exchanged in training alone, as in the release for AudioSet. test_peak: sounds are divided by
    their peak in `locate` alone, as in the release for Flickr.
    mixtures: weight of naming the sounds of two clips mixed (ours, 0: as published).
    """

    of_classes = True
    looks = "CAM"
    weights_from = ("coarse",)

    def __init__(
        self,
        classes: Classes = 7,
        variant: Variant = "labels",
        frames: Few = 1,
        mix: Few = 2,
        frame: FrameView = FRAME,
        sound: LogMel | Waveform = SOUND,
        visual: Eyes = Backbone(),
        audio: MobileCrnn | Tagger = MobileCrnn(),
        dim: Channels = 128,
        mode: Literal["avc", "cls"] = "avc",
        priors: Priors | None = None,
        proposals: Literal["given", "grid", "none"] = "none",
        maps: Literal["fused", "classes", "match"] = "fused",
        freeze_stem: bool = True,
        freeze_norms: bool = True,
        backbone_rate: Weight = 1.0,
        bgr_training: bool = False,
        test_peak: bool = False,
        mixtures: Weight = 0.0,
    ):
        super().__init__()
        if frames < 1 or mix < 1:
            raise AvlocError(f"frames is {frames}, mix {mix}; expected at least 1")
        if test_peak and not isinstance(sound, LogMel):
            raise AvlocError("test_peak divides the sound of a spectrogram by its peak; leave it out with a tagger")
        if proposals == "grid" and priors is None:
            raise AvlocError("proposals is 'grid', which needs model.priors; set them, or set proposals to none")
        if proposals == "given" and frames > 1:
            raise AvlocError(
                f"proposals are stored for one frame per clip, but frames is {frames}; set it to 1, or use the grid"
            )
        given, judged = proposals == "given", None if priors is not None else classes
        self.needs = Needs(every_frame=frames > 1, waveform=bool(mixtures), proposals=given, label_classes=judged)
        self.classes, self.variant, self.frames, self.mix = classes, variant, frames, mix
        self.priors, self.boxes = priors, proposals
        self._nets: tuple[PriorNets, ...] = ()  # in a tuple, so that they are not part of the weights
        self.frame, self.sound = frame, sound
        self.streams = Streams(classes, visual, audio, dim, frame, sound)
        self.mode, self.maps, self.freeze_norms, self.backbone_rate = mode, maps, freeze_norms, backbone_rate
        self.bgr_training, self.test_peak = bgr_training, test_peak
        self.mixtures = mixtures
        if freeze_stem:
            for part in self.streams.stem():
                part.requires_grad_(False)

    def train(self, mode: bool = True) -> "StageOne":
        super().train(mode)
        if mode and self.freeze_norms:
            self.streams.fix_statistics()
        self.streams.audio.gru.train()  # same result, but cuDNN needs training mode for the gradients of Grad-CAM
        return self

    # views

    def sense(self, batch: Batch) -> Moment:
        """A training batch: `frames` of each clip and their part of its sound."""
        frames, sounds = window(batch, self.frames, self.sound, self.training)
        if self.bgr_training and self.training:
            mean, std = (frames.new_tensor(values)[:, None, None] for values in (self.frame.mean, self.frame.std))
            frames = ((frames * std + mean).flip(2) - mean) / std
        return Moment(frames, sounds, self.streams.hear(sounds), self.streams.visual(frames.flatten(0, 1)))

    def test_sound(self, batch: Batch) -> Tensor:
        """The whole sound, as used by `locate`."""
        if not self.test_peak:
            return batch.sound
        if batch.waveform is None:
            raise AvlocError("test_peak divides sounds by their peak, but the store has spectrograms; set it to false")
        return replace(self.sound, peak=True)(batch.waveform)

    @property
    def maps_apart(self) -> bool:
        return self.maps == "classes"

    def frame_encoder(self) -> nn.Module | None:
        return None if self.priors is not None or self.bgr_training else self.streams.encoders()[0]

    def sound_encoder(self) -> nn.Module | None:
        else_heard = self.priors is not None or self.frames > 1 or self.mixtures
        return None if else_heard else self.streams.encoders()[1]

    # the plan
    def phases(self, train: Train) -> list[Phase]:
        self.prepare()
        return [Phase("coarse", self.loss, [self.optimizer(self, train)], train.epochs, measure=self.matches)]

    def prepare(self) -> None:
        """Read the networks for the labels; AvlocError if they are not available."""
        if self.priors is not None and not self._nets:
            self._nets = (self.priors.build(self.classes),)

    def optimizer(self, whole: nn.Module, train: Train) -> torch.optim.Optimizer:
        """The optimizer of all trained parameters in `whole`, this stage or the one that contains it; see `backbone_rate`."""
        return train.make_optimizer(self.streams.groups(whole, train.lr, self.backbone_rate))

    # the losses

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        moment = self.sense(batch)
        weight = 1.0 if self.variant == "labels" else 1 / self.classes
        return self.coarse(batch, moment, self.taught(batch, moment), weight, self.mode == "avc")

    def taught(self, batch: Batch, moment: Moment) -> Taught:
        self.prepare()
        if self._nets:
            return self._nets[0].taught(moment.images, moment.sounds, self.proposed(batch, moment))
        return taught_by(batch, moment.frames, self.classes, self.needs.proposals)

    def proposed(self, batch: Batch, moment: Moment) -> Tensor | None:
        """Boxes (B x F, R, 4) of the frames."""
        if self.boxes == "grid":
            return moment.images.new_tensor(GRID).expand(len(moment.seen.bottom), -1, -1)
        if self.boxes == "none":
            return None
        if batch.proposals is None:
            raise AvlocError(
                "proposals is 'given', but the pseudo labels have none; write them with `avloc pseudo-labels` and "
                "--proposals, or set model.proposals to none"
            )
        return batch.proposals.flatten(0, 1)

    def coarse(
        self, batch: Batch, moment: Moment, taught: Taught, sound_weight: float, match: bool
    ) -> dict[str, Tensor]:
        """Equation 3: categories of sounds, frames and their proposals, and matching; the loss of mixed sounds is ours."""
        seen = moment.seen.logits.unflatten(0, (-1, moment.frames)).sigmoid()
        terms = {
            "sound_class": sound_weight * named(moment.heard.likely, taught.sound),
            "frame_class": named(seen, taught.frame) / self.classes,
        }
        if self.mixtures:
            assert batch.waveform is not None
            mixed = self.streams.hear(self.sound(with_previous(batch.waveform)))
            both = torch.maximum(taught.sound, taught.sound.roll(1, 0))
            terms["mixture"] = self.mixtures * sound_weight * named(mixed.likely, both)
        boxes = self.proposed(batch, moment)
        if boxes is not None and taught.proposals is not None:
            parts = self.streams.visual.of_proposals(moment.seen.bottom, boxes)
            terms["proposal_class"] = F.cross_entropy(parts.flatten(0, 1), taught.proposals.flatten())
        if match:
            terms["match"] = self.matching(batch, moment, taught)
        return terms

    def matching(self, batch: Batch, moment: Moment, taught: Taught) -> Tensor:
        """Each sound with its own frames, and with frames of other clips; published: of any video."""
        own, foreign, there = self.match_logits(batch, moment)
        weight = taught.sure if self.variant == "labels" else torch.ones_like(taught.sure)
        return matched(own, foreign, weight, weight * there)

    def match_logits(self, batch: Batch, moment: Moment) -> tuple[Tensor, Tensor | None, Tensor]:
        """See `moment.match_logits`."""
        assert batch.video is not None
        labels = self.variant == "labels"
        return match_logits(self.streams.match, moment, batch.video, labels, alone=labels and self.mix == 1)

    def matches(self, batch: Batch) -> dict[str, Tensor]:
        """Share of own and of other frames that are classified correctly, and their mean, ``accuracy``.

        The release evaluates Flickr's with a distance it no longer computes; here AudioSet's rule is used for both.
        """
        return accuracy(*self.match_logits(batch, self.sense(batch)))

    # the maps

    def locate(self, batch: Batch) -> Tensor:
        """Grad-CAM of the match, (B, 1, h, w), or the frame's class activation of the audible categories, (B, C or 1, h, w)."""
        heard, seen = self.streams.hear(self.test_sound(batch)), self.streams.visual(batch.frame)
        if self.maps != "match":
            return self.shown(self.streams.visual.activation(seen.top), heard.likely)
        sounds = self.streams.match.sounds(heard.features, 1, False).squeeze(1)
        cam = match_cam(self.streams.match, sounds, seen.matched)
        if self.variant == "labels":
            return cam.clamp(0, 1)
        return cam.relu() / (cam.relu().amax((2, 3), keepdim=True) + TINY)

    def look(self, batch: Batch) -> Tensor | None:
        """The class activation of the visible categories, whatever sounds: the paper's CAM baseline."""
        seen = self.streams.visual(batch.frame)
        return self.shown(self.streams.visual.activation(seen.top), seen.logits.sigmoid())

    def shown(self, maps: Tensor, likely: Tensor) -> Tensor:
        """Maps (B, C, h, w), weighted by probabilities (B, C); categories above 0.3 count, and the likeliest."""
        there = (likely > PER_CATEGORY) | F.one_hot(likely.argmax(1), self.classes).bool()
        weights = torch.where(there, likely, 0.0)
        return weights[:, :, None, None] * maps if self.maps == "classes" else fused(maps, weights)
