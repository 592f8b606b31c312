"""Published figures with their sources, and tables that never put two protocols in one column."""

from avloc.standings.published import PUBLISHED, SOURCES, Figure
from avloc.standings.results import read_results
from avloc.standings.table import Row, Table, as_csv, as_latex, as_markdown, build_table

__all__ = [
    "PUBLISHED",
    "SOURCES",
    "Figure",
    "Row",
    "Table",
    "as_csv",
    "as_latex",
    "as_markdown",
    "build_table",
    "read_results",
]
