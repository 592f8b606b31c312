"""`avloc prepare ave`: the videos and events of AVE into a store of seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.building import Prepared
from avloc.data.sources.ave import SECONDS, list_ave
from avloc.data.sources.recipe import Recipe, moments_of
from avloc.data.sources.recordings import EachSecond, check_seconds
from avloc.data.work import Scale


def prepare_ave(
    source: Path,
    out: Path = Path("data/ave"),
    annotations: Path | None = None,
    lists: Sequence[str] = (),
    splits: Sequence[str] | None = None,
    boxes: Path | None = None,
    seconds: int = 1,
    fps: int = 1,
    at: float = 0.5,
    pad: bool = True,
    rate: int = 22050,
    size: int = 256,
    frames: str = "jpeg",
    store: str = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Ten clips of one second of each video; a clip has the class of the event that is seen and heard in it, if any.

    annotations: where Annotations.txt and the sets lie, `source` where None. lists: "SPLIT=FILE", video ids one a line.
    splits: to prepare, all that are there where None. boxes: truth of your own for clips VIDEOID/SECOND, since AVE has none.
    seconds: of a clip, whole ones. fps: frames kept of each second. at: where in its part of the second each is taken, 0 to
    1. pad: a last clip whose sound is cut short is filled with silence, otherwise left out. rate: Hz, by default
    coarse-to-fine's. size: pixels. frames: "jpeg" or "raw". store: "hdf5" or "lmdb". work: see `avloc.data.work.Work`.
    """
    moments = moments_of(size, rate, seconds)
    check_seconds(fps, at, seconds, SECONDS)
    source, out = Path(source), Path(out)
    classes, listing = list_ave(
        source, Path(annotations or source), lists, words(splits) if splits else None, boxes and Path(boxes)
    )
    reader = EachSecond(source, moments, SECONDS // seconds, seconds, fps, at, pad)
    recipe = Recipe("ave", source, classes, listing, reader, moments, {"at": at, "pad": pad}, reader.frames)
    return recipe.prepare(out, frames, store, **work)
