"""Ranges of settings by what they mean, and values that are not numbers.

They are wide: nothing that was published is near an end of them, and a value outside is a mistake.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, get_args

from pydantic import Field

from avloc.kinds import members

Fraction = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]  # of features that dropout drops
Similarity = Annotated[float, Field(ge=-1, le=1)]  # a cosine
Weight = Annotated[float, Field(ge=0, le=1e6)]  # of a term of a loss, or another factor
Factor = Annotated[float, Field(ge=-1e6, le=1e6)]  # one that may turn signs round
Temperature = Annotated[float, Field(ge=1e-6, le=1e6)]  # what something is divided by, or multiplied with
LearningRate = Annotated[float, Field(ge=0, le=1000)]
Level = Annotated[float, Field(ge=-1e6, le=1e6)]  # a mean, or a logarithm
Deviation = Annotated[float, Field(ge=1e-6, le=1e6)]
Offset = Annotated[float, Field(ge=1e-30, le=1e6)]  # before a logarithm; a smaller one is 0 in float32

Count = Annotated[int, Field(ge=1, le=1_000_000)]
Several = Annotated[int, Field(ge=0, le=1_000_000)]  # a count that can be none
Few = Annotated[int, Field(ge=1, le=1000)]  # blocks of a stage, frames of a clip
Epochs = Annotated[int, Field(ge=0, le=1_000_000)]
Steps = Annotated[int, Field(ge=0, le=1_000_000_000)]
Channels = Annotated[int, Field(ge=1, le=65_536)]
Classes = Annotated[int, Field(ge=1, le=100_000)]
Pixels = Annotated[int, Field(ge=1, le=8192)]  # of a side
Stride = Annotated[int, Field(ge=1, le=64)]
Bands = Annotated[int, Field(ge=1, le=4096)]
Groups = Annotated[int, Field(ge=-1000, le=1000)]  # of layers, from the input or from the end
Workers = Annotated[int, Field(ge=0, le=1000)]
Buffer = Annotated[int, Field(ge=1, le=1_000_000_000)]  # clips
Cycles = Annotated[int, Field(ge=0, le=1000)]
Widths = Annotated[tuple[Channels, ...], Field(min_length=1, max_length=100)]
Blocks = Annotated[tuple[Few, ...], Field(min_length=1, max_length=100)]
Strides = Annotated[tuple[Stride, ...], Field(min_length=1, max_length=100)]

Seconds = Annotated[float, Field(gt=0, le=86_400)]
Shift = Annotated[float, Field(ge=0, le=86_400)]  # s
Hertz = Annotated[int, Field(ge=1, le=100_000_000)]
Frequency = Annotated[float, Field(ge=0, le=100_000_000)]  # Hz
Samples = Annotated[int, Field(ge=1, le=1_000_000)]  # of a window
Decibels = Annotated[float, Field(ge=0, le=200)]
SignedDecibels = Annotated[float, Field(ge=-200, le=200)]
Reverb = Annotated[float, Field(ge=0, le=60)]  # s
Power = Annotated[float, Field(gt=0, le=100)]  # an exponent
Norm = Annotated[float, Field(gt=0, le=1e12)]
Amount = Annotated[float, Field(ge=0, le=10)]  # by which a colour may change
Hue = Annotated[float, Field(ge=-0.5, le=0.5)]  # of the colour circle
Sigma = Annotated[float, Field(ge=0.01, le=100)]  # pixels


def range_of(kind: Any) -> str | None:
    """The range of a kind of number in words, such as "whole number from 1 to 1,000"; None for one without a range."""
    for one in members(kind):
        limits = {
            name: getattr(limit, name)
            for about in getattr(one, "__metadata__", ())
            for limit in getattr(about, "metadata", [about])
            for name in ("ge", "gt", "le", "lt")
            if hasattr(limit, name)
        }
        if limits:
            whole = get_args(one)[0] is int
            return f"{'whole number' if whole else 'number'}{_between(limits, whole)}"
    return None


def _between(limits: Mapping[str, float], whole: bool) -> str:
    least = limits["gt"] + 1 if whole and "gt" in limits else limits.get("ge")
    above, most, below = limits.get("gt"), limits.get("le"), limits.get("lt")
    end = f" to {_digits(most)}" if most is not None else f" to below {_digits(below)}" if below is not None else ""
    if least is not None:
        return f" from {_digits(least)}{end}" if end else f", {_digits(least)} or more"
    start = "" if above is None else f" above {_digits(above)}"
    return start + end.replace(" to", " up to" if most is not None else " and")


def _digits(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:g}"


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
