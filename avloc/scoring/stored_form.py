"""What a stored result must look like so that another can be compared and merged with it; other keys are kept as they are."""

from typing import Any

from pydantic import BaseModel, TypeAdapter

Sections = dict[str, dict[str, Any]]


class _Protocol(BaseModel):
    name: str
    changed: list[str] = []
    report: list[str] = []


class _Row(BaseModel):
    id: str


class _MadeWith(BaseModel):
    fingerprints: dict[str, Any] = {}


class _Negatives(BaseModel):
    kinds: dict[str, Any] = {}


class _Stored(BaseModel):
    protocol: _Protocol
    counts: dict[str, Any]
    metrics: Sections
    comparisons: dict[str, dict[str, Sections]] = {}
    per_clip: list[_Row] = []
    per_class: Sections = {}
    per_video: Sections = {}
    by_size: Sections = {}
    by_part: Sections = {}
    macro: Sections = {}
    baselines: Sections = {}
    warnings: list[str] = []
    made_with: _MadeWith = _MadeWith()
    negatives: _Negatives = _Negatives()


class _Several(BaseModel):
    protocols: dict[str, _Stored]
    left_out: dict[str, Any] = {}


ONE, SEVERAL = TypeAdapter(_Stored), TypeAdapter(_Several)
