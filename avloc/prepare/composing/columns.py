"""Reads tables with named columns, row by row, as data sets of pictures and sounds provide them."""

from collections.abc import Iterator
from pathlib import Path

from avloc.errors import DataError
from avloc.tables import read_table


def named_rows(file: Path, *needed: str) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, value by column) of each row; DataError if a column is missing or a row is too short."""
    what = ",".join(needed)
    table = read_table(file, 2, what, headed=True)
    missing = [name for name in needed if name not in table.header]
    if missing:
        raise DataError(f"{file}: no column {missing[0]} among {','.join(table.header) or 'none'}; expected {what}")
    places = {name: place for place, name in enumerate(table.header)}
    most = max(places[name] for name in needed)
    for line, row in table.rows:
        if len(row) <= most:
            raise DataError(f"{file}:{line}: found {len(row)} columns; expected {what}")
        yield line, {name: row[place].strip() for name, place in places.items() if place < len(row)}
