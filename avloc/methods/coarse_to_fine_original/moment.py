"""A batch in a stage: the outputs of both streams, the matching pairs, and the target categories.

Categories of sounds and frames come from labels, or from two frozen networks during training.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from avloc.data.categories import read_mapping
from avloc.data.loader import Batch
from avloc.data.views import LogMel, Waveform
from avloc.errors import AvlocError, DataError
from avloc.methods.coarse_to_fine_original.losses import strangers
from avloc.methods.coarse_to_fine_original.network import Hearing, MatchHead, Sight
from avloc.nn.categories import heard_online, over_frames, seen_in_proposals, seen_online
from avloc.nn.classifier import read_classifier
from avloc.nn.mobile_crnn import read_tagger


def window(batch: Batch, count: int, sound: LogMel | Waveform, draw: bool) -> tuple[Tensor, Tensor]:
    """Frames (B, count, 3, H, W) and sounds (B, 1, T, bands).

    One frame: the batch's own, with all of the sound. All frames of a clip: all of the sound. Fewer: from the first on, or,
    with `draw`, from anywhere (AVE's released code never uses the last position). AvlocError if clips have fewer.
    """
    if count == 1:
        return batch.frame.unsqueeze(1), batch.sound
    assert batch.frames is not None and batch.waveform is not None
    there = batch.frames.shape[1]
    if there < count:
        raise AvlocError(f"the clips have {there} frames, the model needs {count}; set model.frames to {there} or less")
    if there == count:
        return batch.frames, batch.sound
    clips = torch.arange(len(batch))[:, None]
    start = torch.randint(0, there - count + 1, (len(batch), 1)) if draw else torch.zeros(len(batch), 1).long()
    samples = batch.waveform.shape[1] // there
    moments, times = start + torch.arange(count), start * samples + torch.arange(count * samples)
    device = batch.frames.device
    frames = batch.frames[clips.to(device), moments.to(device)]
    return frames, sound(batch.waveform[clips.to(device), times.to(device)])


class Moment(NamedTuple):
    """A batch and the outputs of both streams: B sounds, and B x F frames, clip by clip."""

    images: Tensor
    sounds: Tensor
    heard: Hearing
    seen: Sight

    @property
    def frames(self) -> int:
        return self.images.shape[1]


def match_logits(
    head: MatchHead, moment: Moment, videos: Tensor, over_time: bool, alone: bool
) -> tuple[Tensor, Tensor | None, Tensor]:
    """Logits (B, F, 2) of each sound with its own frames and with frames of other clips, and which of these exist (B, F).

    over_time: each frame has its part of the sound. alone: without frames of other clips.
    """
    sounds = head.sounds(moment.heard.features, moment.frames, over_time)
    sights = moment.seen.matched.amax((2, 3)).unflatten(0, (-1, moment.frames))
    own, other = head(sounds, sights), strangers(videos, moment.frames)
    if alone:
        return own, None, torch.zeros_like(other.there)
    return own, head(sounds, sights[other.clip, other.frame]), other.there


def accuracy(own: Tensor, foreign: Tensor | None, there: Tensor) -> dict[str, Tensor]:
    """Share of own frames and of other frames that are classified correctly, and their mean, ``accuracy``."""
    right = (own[..., 1] > own[..., 0]).float().mean()
    if foreign is None:
        return {"own": right, "accuracy": right}
    apart = (foreign[..., 0] > foreign[..., 1])[there].float()
    wrong = apart.mean() if len(apart) else torch.ones_like(right)
    return {"own": right, "foreign": wrong, "accuracy": (right + wrong) / 2}


class Taught(NamedTuple):
    """sound: (B, C). frame: (B, F, C). sure: (B, F), 1 if the sound at that time has a certain category, else 0.

    proposals: (B x F, R), the category of each, None without proposals.
    """

    sound: Tensor
    frame: Tensor
    sure: Tensor
    proposals: Tensor | None = None


def taught_by(batch: Batch, frames: int, classes: int, proposals: bool) -> Taught:
    """The batch's pseudo labels, including those of proposals if requested, else its videos' tags; a clip's apply to
    all frames.
    """
    assert batch.labels is not None
    tags = batch.labels.float()
    sound = tags if batch.sound_scores is None else batch.sound_scores
    frame = tags if batch.frame_scores is None else batch.frame_scores
    if sound.shape[1] != classes:
        raise AvlocError(
            f"the labels have {sound.shape[1]} classes, the model {classes}; set model.classes to {sound.shape[1]}, or name "
            "other pseudo labels (data.labels)"
        )
    over_time = sound[:, None].expand(-1, frames, -1)
    parts = batch.proposal_classes.flatten(0, 1) if proposals and batch.proposal_classes is not None else None
    return Taught(sound, frame[:, None].expand(-1, frames, -1), sure(over_time), parts)


def sure(labels: Tensor) -> Tensor:
    """1 where the likeliest of labels (B, F, C) reaches the highest of its clip, or 0.8; with one frame a clip, the highest
    of the batch, or 0.6: (B, F)."""
    best = labels.amax(2)
    cut = best.max().clamp(max=0.6) if labels.shape[1] == 1 else best.amax(1, keepdim=True).clamp(max=0.8)
    return (best >= cut).float()


@dataclass(frozen=True)
class Priors:
    """tagger: ``mobilecrnn_v2.pth``. classifier: a ResNet-18 of torchvision's, a file or ``imagenet``. sound_categories,
    frame_categories: the categories of their classes, such as ``cluster_a.npy`` and ``cluster_v3.npy``."""

    __pydantic_config__ = {"extra": "forbid"}

    tagger: str
    sound_categories: Path
    frame_categories: Path
    classifier: str = "imagenet"

    def build(self, classes: int) -> "PriorNets":
        """AvlocError if a file is not available, or the categories are not those of the model."""
        return PriorNets(self, classes)


class PriorNets:
    """Deliberately not a module: it is not part of the weights that a training saves."""

    def __init__(self, priors: Priors, classes: int):
        self.tagger, self.classifier = read_tagger(priors.tagger), read_classifier(priors.classifier, last_stride=1)
        for network in (self.tagger, self.classifier):
            network.eval().requires_grad_(False)
        heard, seen = self.tagger.outputlayer.out_features, self.classifier.classes
        self.sound = torch.from_numpy(read_mapping(priors.sound_categories, heard, "the audio tagger").table)
        self.frame = torch.from_numpy(read_mapping(priors.frame_categories, seen, "the classifier").table)
        for path, table in ((priors.sound_categories, self.sound), (priors.frame_categories, self.frame)):
            if table.shape[1] != classes:
                raise DataError(f"{path}: {table.shape[1]} categories, the model has {classes}; set model.classes")

    @torch.no_grad()
    def taught(self, frames: Tensor, sounds: Tensor, boxes: Tensor | None) -> Taught:
        """For frames (B, F, 3, H, W), sounds (B, 1, T, bands) and optionally proposals (B x F, R, 4)."""
        self._to(frames.device)
        heard = self.tagger(sounds)
        over_time = heard_online(over_frames(heard.steps.float(), frames.shape[1]), self.sound)
        images = frames.flatten(0, 1)
        seen = seen_online(self.classifier(images).float().softmax(1), self.frame).unflatten(0, frames.shape[:2])
        parts = None
        if boxes is not None:
            likely = self.classifier.of_proposals(images, boxes).float().softmax(2)
            parts = seen_in_proposals(likely, self.frame).argmax(2)
        return Taught(heard_online(heard.clip.float(), self.sound), seen, sure(over_time), parts)

    def _to(self, device: torch.device) -> None:
        if self.sound.device != device:
            self.tagger, self.classifier = self.tagger.to(device), self.classifier.to(device)
            self.sound, self.frame = self.sound.to(device), self.frame.to(device)
