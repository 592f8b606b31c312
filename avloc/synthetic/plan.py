"""The videos of a world: its lists, their sizes, and for each video its id, its kind and its instruments.

Everything follows from (seed, list, index): a video is the same in a world of twenty videos and of seven thousand.
"""

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from avloc.errors import AvlocError
from avloc.naming import brief
from avloc.synthetic.drawings import INSTRUMENTS

CLASSES = tuple(sorted(INSTRUMENTS))
# list: its kind, and its number of videos in each preset
LISTS: dict[str, tuple[str, dict[str, int]]] = {
    "solo_training_1": ("solo", {"quick": 320, "full": 3200}),
    "solo_training_2": ("solo", {"quick": 112, "full": 1120}),
    "solo_validation": ("solo", {"quick": 32, "full": 320}),
    "solo_testing": ("solo", {"quick": 64, "full": 640}),
    "pair_validation": ("pair", {"quick": 16, "full": 160}),
    "pair_testing": ("pair", {"quick": 64, "full": 640}),
    "duet_pairs_train": ("duet", {"quick": 0, "full": 400}),
    "duet_pairs_val": ("duet", {"quick": 8, "full": 80}),
    "duet_testing": ("duet", {"quick": 40, "full": 400}),
    "mosaic_validation": ("mosaic", {"quick": 16, "full": 160}),
    "mosaic_testing": ("mosaic", {"quick": 56, "full": 560}),
}
PRESETS = ("quick", "full")
FEWEST, MOST = 12, 1_000_000
# kind: does the first, second, ... instrument sound?
KINDS: dict[str, tuple[bool, ...]] = {
    "solo": (True,),
    "pair": (True, False),
    "duet": (True, True),
    "mosaic": (True, True, False, False),
}


@dataclass(frozen=True)
class PlannedVideo:
    """One video of the plan. instruments: (class, sounding), all of different classes."""

    seed: int
    list_name: str
    index: int
    kind: str
    instruments: tuple[tuple[str, bool], ...]

    @property
    def id(self) -> str:
        """Eleven letters and digits, like YouTube's."""
        digest = hashlib.sha256(f"avloc world/{self.seed}/{self.list_name}/{self.index}".encode()).digest()
        return base64.b64encode(digest, altchars=b"xy").decode()[:11]

    @property
    def stem(self) -> str:
        return f"{self.id}_0_1000"

    @property
    def labels(self) -> tuple[str, ...]:
        """The sounding classes, in alphabetical order."""
        return tuple(sorted(name for name, sounding in self.instruments if sounding))

    def rng(self, purpose: str) -> Generator:
        return stream(self.seed, self.list_name, self.index, purpose)


def stream(*names: object) -> Generator:
    """Random numbers that depend only on the names."""
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def counts(preset: str = "quick", videos: int | None = None) -> dict[str, int]:
    """Videos per list; `videos` scales all lists of the preset equally (largest remainder), at least one each."""
    if preset not in PRESETS:
        raise AvlocError(f"preset {preset!r}: unknown; choose {' or '.join(PRESETS)}")
    full = {name: sizes[preset] for name, (_, sizes) in LISTS.items() if sizes[preset]}
    if videos is None:
        return full
    if videos < FEWEST:
        raise AvlocError(f"videos {videos}: too few for {len(full)} lists; ask for at least {FEWEST}")
    if videos > MOST:
        raise AvlocError(f"videos {brief(str(videos))}: too many; ask for at most {MOST:,}")
    share = {name: size * videos / sum(full.values()) for name, size in full.items()}
    scaled = {name: max(1, int(part)) for name, part in share.items()}
    while (missing := videos - sum(scaled.values())) != 0:
        gaps = {name: share[name] - scaled[name] for name in share if missing > 0 or scaled[name] > 1}
        name = max(gaps, key=gaps.__getitem__) if missing > 0 else min(gaps, key=gaps.__getitem__)
        scaled[name] += 1 if missing > 0 else -1
    return scaled


def planned_videos(sizes: dict[str, int], seed: int) -> Iterator[PlannedVideo]:
    for list_name, size in sizes.items():
        for index in range(size):
            yield planned_video(seed, list_name, index)


def planned_video(seed: int, list_name: str, index: int) -> PlannedVideo:
    """In each block of eight videos every class has every role once; all lists use the classes in the same order.

    So a list of n videos has min(n, 8) classes in its first role, and a short test list only has classes of the
    (longer) training list.
    """
    kind = LISTS[list_name][0]
    block, place = divmod(index, len(CLASSES))
    order = stream(seed, "classes", block).permutation(len(CLASSES))
    shifts = [0, *stream(seed, list_name, "roles", block).permutation(np.arange(1, len(CLASSES)))]
    instruments = tuple(
        (CLASSES[order[(place + shift) % len(CLASSES)]], sounding)
        for shift, sounding in zip(shifts, KINDS[kind], strict=False)
    )
    return PlannedVideo(seed, list_name, index, kind, instruments)
