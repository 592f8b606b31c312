"""The results of a sweep's runs, per setting: mean, spread and interval over seeds, and the best by validation."""

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
    """A metric over the seeds of one setting. n: how many seeds have it. std: sample standard deviation, None for a
    single seed.

    ci95: of the mean, by Student's t, None for a single seed.
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
    """The results of one setting. validation: None if no run has the metric. test: by test set and metric."""

    settings: tuple[str, ...]
    validation: Spread | None = None
    test: dict[str, dict[str, Spread]] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=list)


Found = tuple[Member, dict[str, float], dict[str, dict[str, Any]]]


def settings_of(found: Sequence[Found], figure: str | None) -> list[Setting]:
    """The finished runs, with their validation metrics and their results, grouped by setting."""
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
    """Test set, metric, and its value by seed; a metric that is undefined in a run is left out there."""
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
    """Those with the validation metric, best mean first; for a loss, lower is better."""
    known = [row for row in rows if row.validation is not None]
    sign = 1 if lower_is_better(figure) else -1
    return sorted(known, key=lambda row: sign * row.validation.mean if row.validation else 0.0)


def lower_is_better(figure: str) -> bool:
    return "loss" in figure


def choose_figure(found: Sequence[Found], wanted: str | None) -> str | None:
    """The validation metric to choose by: the requested one, else iou, accuracy or loss, the first that every run has.

    None if runs have none; ConfigError if the requested one is missing.
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
