"""`avloc leaderboard`: results of several methods in tables that never put two protocols in one column."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from avloc.options import POSITIONAL, Metrics, verb

if TYPE_CHECKING:
    from avloc.standings import Table

FORMATS = ("md", "csv", "tex")

log = logging.getLogger("avloc.leaderboard")


@dataclass(frozen=True)
class Leaderboard:
    """A table for each benchmark, and what it has by class, size or flag."""

    tables: "list[Table]"

    def text(self, format: str = "md") -> str:
        """Markdown, csv with one line per number, or LaTeX; ConfigError for another format."""
        from avloc.errors import ConfigError
        from avloc.standings import as_csv, as_latex, as_markdown

        if format not in FORMATS:
            raise ConfigError(f"--format {format!r}; expected one of {', '.join(FORMATS)}")
        if format == "csv":
            return as_csv(self.tables)
        return "\n".join((as_latex if format == "tex" else as_markdown)(table) for table in self.tables)

    def to_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for table in self.tables:
            lines: list[dict[str, Any]] = [dict(zip(table.header(), line, strict=True)) for line in table.lines()]
            for part in table.parts:
                values = {f"{metric} · {part.rule}": str(cell) for metric, cell in part.cells.items()}
                lines.append({"method": part.method, table.by: part.name, "clips": part.clips, **values})
            found[table.benchmark] = lines
        return found


@verb
def leaderboard(
    results: Annotated[
        Sequence[Path],
        "runs, all of whose results are taken; or single results: RUN/results/*.json, or files that "
        "`avloc evaluate --out` wrote",
        POSITIONAL,
    ] = (),
    benchmark: Annotated[str | None, "only this benchmark; without results, its published figures"] = None,
    published: Annotated[bool, "include the published figures, with their sources"] = True,
    metric: Metrics = None,
    by: Annotated[
        Literal["class", "size", "flag"] | None,
        "also tables of each class, of sizes of what sounds, or of flags (VGGSounder, AVATAR), for the results that have them",
    ] = None,
) -> Leaderboard:
    """Show results next to published figures, in tables; each column is one metric under one protocol.

    The row of a run has the names of its method and of the run; the row of another result has the name of its file. Runs
    of one configuration with different seeds are one row: mean and standard deviation.
    """
    from avloc.annotations import BENCHMARKS
    from avloc.annotations import benchmark as find
    from avloc.errors import ConfigError
    from avloc.standings import PUBLISHED, add_groups, build_table, read_results
    from avloc.standings.runs import RunAbout, about_run, grouped
    from avloc.standings.table import wanted

    metric = metric or ()
    results = _files(results)
    if benchmark is not None and not results:
        find(benchmark)
    read = {path: read_results(path) for path in results}
    methods = _method_names(read)
    own: dict[str, list[tuple[str, RunAbout | None, dict[str, Any]]]] = {}
    for path in results:
        for result in read[path]:
            row = (methods[path], about_run(path), result)
            own.setdefault(result["benchmark"] or "own ground truth", []).append(row)
    names = (
        [benchmark]
        if benchmark is not None
        else list(own) or [n for n in BENCHMARKS if any(f.benchmark == n for f in PUBLISHED)]
    )
    tables = []
    for name in names:
        rows = grouped(own.get(name, []))
        table = build_table(name, rows, published, metric)
        if by:
            add_groups(table, rows, by, metric)
        if table.rows:
            tables.append(table)
    if not tables:
        what = f"--metric {','.join(metric)}: no such figure" if metric else "nothing to show"
        raise ConfigError(f"{what} for {', '.join(names)}; give results of `avloc evaluate --out`")
    there = list(dict.fromkeys(name for table in tables for name, _ in table.columns))
    for one in metric:
        if not any(wanted(name, [one]) for name in there):
            raise ConfigError(f"--metric {one}: no result and no published figure has it; there are {', '.join(there)}")
    elsewhere = [name for name in own if name not in names]
    if elsewhere:
        log.warning("results on %s are not shown: --benchmark %s", ", ".join(elsewhere), benchmark)
    if by and not any(table.parts for table in tables):
        of = {"flag": "; flags come with VGGSounder's table next to the annotations of VGG-SS, and with AVATAR"}.get(
            by, ""
        )
        raise ConfigError(f"--by {by}: none of these results has scores by {by}{of}")
    return Leaderboard(tables)


def _files(results: Sequence[Path]) -> list[Path]:
    """The result files: all of a run; DataError for a folder without any."""
    from avloc.errors import DataError

    files: list[Path] = []
    for path in results:
        found = sorted((path / "results").glob("*.json")) if path.is_dir() else [path]
        if not found:
            raise DataError(f"{path}: no results/*.json in this folder; give a run that `avloc evaluate` has scored")
        files += found
    return list({path.resolve(): path for path in files}.values())  # each file once, however often it is named


def _method_names(read: Mapping[Path, Sequence[dict[str, Any]]]) -> dict[Path, str]:
    """A name for each file: the run's, with the test set where results of several are given, or the file's. The folder
    above is named too where two runs or files have one name."""
    of_run = {path: path.parent.name == "results" for path in read}
    places = {path: path.parent.parent if of_run[path] else path for path in read}
    sets = {path: (results[0].get("set") if results else None) or path.stem for path, results in read.items()}
    names = {}
    for path, place in places.items():
        name = place.name if of_run[path] else place.stem
        if any(other != place and (other.name if of_run[one] else other.stem) == name for one, other in places.items()):
            name = f"{place.absolute().parent.name}/{name}"
        several = len({sets[one] for one, other in places.items() if other == place}) > 1
        names[path] = f"{name}, {sets[path]}" if several else name
    return names
