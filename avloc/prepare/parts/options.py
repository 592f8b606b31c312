"""The options that several data sets share, each with its help; see `avloc.options`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from avloc.options import Ask
from avloc.prepare.parts.decoding import Channels, Tail

Source = Annotated[Path, "folder of the data set"]
Out = Annotated[Path, "store to write; run the command again to finish or extend it"]
Annotations = Annotated[Path | None, "folder of the lists and boxes; default: SOURCE"]
Lists = Annotated[Sequence[str], "SPLIT=FILE: the ids of a split, one per line; may be repeated"]
Splits = Annotated[Sequence[str] | None, "prepare only this split; may be repeated; default: all splits that are found"]
Size = Annotated[int, "side of the stored frames in pixels; the aspect ratio is not kept"]
Rate = Annotated[int, "sampling rate of the stored sound in Hz"]
Seconds = Annotated[float, "seconds of sound stored for each clip"]
Whole = Annotated[int, "length of a clip in whole seconds; 10 stores each video as one clip"]
Fps = Annotated[int, "frames stored for each second", Ask(least=1)]
At = Annotated[float, "position within its part of the second at which a frame is taken, 0 to 1"]
Pad = Annotated[bool, "pad a last second that is cut short with silence; otherwise leave it out"]
Part = Annotated[Literal["middle", "first"], "part of the sound that is stored"]
Short = Annotated[
    Literal["fail", "repeat", "start"],
    "what to do with sounds that are too short: fail (counted), or repeat them and take the middle (repeat) or the start",
]
Seed = Annotated[int, "seed for drawing a training split whose list is missing"]
Frames = Annotated[Literal["jpeg", "raw"], "how frames are stored: jpeg (quality 95) or raw"]
StoreKind = Annotated[Literal["hdf5", "lmdb"], "file format of the store"]
Repair = Annotated[
    float, "largest share of a clip, 0 to 1, that may be replaced because of broken packets; other clips are left out"
]
TailKind = Annotated[
    Tail,
    "what to do with a rest that is shorter than a clip: drop and report it, or pad it with silence and its last frame",
]
Channel = Annotated[
    Channels, "channels to store: the mean of all, only left or right, or mid, the mean of front left and right"
]
Benchmark = Annotated[str | None, "benchmark whose boxes the clips get (`avloc benchmarks` lists them), or own"]
Boxes = Annotated[Path | None, "boxes of the benchmark, a file or a folder; for own, a JSON, COCO or Pascal VOC file"]
