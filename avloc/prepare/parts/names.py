"""How mirrors name the clip of a video that starts at some second, and how lists do."""

import re
from collections.abc import Mapping
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
    """Paths by name, which are also found under other spellings of the moment that a name gives; the exact name first.

    A video without a time is found as ID_START_END too, if there is one stretch of it.
    """

    def __init__(self, paths: Mapping[str, str]) -> None:
        self._paths = paths
        self._moments: dict[Moment, str] = {}
        self._stretches: dict[str, set[Moment]] = {}
        for name, path in paths.items():
            start = moment(name)
            if start is not None:
                self._moments.setdefault(start, path)
                if _TWO.fullmatch(name):
                    self._stretches.setdefault(start[0], set()).add(start)

    def get(self, name: str) -> str | None:
        found, start = self._paths.get(name), moment(name)
        only = self._stretches.get(name, ())
        if found is None and start is None and len(only) == 1:
            (start,) = only
        return found or (self._moments.get(start) if start is not None else None)


def by_every_name(whole: Mapping[str, str]) -> dict[str, str]:
    """Files by their path without ending, and by STEM and FOLDER_STEM; of two that go by one name the first."""
    names = dict(whole)
    for path in whole.values():
        stem, folder = PurePath(path).stem, PurePath(path).parent.name
        names.setdefault(stem, path)
        if folder:
            names.setdefault(f"{folder}_{stem}", path)
    return names
