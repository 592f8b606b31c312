"""What a method needs of a clip besides one frame and its sound."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """What the loader puts into the batches of a method, and what a store must have for it.

    negatives: a frame of another video with every clip.
    views: 2 for each frame augmented twice.
    every_frame: all frames of a clip.
    waveform: in training, the waveforms in addition to the output of `sound`.
    noises: in training, this many sounds per batch that nothing in view makes.
    proposals: those of the pseudo labels.
    partners: in training, a frame and a sound of other clips, drawn from the lists ``frame_partners`` and ``sound_partners`` of
        the method's memory once they are there: (N, k) clips, -1 after the end of a list.
    label_classes: how many classes its labels must have; None if it uses no labels.
    """

    negatives: bool = False
    views: int = 1
    every_frame: bool = False
    waveform: bool = False
    noises: int = 0
    proposals: bool = False
    partners: bool = False
    label_classes: int | None = None
