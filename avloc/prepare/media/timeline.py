"""One time line for picture and sound: their time stamps, after impossible ones are repaired.

Three things are repaired, and everything else is used as it is. A few time stamps far ahead of those after them are
broken and dropped. A file that goes back in time is a concatenation of several recordings: each starts where the one
before ended, with the same shift for picture and sound. Time stamps of sound that jitter are smoothed: a lasting step
is a gap, jitter is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from avloc.prepare.media.packets import NONE, Track

BACK = 1.0  # s; time stamps in decoding order that go back by more are broken, or start a new recording
FAR = 600.0  # s; so are time stamps that jump ahead by more
FEW = 3  # time stamps in a row that may be broken; more of them are a separate recording
APART = 5.0  # s; if picture and sound of two joined recordings differ by more, their alignment is unknown
JITTER = 0.02  # s; tolerance between time stamps of sound and the count of samples
LONGEST_DELAY = 30.0  # s that a picture may be shown after it is decoded


class Jump(ValueError):
    """Time stamps jump in a way that does not tell which sound belongs to which picture."""


@dataclass(frozen=True)
class Clock:
    """When the streams of a file start and end, in seconds from `zero`, which is in the file's own time.

    zero: the earliest moment of picture or sound. picture_from: the first picture that needs no earlier one.
    picture_to: the end of the last one. period: s between two pictures. None if there is no such stream.
    """

    zero: float
    picture_from: float | None
    picture_to: float | None
    sound_from: float | None
    period: float = 1 / 30


def settle(picture: Track | None, sound: Track | None) -> None:
    """Repair the time stamps of the tracks. Jump if that is impossible."""
    tracks = [track for track in (picture, sound) if track is not None and len(track)]
    if picture is not None:
        _forget_late(picture)
    restarts = [_restarts(track) for track in tracks]
    if any(restarts):
        _join(tracks, restarts)
    if sound is not None:
        _smooth(sound)


def _forget_late(track: Track) -> None:
    """Drop pictures that would be shown long after they are decoded, or before."""
    both = (track.pts != NONE) & (track.dts != NONE)
    delay = np.where(both, track.seconds(track.pts) - track.seconds(track.dts), 0.0)
    wrong = (delay < -BACK) | (delay > LONGEST_DELAY)
    if 0 < wrong.sum() <= len(track) // 10:
        _forget(track, np.flatnonzero(wrong))


def _forget(track: Track, places: NDArray[np.intp]) -> None:
    track.pts[places], track.dts[places] = NONE, NONE
    track.changed = True


def _restarts(track: Track) -> list[int]:
    """Packets where the track goes back in time or jumps far ahead; a few isolated time stamps that do so are dropped."""
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
    """If the packets from `n` on are astray, the next packet that continues from `last`, or the end of the file."""
    for later in range(n + 1, min(n + 1 + FEW, len(stamps))):
        if -BACK <= stamps[later] - stamps[last] <= BACK * (later - last + 1):
            return later
    return len(stamps) if stamps[n] > stamps[last] and n + FEW >= len(stamps) else None


def _ahead(stamps: NDArray[np.float64], n: int) -> int | None:
    """Start of the few time stamps that come before `n` in the file and later in time, if all before them are in order."""
    first = n - 1
    while first > 0 and n - first < FEW and stamps[first - 1] > stamps[n]:
        first -= 1
    return first if first == 0 or stamps[first - 1] <= stamps[n] else None


def _join(tracks: Sequence[Track], restarts: Sequence[list[int]]) -> None:
    """Let each recording of a concatenated file start where the one before ended, with one shift for picture and sound."""
    counts = {len(found) for found in restarts}
    if len(counts) > 1:
        raise Jump("the time stamps of picture and sound jump by different amounts")
    bounds = [[0, *found, len(track)] for track, found in zip(tracks, restarts, strict=True)]
    end = 0.0
    for part in range(counts.pop() + 1):
        pieces = [slice(bound[part], bound[part + 1]) for bound in bounds]
        spans = [_span(track, piece) for track, piece in zip(tracks, pieces, strict=True)]
        starts, ends = [start for start, _ in spans], [stop for _, stop in spans]
        if max(starts) - min(starts) > APART or (part + 1 < len(bounds[0]) - 1 and max(ends) - min(ends) > APART):
            raise Jump("the time stamps jump, and picture and sound do not match there")
        step = end - min(starts) if part else 0.0
        for track, piece in zip(tracks, pieces, strict=True):
            _move(track, piece, step)
        end = max(ends) + step


def _span(track: Track, piece: slice) -> tuple[float, float]:
    """s when a part of a track starts and ends."""
    stamps = track.seconds(np.where(track.pts[piece] != NONE, track.pts[piece], track.dts[piece]))
    if not np.isfinite(stamps).any():
        raise Jump("the time stamps jump, and some are missing")
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
    """Correct isolated time stamps of sound that differ from the count of samples; lasting steps stay."""
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
    """s between two pictures: the median step of the time stamps, whatever their order."""
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

    sound_rate: Hz. stated_to: the end of the picture by the header, in the file's seconds. whole: no sign that the file
    is truncated, so that its header can be trusted. usual: s between two pictures by the header.
    """
    sound_from = None if sound is None or not len(sound) else _sound_from(sound, sound_rate)
    if picture is None or not len(picture):
        zero = sound_from or 0.0
        return Clock(zero, None, None, None if sound_from is None else 0.0)
    times = picture.seconds(np.where(picture.pts != NONE, picture.pts, picture.dts))
    shown = np.where(picture.discard, np.nan, times)
    if not np.isfinite(shown).any():  # by frame number, because there are no time stamps
        times = shown = np.arange(len(picture), dtype=np.float64) * (usual or 1 / 30)
    first, last = float(np.nanmin(shown)), int(np.nanargmax(shown))
    period = _period(shown) or usual or 1 / 30
    # a picture's duration is a hint: some containers have none, others that of the average picture
    ends = float(shown[last]) + max(period, float(picture.duration[last]) * picture.tick if whole else 0.0)
    if whole and stated_to is not None:
        ends = max(ends, stated_to)
    zero = first if sound_from is None else min(first, sound_from)
    keys = times[picture.key & np.isfinite(times)]  # one before the edit list is not shown, but decoded
    first = max(first, float(keys.min())) if len(keys) else first
    return Clock(zero, first - zero, ends - zero, None if sound_from is None else sound_from - zero, period)


def _sound_from(track: Track, rate: int) -> float:
    """When the first sample after the decoder's priming is heard, in the file's seconds."""
    known = np.flatnonzero(track.pts != NONE)
    if not len(known):
        return 0.0
    # rounded to ticks like the decoder's output
    primed = int(track.skip / rate / track.base + 0.5) if rate else 0
    start = int(track.pts[known[0]]) + primed
    heard = known[~track.discard[known]]
    return max(start, int(track.pts[heard[0]]) if len(heard) else start) * track.tick
