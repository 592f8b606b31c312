"""`avloc prepare vggsound`: VGGSound for training, and VGG-SS with the sets made from it for testing, into a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.building import Prepared
from avloc.data.sources.recipe import Recipe, moments_of
from avloc.data.sources.recordings import OneMoment
from avloc.data.sources.vggsound import list_vggsound
from avloc.data.work import Scale
from avloc.errors import DataError


def prepare_vggsound(
    source: Path,
    out: Path = Path("data/vggsound"),
    annotations: Path | None = None,
    lists: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    at: float = 5.0,
    frame: int = 7,
    seconds: float = 3.0,
    rate: int = 16000,
    part: str = "middle",
    short: str = "repeat",
    size: int = 256,
    frames: str = "jpeg",
    store: str = "hdf5",
    seed: int = 0,
    **work: Unpack[Scale],
) -> Prepared:
    """One clip of each listed ID_START: the frame at `at` seconds of the ten, and `seconds` of its sound.

    annotations: where lists and boxes lie, `source` where None. lists: "SPLIT=FILE", ids one a line, beside or instead of
    the published ones. splits: to prepare, all whose lists are there where None (of instruments only those named). at: s,
    the boxes of VGG-SS are of the frame at 5.0. frame: which picture where a clip has a folder of numbered ones. part:
    "middle" or "first" of the sound. short: "repeat" sounds that are shorter, as the published loaders do, or "fail":
    count them. size: pixels. rate: Hz. frames: "jpeg" or "raw". store: "hdf5" or "lmdb". seed: of training splits drawn
    where their list is missing. work: see `avloc.data.work.Work`. Defaults are those of EZ-VSL and SSPL; visual context
    hears at 24000 Hz, Hard Way's test the first 10 seconds.
    """
    moments = moments_of(size, rate, seconds, short, part)
    if not 0 <= at < 1e4:
        raise DataError(f"at is {at}; expected seconds from 0 on")
    source, out = Path(source), Path(out)
    classes, listing = list_vggsound(
        source, Path(annotations or source), lists, words(splits) if splits else None, seed
    )
    reader = OneMoment(source, moments, at, frame)
    facts = {"at": at, "frame": frame, "part": part, "short": short, "seed": seed}
    return Recipe("vggsound", source, classes, listing, reader, moments, facts, block=64).prepare(
        out, frames, store, **work
    )
