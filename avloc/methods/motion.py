"""Motion: where the picture moves when the sound does. It needs no training and no weights.

Hershey and Movellan, *Audio-vision: using audio-visual synchrony to locate sounds*, NeurIPS 1999; Kidron, Schechner and Elad,
*Pixels that sound*, CVPR 2005. Written from the papers; no code of theirs is known.
"""

from torch import Tensor

from avloc.data.loader import Batch
from avloc.data.views import FrameView, Waveform
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Needs
from avloc.nn.motion import LEAST, changes, motion_maps
from avloc.ranges import Pixels

FRAME = FrameView(size=224, resize=224, crop=False, augment=False, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


class Motion(Localizer):
    """Correlation over a clip's frames, 1999 and 2005's idea in its plainest form: of how much each cell of a grid changes
    from frame to frame, and how loud the sound is meanwhile.

    Hershey and Movellan use the mutual information of both as Gaussians, which ranks positions like the magnitude of this
    correlation; here a position that moves when the sound is quiet stays dark. Kidron et al. look for a sparse combination of
    wavelet coefficients instead of single positions.
    cells: number of cells along each side of the grid. Every clip needs 4 frames or more. sound: any rate works.
    """

    needs_training = False
    needs = Needs(every_frame=True)
    looks = "motion without sound"
    window = 2.0
    window_frames = 16
    window_needed = True

    def __init__(self, frame: FrameView = FRAME, sound: Waveform = Waveform(None), cells: Pixels = 28):
        super().__init__()
        self.frame, self.sound, self.cells = frame, sound, cells

    def locate(self, batch: Batch) -> Tensor:
        """Correlations (B, 1, cells, cells) in [0, 1)."""
        return motion_maps(self._frames(batch), batch.sound, self.cells).unsqueeze(1)

    def look(self, batch: Batch) -> Tensor | None:
        """How much each cell changes, regardless of the sound: the mean over the clip, (B, 1, cells, cells)."""
        return changes(self._frames(batch), self.cells).mean(1, keepdim=True)

    def _frames(self, batch: Batch) -> Tensor:
        assert batch.frames is not None
        count = batch.frames.shape[1]
        if count < LEAST:
            raise AvlocError(
                f"motion needs clips of {LEAST} frames or more, these have {count}: prepare the store with more "
                "frames per clip"
            )
        return batch.frames


STAGES = (Motion,)
