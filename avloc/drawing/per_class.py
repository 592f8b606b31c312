"""Tables of how well each class is located, and of small and large objects."""

from collections.abc import Mapping, Sequence
from typing import Any

from avloc.drawing.markup import table, text
from avloc.drawing.results import metric_name, percent
from avloc.percents import OF_GROUPS, own_name
from avloc.scoring.breakdown import SIZES


def class_table(name: str, runs: Sequence[str], results: Sequence[Mapping[str, Any] | None]) -> str:
    """Of a test set, with columns for each run's result; empty if no result is broken down by class."""
    tables = [(result or {}).get("per_class") or {} for result in results]
    names = sorted({key for own in tables for key in own}, key=lambda key: (_lowest(key, tables), key))
    return _grouped(f"{name}: per class, the lowest first", "Class", names, tables, runs, results)


def size_table(name: str, runs: Sequence[str], results: Sequence[Mapping[str, Any] | None]) -> str:
    """The same by the size of the sounding objects, from small to huge; empty if all have one size."""
    tables = [(result or {}).get("by_size") or {} for result in results]
    found = dict.fromkeys(key for own in tables for key, values in own.items() if values.get("clips"))
    names = [key for key, _ in SIZES if key in found]
    if len(names) < 2:
        return ""
    return _grouped(f"{name}: by the size of the sounding object", "Size", names, tables, runs, results)


def flag_table(name: str, runs: Sequence[str], results: Sequence[Mapping[str, Any] | None]) -> str:
    """The same by the parts of the set that flags mark (VGGSounder, AVATAR); a clip can be in several."""
    tables = [(result or {}).get("by_part") or {} for result in results]
    names = list(dict.fromkeys(key for own in tables for key in own))
    return _grouped(f"{name}: by flag; a clip may have several", "Flag", names, tables, runs, results)


def _grouped(
    title: str,
    kind: str,
    names: Sequence[str],
    tables: Sequence[Mapping[str, Any]],
    runs: Sequence[str],
    results: Sequence[Mapping[str, Any] | None],
) -> str:
    if not names:
        return ""
    several = len(runs) > 1
    metrics = [
        one for one in OF_GROUPS if any(values.get(one) is not None for own in tables for values in own.values())
    ]
    columns = [kind]
    for run, result in zip(runs, results, strict=True):
        of_run = f" <small>{text(run)}</small>" if several else ""
        columns += [f"Clips{of_run}", *(f"{text(_named(column, result))}{of_run}" for column in metrics)]
    rows = []
    for key in names:
        row = [text(key)]
        for own in tables:
            values = own.get(key) or {}
            row.append(f"{values['clips']}" if "clips" in values else "&ndash;")
            row += [_bar(values.get(column)) for column in metrics]
        rows.append(row)
    return table(title, columns, rows, "classes")


def _lowest(key: str, tables: Sequence[Mapping[str, Any]]) -> float:
    """The lowest value of the first metric that a class has."""
    found = [
        next((own[key][one] for one in OF_GROUPS if own[key].get(one) is not None), 2.0) for own in tables if key in own
    ]
    return min(found, default=2.0)


def _named(column: str, result: Mapping[str, Any] | None) -> str:
    """The column of a metric, under the name that the result uses for it."""
    return metric_name(own_name((result or {}).get("metrics", {}), column))


def _bar(value: float | None) -> str:
    """A value over a bar of its length."""
    if value is None:
        return "&ndash;"
    width = min(max(100 * value, 0), 100)
    return f'<span class="bar" style="--value:{width:.1f}%">{percent(value)}</span>'
