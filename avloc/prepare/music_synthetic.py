"""`avloc prepare music-synthetic`: 2x2 mosaics composed of the clips of a prepared MUSIC store."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Unpack

from avloc.data.store import Store
from avloc.errors import DataError
from avloc.naming import brief, whole, words
from avloc.options import verb
from avloc.prepare.parts.mosaics import MosaicReader, Pool, list_mosaics, shared_videos
from avloc.prepare.parts.options import Frames, Out, StoreKind
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

logger = logging.getLogger(__name__)

POOLS = ("train=solo_training_2", "validation=solo_validation", "test=solo_testing")
COUNTS = ("train=3000", "validation=400", "test=800")
BLOCK = 256  # mosaics per shard
MOST = 10_000_000  # mosaics of a split


@verb
def prepare_music_synthetic(
    source: Annotated[Path, "a store written by `avloc prepare music`"],
    out: Out = Path("data/music-synthetic"),
    pool: Annotated[
        Sequence[str], "SPLIT=SOURCE_SPLIT: the split of SOURCE that the tiles of a split come from; may be repeated"
    ] = POOLS,
    count: Annotated[Sequence[str], "SPLIT=NUMBER of mosaics; may be repeated"] = COUNTS,
    training: Annotated[
        Sequence[str] | None,
        "split whose sounds get random gains; may be repeated; default: those whose name begins with train",
    ] = None,
    seed: Annotated[int, "seed for drawing the mosaics"] = 0,
    size: Annotated[int, "side of a mosaic in pixels; each cell has half of it"] = 256,
    jitter: Annotated[float, "training gains are drawn from 1 - jitter to 1 + jitter"] = 0.5,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """MUSIC-synthetic: 2x2 mosaics of solo clips of four classes, two of which sound. docs/data/music.md

    Outside the training splits, the videos are divided into groups, and the four tiles of a mosaic come from one group, so
    that statistics can treat a group as one video. If frames have boxes of sounding objects, only those are used.
    """
    if size < 16 or size % 2:
        raise DataError(f"size is {size}; expected an even number of at least 16 pixels, for two cells side by side")
    if not 0 <= jitter <= 1:
        raise DataError(f"jitter is {jitter}; expected 0 to 1")
    pools = _pools(pool, count, training)
    solos = Store.open(source)
    if solos.spectrograms is not None:
        raise DataError(
            f"{source} holds spectrograms, {solos.spectrograms}; mosaics mix waveforms, so give a store with sounds"
        )
    for (one, other), videos in shared_videos(solos, pools).items():
        logger.warning(
            "%s and %s share %d videos: do not choose settings on one and test on the other", one, other, videos
        )
    if seed < 0:
        raise DataError(f"seed is {seed}; expected a whole number, 0 or more")
    listing = list_mosaics(solos, pools, seed, jitter)
    settings = {
        "data": "music-synthetic",
        "classes": solos.classes,
        "rate": solos.rate,
        "seconds": solos.seconds,
        "samples": solos.samples,
        "frames_per_clip": 1,
        "size": size,
        "frames": frames,
        "store": store,
        "seed": seed,
        "jitter": jitter,
        "pools": {pool.name: pool.source for pool in pools},
        "training": [pool.name for pool in pools if pool.training],
        "composed_of": solos.fingerprint,
    }
    return build_store(out, source, listing, MosaicReader(source, size), settings, block=BLOCK, **work)


def _pools(pool: Sequence[str], count: Sequence[str], training: Sequence[str] | None) -> list[Pool]:
    sources, counts = _pairs(pool, "pool"), _pairs(count, "count")
    if training is None:
        training = [name for name in sources if name.startswith("train")]
    training = words(training)
    asked = [*training] if tuple(count) == COUNTS else [*training, *counts]
    for name in asked:
        if name not in sources:
            raise DataError(f"{name!r} is not one of the pools {', '.join(sources)}")
    pools = []
    for name, split in sources.items():
        number = counts.get(name, "")
        if not (mosaics := whole(number, MOST)):
            found = brief(number) or "not given"
            raise DataError(
                f"count of {name!r} is {found}; expected '{name}=<mosaics>', at least 1 and at most {MOST:,}"
            )
        pools.append(Pool(name, split, mosaics, name in training))
    return pools


def _pairs(values: Sequence[str], what: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for value in words(values):
        name, equals, right = value.partition("=")
        if not (name and equals and right) or name in pairs or "/" in name:
            raise DataError(f"{what} {value!r}: expected '<split>=<value>', each split once")
        pairs[name] = right
    return pairs
