"""Ranges of settings that several parts share, and values that are not numbers."""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field

Fraction = Annotated[float, Field(ge=0, le=1)]


def no_numbers(given: Any, taken: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Where pydantic accepted a value that is not meant as a number: true or false, NaN, infinity."""
    if isinstance(given, Mapping):
        for key, value in given.items():
            within = taken.get(key) if isinstance(taken, Mapping) else getattr(taken, str(key), None)
            yield from no_numbers(value, within, (*path, key))
    elif isinstance(given, list | tuple) and isinstance(taken, list | tuple):
        for place, (value, within) in enumerate(zip(given, taken, strict=False)):
            yield from no_numbers(value, within, (*path, place))
    elif isinstance(given, bool) and isinstance(taken, int | float) and not isinstance(taken, bool):
        yield path, f"found {str(given).lower()}; expected a number"
    elif isinstance(taken, float) and not math.isfinite(taken):
        yield path, f"found {given}; expected a finite number"
