"""The result of scoring: numbers with intervals, counts, and the scores of blind baselines."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from avloc.percents import ends, mask_title, percent
from avloc.protocols.protocol import Protocol
from avloc.scoring.tables import data_frame, html_table, text_table

_COLUMNS = 6  # metrics side by side


@dataclass(frozen=True)
class Metric:
    """A value, a fraction in [0, 1], with its 95 % interval over clips and, if clips share videos, over videos."""

    value: float
    ci95: tuple[float, float] | None = None
    ci95_by_video: tuple[float, float] | None = None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval that is shown: over videos, which are the clips if none share one."""
        return self.ci95 if self.ci95_by_video is None else self.ci95_by_video

    def to_json(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"value": plain(self.value)}
        if self.ci95 is not None:
            parts["ci95"] = [plain(end) for end in self.ci95]
        if self.ci95_by_video is not None:
            parts["ci95_by_video"] = [plain(end) for end in self.ci95_by_video]
        return parts


@dataclass(repr=False)
class Result:
    """One protocol's verdict on one method's predictions for one benchmark. Its repr is a table of the metrics."""

    benchmark: str
    protocol: Protocol
    annotations_sha256: str
    counts: dict[str, Any]
    metrics: dict[str, Metric]
    #: those of boxes and masks are kept as columns, and a row is made when it is read: avloc.scoring.rows
    per_clip: Sequence[dict[str, Any]]
    per_class: dict[str, dict[str, Any]] = field(default_factory=dict)
    per_video: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    by_size: dict[str, dict[str, Any]] = field(default_factory=dict)
    by_part: dict[str, dict[str, Any]] = field(default_factory=dict)
    macro: dict[str, dict[str, float]] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)
    #: versions, device, fingerprints and date: avloc.made_with
    made_with: dict[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        return text_table(self._title, *self._table())

    def _repr_html_(self) -> str:
        return html_table(self._title, *self._table())

    @property
    def _title(self) -> str:
        return f"{self.heading()}, in %"

    def heading(self, title: str = "") -> str:
        """What was scored, by which protocol, over how many clips, and what was left out. title: instead of the test set."""
        counts = self.counts
        missing = counts.get("missing", 0) if self.protocol.missing == "zero" else 0
        absent = f", {missing} of them without a map score 0" if missing else ""
        negatives = counts.get("negatives", 0)
        silent = f", {counts['evaluated'] - negatives} of them with something to find" if negatives else ""
        dropped = "".join(f", {number} left out: {reason}" for reason, number in counts["dropped"].items())
        clips = f"{counts['evaluated']} of {counts['requested']} clips{silent}{absent}{dropped}"
        return f"{title or self.benchmark or 'own ground truth'} by {self.protocol.label}: {clips}"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        blind = list(self.baselines)
        rows = [
            [name, percent(metric.value), ends(metric.interval)]
            + [percent(self.baselines[kind].get(name)) for kind in blind]
            for name, metric in self.metrics.items()
        ]
        return ["metric", "value", f"95 % over {self.resampled}", *map(mask_title, blind)], rows

    @property
    def resampled(self) -> str:
        """What the intervals resample: videos, or clips if each is a separate video."""
        return "videos" if any(metric.ci95_by_video is not None for metric in self.metrics.values()) else "clips"

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row for each scored clip: id, video, ciou, and what else it has. Needs pandas."""
        return data_frame(self.per_clip)

    def to_json(self) -> dict[str, Any]:
        """The same as to_dict."""
        return self.to_dict()

    def to_dict(self) -> dict[str, Any]:
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
            **({"by_part": plain(self.by_part)} if self.by_part else {}),
            "macro": plain(self.macro),
            "baselines": plain(self.baselines),
            "success_curve": plain(self.curve),
            "warnings": self.warnings,
            **({"made_with": self.made_with} if self.made_with else {}),
        }


class Results(NamedTuple):
    """The same maps by several protocols, and why others were left out. Its repr is a table with a line for each protocol."""

    results: dict[str, Result]
    left_out: dict[str, str]

    def __repr__(self) -> str:
        return text_table(self._title, *self._table())

    def _repr_html_(self) -> str:
        return html_table(self._title, *self._table())

    @property
    def _title(self) -> str:
        benchmarks = {result.benchmark or "own ground truth" for result in self.results.values()}
        left = f"; {len(self.left_out)} protocols left out (left_out says why)" if self.left_out else ""
        return f"{', '.join(sorted(benchmarks))}, in %{left}"

    def _table(self) -> tuple[list[str], list[list[str]]]:
        metrics = Counter(name for result in self.results.values() for name in result.metrics)
        shared = [name for name, _ in metrics.most_common(_COLUMNS)]
        for result in self.results.values():  # every protocol shows at least one metric
            if result.metrics and not set(shared) & set(result.metrics):
                shared.append(next(iter(result.metrics)))
        rows = [
            [name, str(result.counts["evaluated"])]
            + [percent(result.metrics[column].value) if column in result.metrics else "" for column in shared]
            for name, result in self.results.items()
        ]
        return ["protocol", "clips", *shared], rows

    def to_dict(self) -> dict[str, Any]:
        """Plain values: the result of each protocol, and why others were left out."""
        return {
            "protocols": {name: result.to_dict() for name, result in self.results.items()},
            "left_out": self.left_out,
        }

    def to_pandas(self) -> Any:
        """A pandas DataFrame with a row for each protocol and a column for each metric. Needs pandas."""
        rows = [
            {"protocol": name} | {metric: one.value for metric, one in result.metrics.items()}
            for name, result in self.results.items()
        ]
        return data_frame(rows)


def plain(value: Any) -> Any:
    """Numbers as in JSON: NaN and infinity as null, numpy scalars as Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value
