"""The input of a method for some clips."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class Batch:
    """The input of a method for B clips; a field that the method does not need is None.

    frame: (B, 3, H, W) float. sound: (B, 1, T, F) float. waveform: (B, S) float in [-1, 1], None if the store has
    spectrograms.
    view2: (B, 3, H, W), the same frame augmented again, or by the method's view `frame2`. sound2: (B, 1, T, F), the
    same sound by the view `sound2`; in training only. frames: (B, F, 3, H, W), all frames of each clip.
    negative: (B, 3, H, W), for each clip a frame of another video. index, negative_index: (B,) into the split.
    video: (B,) the same number for clips of one video. labels: (B, C) bool.
    sound_scores, frame_scores: (B, C) in [0, 1], pseudo labels of sound and frame.
    proposals, proposal_classes: (B, 1, R, 4) and (B, 1, R), boxes in `frame` that may show an object, xyxy in [0, 1],
    and the class of each, -1 if unknown; for all F `frames` if these are used, (B, F, R, ...).
    partner_frame, partner_sound: for each clip a frame of a similar-looking one and the sound of a similar-sounding
    one.
    motion: (B, 2, H, W), the optical flow from each frame to the next one of its clip.
    noise: (n, ...) sounds that nothing in view makes, including silence, in the form of `sound`; in training only.
    """

    frame: Tensor
    sound: Tensor
    waveform: Tensor | None = None
    index: Tensor | None = None
    video: Tensor | None = None
    labels: Tensor | None = None
    negative: Tensor | None = None
    negative_index: Tensor | None = None
    view2: Tensor | None = None
    frames: Tensor | None = None
    sound_scores: Tensor | None = None
    frame_scores: Tensor | None = None
    proposals: Tensor | None = None
    proposal_classes: Tensor | None = None
    noise: Tensor | None = None
    sound2: Tensor | None = None
    partner_frame: Tensor | None = None
    motion: Tensor | None = None
    partner_sound: Tensor | None = None

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def sounds(self) -> Tensor:
        """(B + n, ...), the clips' sounds followed by the noise sounds."""
        return self.sound if self.noise is None else torch.cat([self.sound, self.noise])
