"""Results by class, by the size of what sounds, or by flag: one table for each protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avloc.percents import OF_GROUPS, own_name
from avloc.standings.table import Part, Table, cell_of, label, wanted

#: where a result keeps the scores of its classes, sizes and flags
KEYS = {"class": "per_class", "size": "by_size", "flag": "by_part"}


@dataclass(frozen=True)
class GroupTable:
    """A table with a line for each class, size or flag; all columns but the first are numbers."""

    title: str
    lines: list[list[str]]


def add_groups(table: Table, results: Sequence[tuple[str, dict[str, Any]]], by: str, metrics: Sequence[str]) -> None:
    """Add the classes, sizes or flags of own results (name, result as JSON) to a table. Groups without clips are left out."""
    table.by = by
    for method, result in results:
        for name, own in (result.get(KEYS[by]) or {}).items():
            named = {own_name(result["metrics"], metric): own[metric] for metric in OF_GROUPS if metric in own}
            cells = {
                metric: cell_of(entry if isinstance(entry, dict) else {"value": entry})
                for metric, entry in named.items()
                if wanted(metric, metrics)
            }
            if cells and own["clips"]:
                table.parts.append(Part(method, label(result), name, own["clips"], cells))


def group_tables(table: Table) -> list[GroupTable]:
    """A table for each rule, with metrics as columns; with several methods, one for each metric with methods as columns."""
    found = []
    for rule in dict.fromkeys(part.rule for part in table.parts):
        parts = [part for part in table.parts if part.rule == rule]
        methods = list(dict.fromkeys(part.method for part in parts))
        metrics = list(dict.fromkeys(metric for part in parts for metric in part.cells))
        names = _in_order(table.by, parts, metrics[0])
        title = f"{rule}, by {table.by}"
        if len(methods) == 1:
            found.append(
                GroupTable(title, _lines(table.by, names, parts, [(methods[0], one) for one in metrics], metrics))
            )
            continue
        for metric in metrics:
            lines = _lines(table.by, names, parts, [(method, metric) for method in methods], methods)
            found.append(GroupTable(f"{title}: {metric}", lines))
    return found


def _lines(
    by: str, names: Sequence[str], parts: Sequence[Part], columns: Sequence[tuple[str, str]], titles: Sequence[str]
) -> list[list[str]]:
    """The head, and a line for each of `names`. columns: the method and the metric of each."""
    of = {(part.name, part.method): part for part in parts}
    lines = [[by, "clips", *titles]]
    for name in names:
        own = [of.get((name, method)) for method, _ in columns]
        clips = sorted({part.clips for part in own if part is not None})
        cells = [
            "" if part is None else str(part.cells.get(metric, ""))
            for part, (_, metric) in zip(own, columns, strict=True)
        ]
        lines.append([name, " to ".join(map(str, dict.fromkeys([clips[0], clips[-1]]))), *cells])
    return lines


def _in_order(by: str, parts: Sequence[Part], metric: str) -> list[str]:
    """Classes with the lowest value first, as on the report page; sizes and flags as in the results."""
    names = list(dict.fromkeys(part.name for part in parts))
    if by != "class":
        return names

    def lowest(name: str) -> float:
        values = [part.cells[metric].value for part in parts if part.name == name and metric in part.cells]
        return min((float(value) for value in values if value != "-"), default=101.0)

    return sorted(names, key=lambda name: (lowest(name), name))
