"""What a scoring gives: numbers with intervals, what was counted and dropped, and how the blind baselines do."""

import math
from dataclasses import dataclass, field
from typing import Any

from avloc.protocols.protocol import Protocol


@dataclass(frozen=True)
class Metric:
    """A value, a fraction in [0, 1], with its 95 % interval over clips and, where clips share videos, over videos."""

    value: float
    ci95: tuple[float, float] | None = None
    ci95_by_video: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"value": plain(self.value)}
        if self.ci95 is not None:
            parts["ci95"] = [plain(end) for end in self.ci95]
        if self.ci95_by_video is not None:
            parts["ci95_by_video"] = [plain(end) for end in self.ci95_by_video]
        return parts


@dataclass
class Result:
    """One protocol's verdict on one method's predictions for one benchmark."""

    benchmark: str
    protocol: Protocol
    annotations_sha256: str
    counts: dict[str, Any]
    metrics: dict[str, Metric]
    per_clip: list[dict[str, Any]]
    per_class: dict[str, dict[str, Any]] = field(default_factory=dict)
    per_video: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_size: dict[str, dict[str, Any]] = field(default_factory=dict)
    macro: dict[str, dict[str, float]] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file; undefined numbers become null."""
        return {
            "benchmark": self.benchmark,
            "protocol": self.protocol.axes(),
            "annotations_sha256": self.annotations_sha256,
            "counts": self.counts,
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            **{name: plain(value) for name, value in self.extra.items()},
            "per_clip": plain(self.per_clip),
            "per_class": plain(self.per_class),
            "per_video": plain(self.per_video),
            "by_size": plain(self.by_size),
            "macro": plain(self.macro),
            "baselines": plain(self.baselines),
            "success_curve": plain(self.curve),
            "warnings": self.warnings,
        }


def plain(value: Any) -> Any:
    """Numbers as JSON has them: NaN and infinity as null, numpy scalars as Python's."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
