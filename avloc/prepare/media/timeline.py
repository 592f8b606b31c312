"""One time line for picture and sound: what their stamps say once those that cannot be right are mended.

Three things are mended, and all else is taken as it is. A few stamps far ahead of those that follow are broken, and are
left out. Where a file goes back in time, it is joined of several recordings: each begins where the one before ended, picture
and sound by the same step. Stamps of sound that shake are smoothed, since a lasting step is a gap and a shaking stamp is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.media.packets import NONE, Track

BACK = 1.0  # s; stamps in the order of decoding that go back by more are broken, or a new recording begins
FAR = 600.0  # s; stamps that leap ahead by more are broken, too
FEW = 3  # stamps in a row that may be broken; more of them are a recording of their own
APART = 5.0  # s; where picture and sound of two joined recordings part by more, nothing is known about them
JITTER = 0.02  # s; what stamps of sound may differ from the count of samples without meaning anything
LONGEST_DELAY = 30.0  # s that a picture may be shown after it is decoded


class Jump(ValueError):
    """Stamps that jump in a way that does not say which sound belongs to which picture."""


@dataclass(frozen=True)
class Clock:
    """When the streams of a file start and end, in seconds from `zero`, which is in seconds of the file's stamps.

    zero: the earliest moment of picture or sound. picture_from: the first picture that needs nothing before it.
    picture_to: when the last one has been shown. period: s between two pictures. None where there is no such stream.
    """

    zero: float
    picture_from: float | None
    picture_to: float | None
    sound_from: float | None
    period: float = 1 / 30


def settle(picture: Track | None, sound: Track | None) -> None:
    """Mend the stamps of the tracks. Jump where it cannot be said how."""
    tracks = [track for track in (picture, sound) if track is not None and len(track)]
    if picture is not None:
        _forget_late(picture)
    restarts = [_restarts(track) for track in tracks]
    if any(restarts):
        _join(tracks, restarts)
    if sound is not None:
        _smooth(sound)


def _forget_late(track: Track) -> None:
    """Pictures that would be shown long after they are decoded, or before."""
    both = (track.pts != NONE) & (track.dts != NONE)
    delay = np.where(both, track.seconds(track.pts) - track.seconds(track.dts), 0.0)
    wrong = (delay < -BACK) | (delay > LONGEST_DELAY)
    if 0 < wrong.sum() <= len(track) // 10:
        _forget(track, np.flatnonzero(wrong))


def _forget(track: Track, places: NDArray[np.intp]) -> None:
    track.pts[places], track.dts[places] = NONE, NONE
    track.changed = True


def _restarts(track: Track) -> list[int]:
    """Packets at which the track goes back in time, or leaps far ahead; a few stamps that do so alone are forgotten."""
    stamps = track.seconds(np.where(track.dts != NONE, track.dts, track.pts))
    places = np.flatnonzero(~np.isnan(stamps))
    stamps = stamps[places]
    steps = np.diff(stamps)
    if not len(steps) or (steps.min() >= -BACK and steps.max() <= FAR):
        return []
    found: list[int] = []
    n, last = 1, 0  # last: the latest packet that is trusted
    while n < len(stamps):
        if -BACK <= stamps[n] - stamps[last] <= FAR:
            last, n = n, n + 1
            continue
        onward = _onward(stamps, last, n)
        if onward is not None:
            _forget(track, places[n:onward])
            n = onward
            continue
        ahead = _ahead(stamps, n) if stamps[n] < stamps[last] else None
        if ahead is not None:
            _forget(track, places[ahead:n])
        else:
            found.append(int(places[n]))
        last, n = n, n + 1
    return found


def _onward(stamps: NDArray[np.float64], last: int, n: int) -> int | None:
    """The packet soon after `n` that goes on from `last`, if those from `n` on are astray; the end of the file is one."""
    for later in range(n + 1, min(n + 1 + FEW, len(stamps))):
        if -BACK <= stamps[later] - stamps[last] <= BACK * (later - last + 1):
            return later
    return len(stamps) if stamps[n] > stamps[last] and n + FEW >= len(stamps) else None


def _ahead(stamps: NDArray[np.float64], n: int) -> int | None:
    """Where the few stamps begin that lie before `n` in the file and later in time, if all before them are in order."""
    first = n - 1
    while first > 0 and n - first < FEW and stamps[first - 1] > stamps[n]:
        first -= 1
    return first if first == 0 or stamps[first - 1] <= stamps[n] else None


def _join(tracks: Sequence[Track], restarts: Sequence[list[int]]) -> None:
    """Let each recording of a joined file begin where the one before ended, picture and sound by the same step."""
    counts = {len(found) for found in restarts}
    if len(counts) > 1:
        raise Jump("the stamps of picture and sound jump, and not together")
    bounds = [[0, *found, len(track)] for track, found in zip(tracks, restarts, strict=True)]
    end = 0.0
    for part in range(counts.pop() + 1):
        pieces = [slice(bound[part], bound[part + 1]) for bound in bounds]
        spans = [_span(track, piece) for track, piece in zip(tracks, pieces, strict=True)]
        starts, ends = [start for start, _ in spans], [stop for _, stop in spans]
        if max(starts) - min(starts) > APART or (part + 1 < len(bounds[0]) - 1 and max(ends) - min(ends) > APART):
            raise Jump("the stamps jump, and picture and sound do not go together there")
        step = end - min(starts) if part else 0.0
        for track, piece in zip(tracks, pieces, strict=True):
            _move(track, piece, step)
        end = max(ends) + step


def _span(track: Track, piece: slice) -> tuple[float, float]:
    """s when a part of a track begins and ends."""
    stamps = track.seconds(np.where(track.pts[piece] != NONE, track.pts[piece], track.dts[piece]))
    if not np.isfinite(stamps).any():
        raise Jump("the stamps jump, and some are missing")
    last = int(np.nanargmax(stamps))
    length = float(track.duration[piece][last]) * track.tick or _period(stamps)
    return float(np.nanmin(stamps)), float(stamps[last]) + length


def _move(track: Track, piece: slice, step: float) -> None:
    ticks = round(step / track.tick)
    if ticks:
        for column in (track.pts, track.dts):
            column[piece] = np.where(column[piece] == NONE, NONE, column[piece] + ticks)
        track.changed = True


def _smooth(track: Track) -> None:
    """Move stamps of sound that are alone in leaving the count of samples; steps that last stay."""
    if len(track) < 3 or (track.pts == NONE).any() or (track.duration[:-1] <= 0).any():
        return
    base = track.tick
    counted = track.pts[0] + np.concatenate([[0], np.cumsum(track.duration[:-1])])
    away = (track.pts - counted) * base
    if np.abs(np.diff(away)).max() <= JITTER:
        return
    around = np.lib.stride_tricks.sliding_window_view(np.pad(away, 2, mode="edge"), 5)
    usual = np.median(around, axis=1)
    alone = np.abs(away - usual) > JITTER
    if alone.any():
        track.pts[alone] = counted[alone] + np.round(usual[alone] / base).astype(np.int64)
        track.changed = True


def _period(stamps: NDArray[np.float64]) -> float:
    """s between two pictures: the usual step of the stamps, whatever their order."""
    steps = np.diff(np.unique(stamps[np.isfinite(stamps)]))
    steps = steps[steps > 1e-6]
    return float(np.median(steps)) if len(steps) else 0.0


def read_clock(
    picture: Track | None,
    sound: Track | None,
    sound_rate: int,
    stated_to: float | None,
    whole: bool,
    usual: float | None,
) -> Clock:
    """The clock of settled tracks.

    sound_rate: Hz. stated_to: when the picture ends by the header, in the file's seconds. whole: nothing says that the file
    is cut off, so that its header can be trusted. usual: s between two pictures by the header.
    """
    sound_from = None if sound is None or not len(sound) else _sound_from(sound, sound_rate)
    if picture is None or not len(picture):
        zero = sound_from or 0.0
        return Clock(zero, None, None, None if sound_from is None else 0.0)
    shown = picture.seconds(np.where(picture.pts != NONE, picture.pts, picture.dts))
    shown[picture.discard] = np.nan
    if not np.isfinite(shown).any():  # by number, as no stamp is there
        shown = np.arange(len(picture), dtype=np.float64) * (usual or 1 / 30)
    first, last = float(np.nanmin(shown)), int(np.nanargmax(shown))
    period = _period(shown) or usual or 1 / 30
    # a picture's own length is a hint: some containers give none, others that of the usual picture
    ends = float(shown[last]) + max(period, float(picture.duration[last]) * picture.tick if whole else 0.0)
    if whole and stated_to is not None:
        ends = max(ends, stated_to)
    zero = first if sound_from is None else min(first, sound_from)
    keys = shown[picture.key & np.isfinite(shown)]
    first = float(keys.min()) if len(keys) else first
    return Clock(zero, first - zero, ends - zero, None if sound_from is None else sound_from - zero, period)


def _sound_from(track: Track, rate: int) -> float:
    """When the first sample is heard that is not there to prime the decoder, in the file's seconds."""
    known = np.flatnonzero(track.pts != NONE)
    if not len(known):
        return 0.0
    # rounded to ticks as the decoder rounds
    primed = int(track.skip / rate / track.base + 0.5) if rate else 0
    start = int(track.pts[known[0]]) + primed
    heard = known[~track.discard[known]]
    return max(start, int(track.pts[heard[0]]) if len(heard) else start) * track.tick
