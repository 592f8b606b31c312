"""`avloc prepare music`: videos, lists and boxes of MUSIC into a store."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.build import Prepared, build_store
from avloc.data.sources.base import Listing
from avloc.data.sources.music import GRID, MusicReader, list_music
from avloc.data.store import Store
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.data.work import Scale
from avloc.errors import DataError

logger = logging.getLogger(__name__)


def prepare_music(
    source: Path,
    out: Path = Path("data/music"),
    fps: int = 4,
    size: int = 256,
    rate: int = 16000,
    frames: str = "jpeg",
    store: str = "hdf5",
    splits: Sequence[str] | None = None,
    **work: Unpack[Scale],
) -> Prepared:
    """Cut the listed videos into clips of one second and write them to the store `out`.

    fps: frames kept of each second. size: pixels, frames become size x size. rate: Hz. frames: "jpeg" or "raw". store:
    "hdf5" or "lmdb". splits: the lists to prepare, all where None. work: see `avloc.data.work.Work`.
    Running it again finishes what was interrupted and takes up videos that were missing.
    """
    if not 1 <= fps <= GRID:
        raise DataError(f"fps is {fps}; expected 1 to {GRID} frames a second")
    if size < 8 or rate < 1000:
        raise DataError(f"size is {size} and rate is {rate}; expected at least 8 pixels and 1000 Hz")
    refuse_other("frames", frames, FRAMES)
    source, out = Path(source), Path(out)
    splits = splits and words(splits)
    classes, listing = list_music(source, splits)
    logger.info("%s: %d videos in %d lists, %d classes", source, len(listing.items), len(listing.splits), len(classes))
    settings = {
        "data": "music",
        "lists": splits and list(splits),  # so that asking for one list does not shrink a store of all
        "classes": classes,
        "rate": rate,
        "seconds": 1.0,
        "samples": rate,
        "frames_per_clip": fps,
        "size": size,
        "frames": frames,
        "store": store,
    }
    reader = MusicReader(source, fps, size, rate)
    prepared = build_store(out, source, listing, reader, settings, **work)
    if prepared.ok:  # a part of a store may be empty
        _report_unseen_boxes(out, listing, reader)
    return prepared


def _report_unseen_boxes(out: Path, listing: Listing, reader: MusicReader) -> None:
    """An annotated frame that no clip holds cannot be scored: say so."""
    store = Store.open(out)
    prepared = set(store.videos)
    asked = {key for item in listing.items.values() if item.id in prepared for key in item.facts["boxes"]}
    unseen = asked - {key for keys in store.frame_keys for key in keys}
    if unseen:
        logger.warning(
            "%s: %d of %d annotated frames are in no clip, such as %s; kept of each second are the frames %s",
            out,
            len(unseen),
            len(asked),
            min(unseen),
            ", ".join(map(str, reader.offsets())),
        )
