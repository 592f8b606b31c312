"""Which clips a pass over a split shows, in which order, drawn before anything is read."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store

Indices = NDArray[np.int64]
_ANEW = 0x616E6577  # tells this draw from others of the same seed


@dataclass(frozen=True)
class Plan:
    """Which clip and which of its frames each row shows, with which negative; every array is (n,).

    sounds: the clips to hear instead of the clips' own: for controls with the wrong sound, or another one of its class.
    """

    clips: Indices
    picks: Indices
    negative_clips: Indices | None = None
    negative_picks: Indices | None = None
    sounds: Indices | None = None

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def heard(self) -> Indices:
        """The clips whose sound each row hears."""
        return self.clips if self.sounds is None else self.sounds

    def rows(self, start: int, stop: int) -> "Plan":
        parts = {name: array[start:stop] for name, array in vars(self).items() if array is not None}
        return Plan(**parts)


def draw_plan(store: Store, seed: tuple[int, ...], negatives: bool, shuffle: bool = True) -> Plan:
    """One epoch over a split: every clip once, a frame of it at random, and (if asked) a random frame of another video.

    A negative clip is drawn uniformly over the split until its video differs, as DSOL does; it may be of the same class.
    """
    random = np.random.default_rng(seed)
    count = len(store)
    clips = random.permutation(count) if shuffle else np.arange(count)
    picks = random.integers(store.frames_per_clip, size=count)
    if not negatives:
        return Plan(clips, picks)
    videos = video_numbers(store)
    others = random.integers(count, size=count)
    if videos.max() > 0:
        while (same := videos[others] == videos[clips]).any():
            others[same] = random.integers(count, size=int(same.sum()))
    return Plan(clips, picks, others, random.integers(store.frames_per_clip, size=count))


def anew(store: Store, plan: Plan, seed: tuple[int, ...]) -> Plan:
    """The same frames, each heard with the sound of a clip in which the same classes sound, every sound once.

    Clips without a class keep their sound: another's may well be heard of something in view.
    """
    random = np.random.default_rng((*seed, _ANEW))
    sounds = np.arange(len(store))
    alike = store.class_sets
    named = np.asarray(store.labels).any(1)
    for number in np.unique(alike[named]):
        clips = np.flatnonzero(alike == number)
        sounds[clips] = random.permutation(clips)
    return replace(plan, sounds=sounds[plan.clips])


def video_numbers(store: Store) -> Indices:
    """(N,) the clips' videos as numbers, equal where the video is."""
    return store.video_numbers
