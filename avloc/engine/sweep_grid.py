"""The grid of a sweep: its runs and their folders."""

import hashlib
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avloc.config import read_scalar
from avloc.errors import ConfigError
from avloc.naming import brief, printable


@dataclass(frozen=True)
class Member:
    """One run of a sweep. settings: KEY=VALUE of its point in the grid, as given. folder: of its run, below the sweep's."""

    settings: tuple[str, ...]
    seed: int
    folder: str

    @property
    def overrides(self) -> list[str]:
        return [*self.settings, f"seed={self.seed}"]


def members_of(grid: Sequence[str], seeds: Sequence[int]) -> list[Member]:
    """Every setting of the grid with every seed: settings in the order given, the last key varying first, then seeds.

    grid: ``KEY=VALUE,VALUE`` for each key; a value is YAML, so a comma inside brackets or quotes belongs to it.
    ConfigError for a key or a value that is given twice.
    """
    keys: dict[str, list[str]] = {}
    for text in grid:
        key, equals, values = text.partition("=")
        found = split_values(values)
        if not equals or not key or not all(found):
            raise ConfigError(f"--grid {_shown(text)}: expected KEY=VALUE,VALUE, as in stage1.train.lr=1e-4,3e-4")
        if key in keys:
            raise ConfigError(
                f"--grid {_shown(text)}: {_shown(key)} is given twice; give all of its values in one --grid"
            )
        if key == "seed":
            raise ConfigError(f"--grid {_shown(text)}: seeds are given with --seeds, as in --seeds 0-4")
        _refuse_doubles(text, found)
        keys[key] = found
    settings = [
        tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        for values in itertools.product(*keys.values())
    ]
    return [Member(one, seed, _folder(one, seed)) for one in settings for seed in seeds]


def seeds_of(text: str) -> list[int]:
    """``0-4``, ``0,3,7`` or both; ConfigError for anything else, and for a seed given twice."""
    found: list[int] = []
    for part in text.split(","):
        ends = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        if ends is None:
            raise ConfigError(f"--seeds {_shown(text)}: expected whole numbers, 0 or more, such as 0-4 or 0,3,7")
        first, last = int(ends[1]), int(ends[2] or ends[1])
        if last < first:
            raise ConfigError(
                f"--seeds {_shown(text)}: {_shown(part.strip())} runs backwards; expected the smaller one first"
            )
        if last - first > 9999:
            raise ConfigError(f"--seeds {_shown(text)}: {last - first + 1} seeds; expected at most 10000")
        found += range(first, last + 1)
    if len(set(found)) < len(found):
        raise ConfigError(f"--seeds {_shown(text)}: a seed is given twice")
    return found


def _shown(text: str) -> str:
    return brief(printable(text), 100)


def _refuse_doubles(text: str, values: list[str]) -> None:
    parsed = [repr(_value(text, value)) for value in values]
    double = next((value for n, value in enumerate(values) if parsed[n] in parsed[:n]), None)
    if double is not None:
        raise ConfigError(f"--grid {_shown(text)}: the value {_shown(double)} is given twice")


def _value(text: str, value: str) -> Any:
    try:
        return read_scalar(value)
    except ValueError:
        raise ConfigError(f"--grid {_shown(text)}: {_shown(value)!r} is not a YAML value") from None


def _folder(settings: tuple[str, ...], seed: int) -> str:
    """The settings themselves if they can name a folder, else as much of them as possible, with a digest."""
    whole = "_".join((*settings, f"seed={seed}"))
    plain = re.sub(r"[^\w.=+-]+", "-", whole)
    if plain == whole and len(whole) <= 160:
        return whole
    mark = hashlib.sha256("_".join(settings).encode()).hexdigest()[:8]
    return f"{plain[:120]}_{mark}_seed={seed}"


def split_values(text: str) -> list[str]:
    """Comma-separated values; a comma inside brackets, braces or quotes belongs to a value."""
    found, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == "," and not depth and not quote:
            found.append("")
        else:
            found[-1] += letter
    return [value.strip() for value in found]
