"""A table of one benchmark: a column is one metric under one protocol, so no column mixes two rules."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from avloc.standings.published import PUBLISHED, SOURCES, Figure
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


@dataclass
class Table:
    benchmark: str
    columns: list[tuple[str, str]] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)

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
        cells = {(metric, rule): _own(entry) for metric, entry in result["metrics"].items() if _wanted(metric, metrics)}
        _add(table, Row(name, cells, f"annotations {result.get('annotations_sha256', '')[:8]}"))
    own = {rule for _, rule in table.columns}
    if published:
        for figure in PUBLISHED:
            if figure.benchmark == benchmark:
                rules = dict.fromkeys(label(result) for _, result in results if comparable(result, figure))
                for row in _published(figure, metrics, [rule for rule in rules if rule in own]):
                    _add(table, row)
    return table


def _wanted(metric: str, metrics: Sequence[str]) -> bool:
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


def _own(entry: dict[str, Any]) -> Cell:
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
    values = {metric: Cell(f"{value:g}") for metric, value in figure.values.items() if _wanted(metric, metrics)}
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


def as_markdown(table: Table) -> str:
    """A heading; a table for each rule (protocol or published setting); the meaning of the source marks."""
    parts = [f"## {table.benchmark}"]
    for rule in dict.fromkeys(rule for _, rule in table.columns):
        metrics = [metric for metric, own in table.columns if own == rule]
        rows = [row for row in table.rows if any((metric, rule) in row.cells for metric in metrics)]
        lines = [
            [row.method, *(str(row.cells.get((metric, rule), "")) for metric in metrics), row.source] for row in rows
        ]
        parts.append(f"### {rule}\n\n{_aligned([['method', *metrics, 'source'], *lines])}")
    marks = sorted({mark for row in table.rows for mark in row.source.split() if mark in SOURCES})
    if marks:
        parts.append("\n".join(f"- {mark}: {SOURCES[mark]}" for mark in marks))
    return "\n\n".join(parts) + "\n"


def _aligned(lines: list[list[str]]) -> str:
    """A markdown table that is also readable as text: head and rows, numbers to the right."""
    lines = [[_escaped(cell) for cell in line] for line in lines]
    widths = [max(3, *(len(line[place]) for line in lines)) for place in range(len(lines[0]))]
    figures = range(1, len(widths) - 1)

    def row(cells: list[str]) -> str:
        padded = [
            cell.rjust(width) if place in figures else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rules = ["-" * (width - 1) + ":" if place in figures else "-" * width for place, width in enumerate(widths)]
    return "\n".join(row(cells) for cells in (lines[0], rules, *lines[1:]))


def _escaped(cell: str) -> str:
    return _one_line(cell).replace("|", "\\|")


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


def as_csv(tables: Sequence[Table]) -> str:
    """One line per number: benchmark, method, metric, protocol or setting; value, interval, and standard deviation over
    seeds in percent; number of seeds, source.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["benchmark", "method", "metric", "protocol", "value", "low", "high", "std", "seeds", "source"])
    for table in tables:
        for row in table.rows:
            for (metric, rule), cell in row.cells.items():
                if row.published and not rule.startswith(PUBLISHED_AS):
                    continue  # the same number, next to an own result
                numbers = [cell.value, cell.low, cell.high, cell.std, cell.seeds]
                writer.writerow([table.benchmark, row.method, metric, rule, *numbers, row.source])
    return out.getvalue()


def as_latex(table: Table) -> str:
    """A tabular for each rule, to be pasted into a paper; needs no package."""
    parts = [f"% {_one_line(table.benchmark)}"]
    for rule in dict.fromkeys(rule for _, rule in table.columns):
        metrics = [metric for metric, own in table.columns if own == rule]
        rows = [row for row in table.rows if any((metric, rule) in row.cells for metric in metrics)]
        lines = [["method", *metrics]]
        lines += [[row.method, *(str(row.cells.get((metric, rule), "")) for metric in metrics)] for row in rows]
        body = [" & ".join(map(_latex, line)) + r" \\" for line in lines]
        columns = "l" + "r" * len(metrics)
        head = [f"% {_one_line(rule)}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", body[0], r"\hline"]
        parts.append("\n".join([*head, *body[1:], r"\hline", r"\end{tabular}"]))
    return "\n".join(parts) + "\n"


#: what LaTeX would read as commands, or show as another character
_IN_LATEX = {mark: f"\\{mark}" for mark in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "±": r"$\pm$",
    "\n": " ",
}


def _latex(cell: str) -> str:
    """Text with LaTeX's special characters escaped."""
    shown = "".join(_IN_LATEX.get(letter, letter) for letter in cell)
    return "{}" + shown if shown[:1] in ("[", "*") else shown  # after \\, an option of it
