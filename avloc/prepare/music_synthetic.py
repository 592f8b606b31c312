"""`avloc prepare music-synthetic`: 2x2 mosaics composed of the clips of a prepared MUSIC store."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from avloc.config import words
from avloc.data.store import Store
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.errors import DataError
from avloc.prepare.parts.mosaics import MosaicReader, Pool, list_mosaics, shared_videos
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

logger = logging.getLogger(__name__)

POOLS = ("train=solo_training_2", "validation=solo_validation", "test=solo_testing")
COUNTS = ("train=3000", "validation=400", "test=800")
BLOCK = 256  # mosaics a shard


def prepare_music_synthetic(
    source: Path,
    out: Path = Path("data/music-synthetic"),
    pool: Sequence[str] = POOLS,
    count: Sequence[str] = COUNTS,
    training: Sequence[str] | None = None,
    seed: int = 0,
    size: int = 256,
    jitter: float = 0.5,
    frames: str = "jpeg",
    store: str = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Compose mosaics of four clips of four classes, two of which are heard, and write them to the store `out`.

    source: a store that `avloc prepare music` wrote. pool: "<split of mosaics>=<split of the source>".
    count: "<split of mosaics>=<how many>". training: the splits whose sounds are scaled by gains from
    U(1 - jitter, 1 + jitter), those named train... where None; the mosaics of all others are made of frames with a
    sounding box where there are any, and within groups that share no video: `video` names the group.
    size: pixels of the mosaic, cells are half of it. frames: "jpeg" or "raw". store: "hdf5" or "lmdb".
    work: see `avloc.prepare.pool.scale.Work`.
    """
    if size < 16 or size % 2:
        raise DataError(
            f"size is {size}; expected an even number of pixels from 16 on, for two cells beside each other"
        )
    if not 0 <= jitter <= 1:
        raise DataError(f"jitter is {jitter}; expected 0 to 1")
    refuse_other("frames", frames, FRAMES)
    source, out = Path(source), Path(out)
    pools = _pools(pool, count, training)
    solos = Store.open(source)
    if solos.spectrograms is not None:
        raise DataError(
            f"{source} holds spectrograms, {solos.spectrograms}; mosaics mix waveforms: give a store of sounds"
        )
    for (one, other), videos in shared_videos(solos, pools).items():
        logger.warning(
            "%s and %s share %d videos: what is chosen on one is not tested by the other", one, other, videos
        )
    if seed < 0:
        raise DataError(f"seed is {seed}; expected a whole number from 0 on")
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
            raise DataError(f"{name!r} is none of the pools {', '.join(sources)}")
    pools = []
    for name, split in sources.items():
        number = counts.get(name, "")
        if not number.isdecimal() or int(number) < 1:
            raise DataError(f"count of {name!r} is {number or 'not given'}; expected '{name}=<mosaics>', at least 1")
        pools.append(Pool(name, split, int(number), name in training))
    return pools


def _pairs(values: Sequence[str], what: str) -> Mapping[str, str]:
    pairs: dict[str, str] = {}
    for value in words(values):
        name, equals, right = value.partition("=")
        if not (name and equals and right) or name in pairs or "/" in name:
            raise DataError(f"{what} {value!r}: expected '<split>=<value>', each split once")
        pairs[name] = right
    return pairs
