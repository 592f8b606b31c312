"""The results of a run on one test set: the model, each comparison, and the differences between them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from avloc.scoring.baselines import baseline_warnings

if TYPE_CHECKING:
    from avloc.scoring.result import Metric, Result

T = TypeVar("T")


@dataclass(frozen=True)
class Difference:
    """The difference between the model and a baseline on the same clips, with its 95 % interval over videos (None
    without resamples).
    """

    value: float
    ci95_by_video: tuple[float, float] | None

    @property
    def clear(self) -> bool:
        """Whether the interval excludes zero."""
        return self.ci95_by_video is not None and (self.ci95_by_video[0] > 0 or self.ci95_by_video[1] < 0)


@dataclass(frozen=True)
class Comparison:
    metrics: "dict[str, Metric]"
    difference: dict[str, Difference]

    def only(self, names: Iterable[str]) -> "Comparison":
        """The same with these metrics."""
        names = list(names)
        return Comparison(_only(self.metrics, names), _only(self.difference, names))


@dataclass(frozen=True)
class SetResult:
    """One test set: the results of the model and of each comparison, on the same frames with the same protocol.

    sounding: number of frames that the run's calibration counts as sounding, for each kind of sound; None without
    calibration.
    """

    set: str
    stage: int
    result: "Result"
    comparisons: dict[str, Comparison]
    predictions: Path
    file: Path
    sounding: dict[str, Any] | None = None

    def showing(self, metrics: "dict[str, Metric]") -> "SetResult":
        """The same with these metrics of the model and the notes about them, and with those of the comparisons that have their
        names.
        """
        own = self.result
        every, shown = (
            baseline_warnings(own.protocol, {name: one.value for name, one in some.items()}, own.baselines)
            for some in (own.metrics, metrics)
        )
        own.metrics, own.warnings = metrics, [line for line in own.warnings if line not in every] + shown
        return replace(self, comparisons={name: one.only(metrics) for name, one in self.comparisons.items()})

    def to_json(self) -> dict[str, Any]:
        compared = {
            name: {
                "metrics": {metric: value.to_json() for metric, value in comparison.metrics.items()},
                "difference": {
                    metric: {"value": value.value, "ci95_by_video": value.ci95_by_video and list(value.ci95_by_video)}
                    for metric, value in comparison.difference.items()
                },
            }
            for name, comparison in self.comparisons.items()
        }
        about = {"set": self.set, "stage": self.stage, "predictions": str(self.predictions)}
        heard = {} if self.sounding is None else {"sounding": self.sounding}
        return {**about, **self.result.to_json(), "comparisons": compared, **heard}


def _only(values: Mapping[str, T], names: Iterable[str]) -> dict[str, T]:
    return {name: values[name] for name in names if name in values}
