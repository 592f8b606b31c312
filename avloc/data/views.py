"""The views of methods: pure, batched functions of raw tensors that run on the model's device.

The store has frames and waveforms; each method turns them into its own input with a view, so one store serves every
method. Random values come from an explicit generator on the CPU: the same seed gives the same views on every device.
"""

from avloc.data.augmented_frame_view import AugmentedFrameView
from avloc.data.frame_view import IMAGENET_MEAN, IMAGENET_STD, FrameView
from avloc.data.log_mel import LogMel
from avloc.data.log_stft import LogStft
from avloc.data.vggish_patches import VggishPatches
from avloc.data.waveform_view import Waveform

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "AugmentedFrameView",
    "FrameView",
    "LogMel",
    "LogStft",
    "VggishPatches",
    "Waveform",
]
