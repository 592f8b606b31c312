"""Reads result files, as `avloc evaluate --out` and runs write them, and reports invalid ones."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, Strict, StrictBool, ValidationError

from avloc.errors import AvlocError, DataError
from avloc.files import read_json

#: numbers, not text that looks like one: readers use what the file holds
_Number = Annotated[float, Strict()]
_Count = Annotated[int, Strict()]
_Ends = tuple[_Number | None, _Number | None] | None


class _Metric(BaseModel):
    value: _Number | None
    ci95: _Ends = None
    ci95_by_video: _Ends = None


class _Source(BaseModel):
    ciou: _Number | None


class _Clip(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, _Number | None] = Field(init=False)  # further metrics of the clip

    id: str
    video: str | None = None
    ciou: _Number | None = None
    missing: StrictBool = False
    sources: list[_Source] | None = None


class _Protocol(BaseModel, extra="allow"):
    name: str
    aggregate: str
    grid: StrictBool
    strict_success: StrictBool
    changed: list[str] = []


class _Counts(BaseModel):
    evaluated: _Count


class _Difference(BaseModel):
    ci95_by_video: _Ends = None


class _Compared(BaseModel):
    metrics: dict[str, _Metric] = {}
    difference: dict[str, _Difference | None] = {}


class _Absent(BaseModel):
    clips: _Count
    auroc: _Number
    false_alarm_rate: _Number


class _Tells(BaseModel):
    value: _Number
    pairs: _Count


class _Group(BaseModel, extra="allow"):
    __pydantic_extra__: dict[str, _Number | None] = Field(init=False)  # the metrics of a class, size or flag

    clips: _Count


class _Result(BaseModel):
    """The fields of a result that are checked; everything else in it is passed on."""

    benchmark: str
    protocol: _Protocol
    annotations_sha256: str
    counts: _Counts
    metrics: dict[str, _Metric]
    per_clip: list[_Clip]
    per_class: dict[str, _Group] = {}
    by_size: dict[str, _Group] = {}
    by_part: dict[str, _Group] = {}
    set: str | None = None
    comparisons: dict[str, _Compared] = {}
    negative_sound: dict[str, _Absent] = {}
    tells: _Tells | None = None


def read_results(path: Path) -> list[dict[str, Any]]:
    """The results in a file: one, or those of several protocols."""
    try:
        value = read_json(path)
    except AvlocError as error:
        raise DataError(str(error)) from None
    several = isinstance(value, dict) and isinstance(value.get("protocols"), dict)
    found = list(value["protocols"].values()) if several else [value]
    if not found:
        raise DataError(f"{path}: no result in it (protocols is empty); expected what `avloc evaluate --out` writes")
    for result in found:
        try:
            _Result.model_validate(result)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the whole"
            told = "expected keys and values" if first["type"] == "model_type" else first["msg"].lower()
            what = f"{where}: {told}"
            raise DataError(f"{path}: not a result ({what}); expected what `avloc evaluate --out` writes") from None
        missing = [axis for axis in result["protocol"].get("changed", []) if axis not in result["protocol"]]
        if missing:
            raise DataError(f"{path}: not a result (protocol.{missing[0]} is missing); score the maps again")
    return found
