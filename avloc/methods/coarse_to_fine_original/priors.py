"""Labels made while training by two frozen networks: an audio tagger and a classifier of frames."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from avloc.data.categories import read_mapping
from avloc.errors import DataError
from avloc.methods.coarse_to_fine_original.taught import Taught, sure
from avloc.nn.categories import heard_online, over_frames, seen_in_proposals, seen_online
from avloc.nn.classifier import read_classifier
from avloc.nn.mobile_crnn import read_tagger


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
        """AvlocError when a file is not to be had, or the categories are not those of the model."""
        return PriorNets(self, classes)


class PriorNets:
    """No module on purpose: it is no part of the weights that a training leaves behind."""

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
        """Of frames (B, F, 3, H, W), sounds (B, 1, T, bands) and perhaps proposals (B x F, R, 4)."""
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
