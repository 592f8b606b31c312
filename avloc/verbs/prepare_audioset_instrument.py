"""`avloc prepare audioset-instrument`: the videos, tags and boxes of AudioSet-instrument into a store of seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.building import Prepared
from avloc.data.sources.audioset import RATES, SECONDS, list_audioset
from avloc.data.sources.recipe import Recipe, moments_of
from avloc.data.sources.recordings import EachSecond, check_seconds
from avloc.data.work import Scale


def prepare_audioset_instrument(
    source: Path,
    out: Path = Path("data/audioset-instrument"),
    release: str = "coarse-to-fine",
    annotations: Path | None = None,
    splits: Sequence[str] | None = None,
    seconds: int = 1,
    fps: int = 1,
    at: float = 0.5,
    pad: bool = True,
    rate: int | None = None,
    size: int = 256,
    frames: str = "jpeg",
    store: str = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Ten clips of one second of each video, with the tags of the video and the boxes of the second's frame.

    release: whose lists, classes and boxes: "coarse-to-fine" (15 classes; splits train, test) or "dsol" (13; single_train,
    single_val, multi_train, multi_val). annotations: where they lie, `source` where None. splits: to prepare, all that are
    there where None. seconds: of a clip; 10 keeps the video whole, with its ten frames, as coarse-to-fine's original version
    takes it. fps: frames kept of each second. at: where in its part of the second each is taken, 0 to 1; the releases bring
    frames 0000.jpg to 0009.jpg and do not say. pad: a last clip whose sound is cut short is filled with silence, as
    published, otherwise left out. rate: Hz; 22050 for coarse-to-fine and 16000 for dsol where None. size: pixels. frames:
    "jpeg" or "raw". store: "hdf5" or "lmdb". work: see `avloc.data.work.Work`.
    """
    moments = moments_of(size, RATES.get(release, 16000) if rate is None else rate, seconds)
    check_seconds(fps, at, seconds, SECONDS)
    source, out = Path(source), Path(out)
    classes, listing = list_audioset(source, Path(annotations or source), release, words(splits) if splits else None)
    reader = EachSecond(source, moments, SECONDS // seconds, seconds, fps, at, pad)
    facts = {"release": release, "at": at, "pad": pad}
    recipe = Recipe("audioset-instrument", source, classes, listing, reader, moments, facts, reader.frames)
    return recipe.prepare(out, frames, store, **work)
