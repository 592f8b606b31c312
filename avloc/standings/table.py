"""A table of one benchmark: a column is one metric under one protocol, so no column mixes two rules."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.standings.published import PUBLISHED, Figure
from avloc.standings.same_rule import comparable

PUBLISHED_AS = "published, "  # prefix of the columns of published figures, before their setting


@dataclass(frozen=True)
class Cell:
    """A value and, if known, its 95 % interval, or the standard deviation and number of seeds; as text, in percent."""

    value: str
    low: str = ""
    high: str = ""
    std: str = ""
    seeds: str = ""

    def __str__(self) -> str:
        if self.std:
            return f"{self.value} ± {self.std} (n={self.seeds})"
        return f"{self.value} [{self.low}, {self.high}]" if self.low else self.value


@dataclass(frozen=True)
class Row:
    """A method: its values by column (metric, protocol or setting)."""

    method: str
    cells: dict[tuple[str, str], Cell]
    source: str = ""
    published: bool = False


@dataclass(frozen=True)
class Part:
    """One method under one rule on the clips of one class, size or flag: its values by metric."""

    method: str
    rule: str
    name: str
    clips: int
    cells: dict[str, Cell]


@dataclass
class Table:
    benchmark: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    #: what `parts` are: class, size or flag
    by: str = ""
    parts: list[Part] = field(default_factory=list)

    def header(self) -> list[str]:
        return ["method", *(f"{metric} · {rule}" for metric, rule in self.columns), "source"]

    def lines(self) -> list[list[str]]:
        return [
            [row.method, *(str(row.cells.get(column, "")) for column in self.columns), row.source] for row in self.rows
        ]


def build_table(
    benchmark: str, results: Sequence[tuple[str, dict[str, Any]]], published: bool = True, metrics: Sequence[str] = ()
) -> Table:
    """Own results (name, result as JSON) above the published figures, each protocol and each setting in separate
    columns; a figure with exactly the rule of a result is in that result's columns too.
    """
    table = Table(benchmark)
    for name, result in results:
        rule = label(result)
        cells = {
            (metric, rule): cell_of(entry) for metric, entry in result["metrics"].items() if wanted(metric, metrics)
        }
        _add(table, Row(name, cells, f"annotations {result.get('annotations_sha256', '')[:8]}"))
    own = {rule for _, rule in table.columns}
    if published:
        for figure in PUBLISHED:
            if figure.benchmark == benchmark:
                rules = dict.fromkeys(label(result) for _, result in results if comparable(result, figure))
                for row in _published(figure, metrics, [rule for rule in rules if rule in own]):
                    _add(table, row)
    return table


def wanted(metric: str, metrics: Sequence[str]) -> bool:
    """Whether a metric is among the requested ones, by its own name or without its threshold; all are if none is."""
    return not metrics or bool({metric, metric.partition("@")[0]} & {one.lower() for one in metrics})


def label(result: dict[str, Any]) -> str:
    """The protocol with its changes, and how much was left out or missing: the heading of its columns."""
    return f"{rule_of(result)} (n={result['counts']['evaluated']})"


def rule_of(result: dict[str, Any]) -> str:
    """The protocol with its changes."""
    protocol = result["protocol"]
    parts = [
        protocol["name"],
        *(f"{axis}={protocol[axis]}" for axis in protocol.get("changed", []) if axis != "report"),
    ]
    if protocol.get("unit") == "sounds" and result.get("negatives", {}).get("thresholds_of") == "other clips":
        parts.append("thresholds of other clips")
    return " ".join(parts)


def cell_of(entry: dict[str, Any]) -> Cell:
    if entry["value"] is None:
        return Cell("-")
    if "std" in entry:
        value, std = (f"{100 * entry[name]:.1f}" for name in ("value", "std"))
        return Cell(value, std=std, seeds=str(entry["n"]))
    ends = entry.get("ci95_by_video") or entry.get("ci95")  # over videos, as everywhere
    known = ends if ends and None not in ends else ()
    return Cell(*(f"{100 * number:.1f}" for number in (entry["value"], *known)))


def _published(figure: Figure, metrics: Sequence[str], beside: Sequence[str]) -> list[Row]:
    """A row for its setting, and one for each rule of own results that the figure follows."""
    values = {metric: Cell(f"{value:g}") for metric, value in figure.values.items() if wanted(metric, metrics)}
    return [
        Row(
            f"{figure.method} ({figure.year})",
            {(metric, rule): cell for metric, cell in values.items()},
            figure.source,
            published=True,
        )
        for rule in (*beside, f"{PUBLISHED_AS}{figure.setting}")
    ]


def _add(table: Table, row: Row) -> None:
    if row.cells:
        table.rows.append(row)
        table.columns += [column for column in row.cells if column not in table.columns]
