"""Results as text, as HTML for notebooks, and as pandas tables: values in percent."""

import html
from collections.abc import Sequence
from typing import Any

from avloc.errors import AvlocError


def text_table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """A title and columns, the first aligned left and the others right; empty columns are left out."""
    header, rows = _filled(header, rows)
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(
            [cells[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))]
        ).rstrip()
        for cells in (header, *rows)
    ]
    return "\n".join([title, *lines])


def html_table(title: str, header: list[str], rows: list[list[str]]) -> str:
    """The same as an HTML table, with the same alignment."""
    header, rows = _filled(header, rows)
    head = _html_row("th", header)
    body = "".join(_html_row("td", row) for row in rows)
    return f"<table><caption>{html.escape(title)}</caption><thead>{head}</thead><tbody>{body}</tbody></table>"


def _html_row(kind: str, cells: list[str]) -> str:
    sides = ["left", *["right"] * (len(cells) - 1)]
    shown = (
        f'<{kind} style="text-align: {side}">{html.escape(cell)}</{kind}>'
        for side, cell in zip(sides, cells, strict=True)
    )
    return f"<tr>{''.join(shown)}</tr>"


def _filled(header: list[str], rows: list[list[str]]) -> tuple[list[str], list[list[str]]]:
    kept = [place for place in range(len(header)) if place < 2 or any(row[place] not in ("", "-") for row in rows)]
    return [header[place] for place in kept], [[row[place] for place in kept] for row in rows]


def data_frame(rows: Sequence[dict[str, Any]]) -> Any:
    """Rows as a pandas DataFrame; AvlocError if pandas is not installed."""
    try:
        import pandas
    except ImportError:
        raise AvlocError("to_pandas needs pandas, which is not installed: pip install pandas") from None
    return pandas.DataFrame(list(rows))
