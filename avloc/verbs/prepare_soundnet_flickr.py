"""`avloc prepare soundnet-flickr`: frames and sounds of SoundNet-Flickr, its lists and its boxes, into a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.building import Prepared
from avloc.data.sources.recipe import Recipe, moments_of
from avloc.data.sources.recordings import OneMoment
from avloc.data.sources.soundnet_flickr import list_soundnet_flickr
from avloc.data.work import Scale


def prepare_soundnet_flickr(
    source: Path,
    out: Path = Path("data/flickr"),
    annotations: Path | None = None,
    lists: Sequence[str] = (),
    splits: Sequence[str] | None = None,
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
    """One clip of each listed recording: its frame (of several the middle one) and `seconds` of its sound.

    annotations: where lists and boxes lie, `source` where None. lists: "SPLIT=FILE", ids one a line, beside or instead of
    the published ones. splits: to prepare, all whose lists are there where None. part: "middle" or "first" of the sound.
    short: "repeat" sounds that are shorter, as the published loaders do, or "fail": count them. size: pixels. rate: Hz.
    frames: "jpeg" or "raw". store: "hdf5" or "lmdb". seed: of training splits drawn where their list is missing. work: see
    `avloc.data.work.Work`. Defaults are those of SSPL, EZ-VSL and (but for its 24000 Hz) visual context; coarse-to-fine
    hears 5 s at 22050 Hz.
    """
    moments = moments_of(size, rate, seconds, short, part)
    source, out = Path(source), Path(out)
    classes, listing = list_soundnet_flickr(
        source, Path(annotations or source), lists, words(splits) if splits else None, seed
    )
    facts = {"part": part, "short": short, "votes": 2, "seed": seed}
    recipe = Recipe("soundnet-flickr", source, classes, listing, OneMoment(source, moments), moments, facts, block=64)
    return recipe.prepare(out, frames, store, **work)
