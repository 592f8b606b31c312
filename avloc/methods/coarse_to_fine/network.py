"""Both streams of coarse-to-fine with their heads: visible and audible categories, and correspondence."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from avloc.nn.senses import Ears, Eyes


class Stream(NamedTuple):
    """features: (B, D, h, w), of a frame's positions or of a sound's times and frequencies. logits: (B, C), categories.

    activation: (B, C, h, w), the class activation maps, not negative.
    """

    features: Tensor
    logits: Tensor
    activation: Tensor


class TwoStreams(nn.Module):
    """frame, sound: the views that feed the encoders."""

    def __init__(self, classes: int, visual: Eyes, audio: Ears, frame: Any = None, sound: Any = None):
        super().__init__()
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        seen, heard = self.visual.channels, self.audio.channels
        self.class_v = nn.Conv2d(seen, classes, 1, bias=False)
        self.class_a = nn.Conv2d(heard, classes, 1, bias=False)
        self.avc = nn.Sequential(nn.Linear(heard + seen, 128), nn.ReLU(), nn.Linear(128, 2))

    def see(self, frames: Tensor) -> Stream:
        return _stream(self.visual(frames), self.class_v)

    def hear(self, sounds: Tensor) -> Stream:
        return _stream(self.audio(sounds), self.class_a)

    def correspondence(self, seen: Tensor, heard: Tensor) -> Tensor:
        """Logits (A, B, 2) that sound i and frame j, given by their mean features (A, D) and (B, D), belong together.

        The first layer's input is their concatenation, sound first, so its halves are applied before pairing.
        """
        first, last = self.avc[0], self.avc[2]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        of_sound, of_frame = first.weight.split([heard.shape[1], seen.shape[1]], dim=1)
        pairs = (heard @ of_sound.T + first.bias)[:, None] + (seen @ of_frame.T)[None]
        return last(torch.relu(pairs))


def _stream(features: Tensor, head: nn.Conv2d) -> Stream:
    # without bias: its mean over the positions equals the head applied to the mean features
    activation = head(features)
    return Stream(features, activation.mean((2, 3)).float(), activation.relu())
