"""Published figures with their sources, and tables that never put two protocols in one column."""

from avloc.standings.by_group import add_groups
from avloc.standings.formats import as_csv, as_latex, as_markdown
from avloc.standings.published import PUBLISHED, SOURCES, Figure
from avloc.standings.results import read_results
from avloc.standings.table import Row, Table, build_table

__all__ = [
    "PUBLISHED",
    "SOURCES",
    "Figure",
    "Row",
    "Table",
    "add_groups",
    "as_csv",
    "as_latex",
    "as_markdown",
    "build_table",
    "read_results",
]
