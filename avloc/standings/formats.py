"""Tables of standings as Markdown, CSV and LaTeX."""

import csv
import io
from collections.abc import Sequence

from avloc.standings.by_group import group_tables
from avloc.standings.published import SOURCES
from avloc.standings.table import PUBLISHED_AS, Cell, Table


def as_markdown(table: Table) -> str:
    """A heading; a table for each rule (protocol or published setting), and those by class, size or flag; the meaning of
    the source marks.
    """
    parts = [f"## {table.benchmark}"]
    for rule in dict.fromkeys(rule for _, rule in table.columns):
        metrics = [metric for metric, own in table.columns if own == rule]
        rows = [row for row in table.rows if any((metric, rule) in row.cells for metric in metrics)]
        lines = [
            [row.method, *(str(row.cells.get((metric, rule), "")) for metric in metrics), row.source] for row in rows
        ]
        lines.insert(0, ["method", *metrics, "source"])
        parts.append(f"### {rule}\n\n{_aligned(lines, range(1, len(metrics) + 1))}")
    for group in group_tables(table):
        parts.append(f"### {group.title}\n\n{_aligned(group.lines, range(1, len(group.lines[0])))}")
    marks = sorted({mark for row in table.rows for mark in row.source.split() if mark in SOURCES})
    if marks:
        parts.append("\n".join(f"- {mark}: {SOURCES[mark]}" for mark in marks))
    return "\n\n".join(parts) + "\n"


def _aligned(lines: list[list[str]], figures: range) -> str:
    """A markdown table that is also readable as text: head and rows. figures: the columns of numbers, aligned right."""
    lines = [[_escaped(cell) for cell in line] for line in lines]
    widths = [max(3, *(len(line[place]) for line in lines)) for place in range(len(lines[0]))]

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
    seeds in percent; number of seeds, source. With scores by class, size or flag also its name, empty for all clips, and
    the number of its clips.
    """
    by = next((table.by for table in tables if table.by), "")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "benchmark",
            "method",
            "metric",
            "protocol",
            "value",
            "low",
            "high",
            "std",
            "seeds",
            "source",
            *([by, "clips"] if by else []),
        ]
    )
    for table in tables:
        for row in table.rows:
            for (metric, rule), cell in row.cells.items():
                if row.published and not rule.startswith(PUBLISHED_AS):
                    continue  # the same number, next to an own result
                line = [table.benchmark, row.method, metric, rule, *_numbers(cell), row.source]
                writer.writerow([*line, *(["", ""] if by else [])])
        for part in table.parts:
            for metric, cell in part.cells.items():
                line = [table.benchmark, part.method, metric, part.rule, *_numbers(cell), ""]
                writer.writerow([*line, part.name, str(part.clips)])
    return out.getvalue()


def _numbers(cell: Cell) -> list[str]:
    return [cell.value, cell.low, cell.high, cell.std, cell.seeds]


def as_latex(table: Table) -> str:
    """A tabular for each rule, and those by class, size or flag, to be pasted into a paper; needs no package."""
    parts = [f"% {_one_line(table.benchmark)}"]
    for rule in dict.fromkeys(rule for _, rule in table.columns):
        metrics = [metric for metric, own in table.columns if own == rule]
        rows = [row for row in table.rows if any((metric, rule) in row.cells for metric in metrics)]
        lines = [["method", *metrics]]
        lines += [[row.method, *(str(row.cells.get((metric, rule), "")) for metric in metrics)] for row in rows]
        parts.append(_tabular(rule, lines))
    parts += [_tabular(group.title, group.lines) for group in group_tables(table)]
    return "\n".join(parts) + "\n"


def _tabular(title: str, lines: list[list[str]]) -> str:
    """Its head and lines, under the title as a comment."""
    body = [" & ".join(map(_latex, line)) + r" \\" for line in lines]
    columns = "l" + "r" * (len(lines[0]) - 1)
    head = [f"% {_one_line(title)}", rf"\begin{{tabular}}{{{columns}}}", r"\hline", body[0], r"\hline"]
    return "\n".join([*head, *body[1:], r"\hline", r"\end{tabular}"])


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
