"""What the runs of a sweep found, setting by setting: mean, spread and interval over seeds, and the best by validation."""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.engine.sweep_grid import Member
from avloc.errors import ConfigError
from avloc.naming import some


@dataclass(frozen=True)
class Spread:
    """A figure over the seeds of one setting. n: how many seeds have it. std: of a sample, None of a single seed.

    ci95: of the mean, by Student's t, None of a single seed.
    """

    mean: float
    std: float | None
    ci95: tuple[float, float] | None
    n: int
    values: dict[int, float] = field(default_factory=dict)


def spread(values: Mapping[int, float]) -> Spread:
    """values: by seed, at least one."""
    from scipy.stats import t

    numbers = list(values.values())
    mean, n = statistics.fmean(numbers), len(numbers)
    if n == 1:
        return Spread(mean, None, None, n, dict(values))
    std = statistics.stdev(numbers)
    reach = float(t.ppf(0.975, n - 1)) * std / math.sqrt(n)
    return Spread(mean, std, (mean - reach, mean + reach), n, dict(values))


@dataclass
class Setting:
    """What the runs of one setting found. validation: None where no run has the figure. test: by test set and metric."""

    settings: tuple[str, ...]
    validation: Spread | None = None
    test: dict[str, dict[str, Spread]] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=list)


Found = tuple[Member, dict[str, float], dict[str, dict[str, Any]]]


def settings_of(found: Sequence[Found], figure: str | None) -> list[Setting]:
    """The finished runs, each with its validation figures and its results, gathered by setting."""
    together: dict[tuple[str, ...], list[Found]] = {}
    for one in found:
        together.setdefault(one[0].settings, []).append(one)
    rows = []
    for settings, runs in together.items():
        row = Setting(settings, seeds=[member.seed for member, _, _ in runs])
        judged = {
            member.seed: figures[figure] for member, figures, _ in runs if figure is not None and figure in figures
        }
        row.validation = spread(judged) if judged else None
        for name, metric, values in _tested(runs):
            row.test.setdefault(name, {})[metric] = spread(values)
        rows.append(row)
    return rows


def _tested(runs: Sequence[Found]) -> Iterator[tuple[str, str, dict[int, float]]]:
    """Test set, metric, and its value by seed; a metric that is undefined in a run is left out of it."""
    names = dict.fromkeys(
        (name, metric) for _, _, sets in runs for name, one in sets.items() for metric in one["metrics"]
    )
    for name, metric in names:
        values = {
            member.seed: sets[name]["metrics"][metric]
            for member, _, sets in runs
            if name in sets and sets[name]["metrics"].get(metric) is not None
        }
        if values:
            yield name, metric, values


def better_first(rows: Sequence[Setting], figure: str) -> list[Setting]:
    """Those with the validation figure, the best mean first; of a loss, less is better."""
    known = [row for row in rows if row.validation is not None]
    sign = 1 if lower_is_better(figure) else -1
    return sorted(known, key=lambda row: sign * row.validation.mean if row.validation else 0.0)


def lower_is_better(figure: str) -> bool:
    return "loss" in figure


def choose_figure(found: Sequence[Found], wanted: str | None) -> str | None:
    """The validation figure to choose by: the one asked for, else iou, accuracy or loss, the first that every run has.

    None where runs have none; ConfigError where the one asked for is not there.
    """
    every = [set(figures) for _, figures, _ in found]
    shared = set.intersection(*every) if every else set()
    if wanted is None:
        return next((name for name in ("iou", "accuracy", "loss") if name in shared), None)
    if found and wanted not in shared:
        raise ConfigError(
            f"--by {wanted}: no such validation figure; the runs have {some(sorted(shared), 20) or 'none'}"
        )
    return wanted
