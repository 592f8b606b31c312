"""Some frames in a row of each clip, and the part of its sound that belongs to them."""

import torch
from torch import Tensor

from avloc.data.loader import Batch
from avloc.data.views import LogMel, Waveform
from avloc.errors import AvlocError


def window(batch: Batch, count: int, sound: LogMel | Waveform, draw: bool) -> tuple[Tensor, Tensor]:
    """Frames (B, count, 3, H, W) and sounds (B, 1, T, bands).

    One frame: the batch's own, with all of the sound. All frames of a clip: all of the sound. Fewer: from the first on, or,
    with `draw`, from anywhere (AVE's released code never takes the last of the places). AvlocError where clips have fewer.
    """
    if count == 1:
        return batch.frame.unsqueeze(1), batch.sound
    assert batch.frames is not None and batch.waveform is not None
    there = batch.frames.shape[1]
    if there < count:
        raise AvlocError(f"the clips have {there} frames, the model wants {count}; set model.frames to {there} or less")
    if there == count:
        return batch.frames, batch.sound
    clips = torch.arange(len(batch))[:, None]
    start = torch.randint(0, there - count + 1, (len(batch), 1)) if draw else torch.zeros(len(batch), 1).long()
    samples = batch.waveform.shape[1] // there
    moments, times = start + torch.arange(count), start * samples + torch.arange(count * samples)
    device = batch.frames.device
    frames = batch.frames[clips.to(device), moments.to(device)]
    return frames, sound(batch.waveform[clips.to(device), times.to(device)])
