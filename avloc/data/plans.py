"""The clips of a pass over a split and their order, drawn before anything is read."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store

Indices = NDArray[np.int64]
_ANEW = 0x616E6577  # separates this draw from others with the same seed
_PARTNERS = 0x70617274


@dataclass(frozen=True)
class Plan:
    """Which clip and which of its frames each row shows, with which negative; every array is (n,).

    sounds: clips whose sounds replace the clips' own: for controls with the wrong sound, or with another one of its class.
    partner_clips, partner_picks: the clip whose frame accompanies each row, and which of its frames; partner_sounds: the clip
    whose sound does.
    under: plans of as many rows, whose frames are placed below these and whose sounds are mixed with theirs, for mixtures.
    """

    clips: Indices
    picks: Indices
    negative_clips: Indices | None = None
    negative_picks: Indices | None = None
    sounds: Indices | None = None
    partner_clips: Indices | None = None
    partner_picks: Indices | None = None
    partner_sounds: Indices | None = None
    under: "tuple[Plan, ...]" = ()

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def heard(self) -> Indices:
        """The clips whose sound each row uses."""
        return self.clips if self.sounds is None else self.sounds

    @property
    def layers(self) -> "list[Plan]":
        """The rows themselves, followed by those below them."""
        return [replace(self, under=()), *self.under]

    def rows(self, start: int, stop: int) -> "Plan":
        return self.of(slice(start, stop))

    def of(self, rows: "Indices | slice") -> "Plan":
        """The plan restricted to these rows."""
        parts = {name: array[rows] for name, array in vars(self).items() if isinstance(array, np.ndarray)}
        return Plan(**parts, under=tuple(plan.of(rows) for plan in self.under))


def draw_plan(
    store: Store, seed: tuple[int, ...], negatives: bool, shuffle: bool = True, buffer: int | None = None
) -> Plan:
    """One epoch over a split: every clip once, a random frame of it, and (if requested) a random frame of another video.

    A negative clip is drawn uniformly over the split until its video differs, as DSOL does; it may be of the same class.
    buffer: see `through_buffer`; None shuffles the split as a whole.
    """
    random = np.random.default_rng(seed)
    count = len(store)
    if not shuffle:
        clips = np.arange(count)
    elif buffer is None:
        clips = random.permutation(count)
    else:
        clips = through_buffer(store.places[0], buffer, random)
    picks = random.integers(store.frames_per_clip, size=count)
    if not negatives:
        return Plan(clips, picks)
    videos = video_numbers(store)
    others = random.integers(count, size=count)
    if videos.max() > 0:
        while (same := videos[others] == videos[clips]).any():
            others[same] = random.integers(count, size=int(same.sum()))
    return Plan(clips, picks, others, random.integers(store.frames_per_clip, size=count))


def through_buffer(shards: Indices, size: int, random: np.random.Generator) -> Indices:
    """(N,) every clip once, roughly in the order on disk: shards in random order, their clips in sequence, and each
    next clip is drawn from a buffer of `size` clips and replaced by the following one.

    shards: (N,) the shard of each clip.
    """
    numbers, of_clip = np.unique(shards, return_inverse=True)
    turn = random.permutation(len(numbers))[of_clip.reshape(-1)]
    coming = np.argsort(turn, kind="stable")
    size = min(size, len(coming))
    buffer = coming[:size].tolist()
    found: list[int] = []
    for draw, clip in zip(
        random.integers(max(size, 1), size=len(coming) - size).tolist(), coming[size:].tolist(), strict=True
    ):
        found.append(buffer[draw])
        buffer[draw] = clip
    return np.concatenate([np.array(found, np.int64), random.permutation(np.array(buffer, np.int64))])


def anew(store: Store, plan: Plan, seed: tuple[int, ...]) -> Plan:
    """The same frames, each with the sound of a clip with the same sounding classes; every sound is used once.

    Clips without a class keep their sound, because another's could match something in view.
    """
    random = np.random.default_rng((*seed, _ANEW))
    sounds = np.arange(len(store))
    alike = store.class_sets
    named = np.asarray(store.labels).any(1)
    for number in np.unique(alike[named]):
        clips = np.flatnonzero(alike == number)
        sounds[clips] = random.permutation(clips)
    return replace(plan, sounds=sounds[plan.clips])


def with_partners(store: Store, plan: Plan, frames: Indices, sounds: Indices, seed: tuple[int, ...]) -> Plan:
    """The same rows, each with a frame and a sound of other clips, drawn uniformly from its clip's lists.

    frames, sounds: (N, k) clips of the split similar to clip n in frame and sound, -1 after the end of a list. A clip
    whose list is empty is its own partner.
    """
    random = np.random.default_rng((*seed, _PARTNERS))
    clips = _one_of(frames[plan.clips], plan.clips, random)
    heard = _one_of(sounds[plan.clips], plan.clips, random)
    picks = random.integers(store.frames_per_clip, size=len(plan))
    return replace(plan, partner_clips=clips, partner_picks=picks, partner_sounds=heard)


def _one_of(lists: Indices, otherwise: Indices, random: np.random.Generator) -> Indices:
    """(n,) a random entry of each row of (n, k), ignoring the -1 at its end; `otherwise` (n,) for empty rows."""
    counts = (lists >= 0).sum(1)
    chosen = (random.random(len(lists)) * counts).astype(np.int64)
    return np.where(counts > 0, lists[np.arange(len(lists)), chosen], otherwise)


def first_of_two(part: Plan, count: int) -> Indices:
    """Which frame of each row's clip is shown; the last but one instead of the last, so that another of `count` follows."""
    return np.minimum(part.picks, count - 2)


def video_numbers(store: Store) -> Indices:
    """(N,) the clips' videos as numbers, equal for clips of one video."""
    return store.video_numbers
