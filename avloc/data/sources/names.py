"""How mirrors name the clip of a video that starts at some second, and how lists do."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath

_TIME = r"(\d+(?:\.\d+)?)"
_ONE, _TWO = re.compile(rf"(.+)_{_TIME}"), re.compile(rf"(.{{11}})_{_TIME}_{_TIME}")
Moment = tuple[str, float]


def moment(name: str) -> Moment | None:
    """(video, second) of ID_START or ID_START_END, with leading zeros or without; None for any other name.

    With an end only where ID has the 11 characters of YouTube's, or numbered clips would be taken for one another. Times
    that are a thousand seconds apart are milliseconds, as AudioSet's downloaders write them.
    """
    two = _TWO.fullmatch(name)
    if two and float(two[3]) > float(two[2]):
        start, end = float(two[2]), float(two[3])
        return two[1], start / 1000 if end - start >= 1000 else start
    one = _ONE.fullmatch(name)
    return (one[1], float(one[2])) if one else None


class Found:
    """Files by name; of two that go by the same, the first. Paths are those within a folder."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._by_name: dict[str, str] = {}
        self._by_moment: dict[Moment, str] = {}
        for path in paths:
            stem, folder = PurePath(path).stem, PurePath(path).parent.name
            for name in (stem, f"{folder}_{stem}"):
                self._by_name.setdefault(name, path)
                start = moment(name)
                if start is not None:
                    self._by_moment.setdefault(start, path)

    def get(self, name: str, whole: Mapping[str, str]) -> str | None:
        """The file of a listed name: under its whole path without ending, its own name, or its video and start."""
        start = moment(name)
        own = whole.get(name) or self._by_name.get(name)
        return own or (self._by_moment.get(start) if start is not None else None)
