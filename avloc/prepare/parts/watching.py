"""An open recording: its picture by time, and its sound."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from avloc.prepare.media.container import MediaError
from avloc.prepare.media.film import Film, open_film
from avloc.prepare.media.sound import WHOLE, Heard, hear, hear_file
from avloc.prepare.parts.moments import refuse_ambiguous

TOGETHER = 0.5  # s; picture and sound whose ends differ by less end together


@contextmanager
def watched(root: Path, path: str | None) -> Iterator[Film | None]:
    """The open film at a path in `root`; None if there is no path."""
    if path is None:
        yield None
        return
    with open_film(root / path) as film:
        yield film


def heard_of(film: Film | None, root: Path, facts: Mapping[str, Any], rate: int, channels: str) -> Heard:
    """The sound of a film, or if it has none, of the file facts["sound"], at `rate` Hz."""
    refuse_ambiguous(facts.get("name", ""), facts)
    if film is not None:
        try:
            return hear(film, rate, channels)
        except MediaError as error:
            if error.reason != "no sound track":
                raise
            refuse_ambiguous(facts.get("name") or str(film.path), facts, "either")
            if facts["sound"] is None:
                raise
    if facts["sound"] is None:
        raise MediaError(facts.get("name", ""), "missing sound", facts.get("name", ""))
    return hear_file(root / facts["sound"], rate, channels)


def shared_by(film: Film | None, heard: Heard) -> tuple[float, float]:
    """Start and end (s) of the part whose middle is used: all of the sound, or, if picture and sound do not start and
    end together, the part with a picture.
    """
    start, stop = 0.0, heard.seconds
    if film is not None and film.clock.picture_to is not None:
        begins = film.clock.picture_from or 0.0
        start = begins if begins > TOGETHER else start
        stop = film.clock.picture_to if film.clock.picture_to < stop - TOGETHER else stop
    return start, max(stop, start)


def middle_start(path: str, film: Film | None, heard: Heard, samples: int) -> int:
    """The first of the `samples` in the middle of what picture and sound have in common; MediaError if that is too little."""
    length, rate = len(heard.waveform), heard.rate
    first, last = (round(time * rate) for time in shared_by(film, heard))
    if first or last < length:
        if last - first < min(samples, length) - rate * WHOLE:
            both = f"picture and sound have {(last - first) / rate:.2f} s in common"
            raise MediaError(path, "picture too short", both)
    else:
        last = length
    return max(first + (last - first) // 2 - samples // 2, first)


def ends_of(film: Film | None, heard: Heard) -> float:
    """The end of the picture or the sound, whichever is earlier, s."""
    if film is None or film.clock.picture_to is None:
        return heard.seconds
    return min(heard.seconds, film.clock.picture_to)
