"""`avloc visualize`: figures and a page of a run, or one page of several runs side by side."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from avloc.options import Ask, Config, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.drawing.page import Page, ShownSet
    from avloc.engine.reported import Sheet, Source


@dataclass(frozen=True)
class Visualized:
    """run: the first run, in which everything is written. figures: the PNG files, none for several runs. report: the
    self-contained page.
    """

    run: Path
    figures: list[Path]
    report: Path


@verb
def visualize(
    config: Config = None,
    run: Annotated[
        Sequence[Path] | None,
        "folder of the run; default: runs/NAME of the configuration, or the run last started here. Repeat it to show "
        "several runs side by side on the same clips",
    ] = None,
    set: Set = (),
    sets: Annotated[
        Sequence[str] | None, "draw only this test set; may be repeated; default: all with predictions"
    ] = None,
    clips: Annotated[
        int, "clips of each test set in the figures: best, median and worst, the others at random", Ask(least=1)
    ] = 8,
    extremes: Annotated[
        int, "number of best and of worst clips of each test set to add to the page", Ask(least=0)
    ] = 24,
    progress: Progress | None = None,
) -> Visualized:
    """Draw a run: heat maps, clusters, training curves, and a report page that shows them with sound.

    The page shows the clips of the figures and the best and worst ones of each test set. You can sort
    and filter them in the browser; no other file is needed. Parts that the run does not have are named. Writes
    figures/*.png and report/index.html.

    With several runs it makes one page, report/with-OTHER.html in the first run, and no figures: the same clips, the
    heat maps of all runs next to each other, and the differences in scores.
    """
    from avloc.errors import AvlocError
    from avloc.files import write_bytes, write_text

    for name, value, least in (("clips", clips, 1), ("extremes", extremes, 0)):
        if value < least:
            raise AvlocError(f"{name}: found {value}; expected {least} or more")
    from avloc.engine.reported import Sheet
    from avloc.engine.reported_sets import chosen_sets, shown_set

    sources, sheet = _sources(config, run, set), Sheet()
    first = sources[0].run
    names = chosen_sets(sources, sets, sheet)
    tell, total = progress or untold, len(names) + 1
    shown: list[ShownSet] = []
    for number, name in enumerate(names):
        tell(number, total, name)
        parts = shown_set(sources, name, clips, extremes, sheet)
        shown += [replace(parts[0], compared=_compared(sources, name)), *parts[1:]]
    if not any(part.shown for part in shown):
        raise AvlocError(f"{first.path}: none of its test sets can be drawn: {'; '.join(sheet.left_out)}")
    tell(total - 1, total, "training and clusters")
    page = _page(sources, shown, sheet)
    first.refuse_moved()
    figures = {} if len(sources) > 1 else {first.figures / f"{name}.png": png for name, png in sheet.figures.items()}
    for path, content in figures.items():
        write_bytes(path, content)
    report = _report(sources)
    write_text(report, page.html())
    tell(total, total, "page")
    return Visualized(first.path, list(figures), report)


def _sources(config: Path | None, runs: Sequence[Path] | None, set: Sequence[str]) -> "list[Source]":
    from avloc.engine.experiment import open_run
    from avloc.engine.reported import Source, names_of
    from avloc.errors import ConfigError

    if config is not None and runs is not None and len(runs) > 1:
        raise ConfigError(
            f"--config {config}: is for a single run; leave it out: each of the {len(runs)} runs has its own"
        )
    opened = [open_run(config, run, set) for run in runs or (None,)]
    names = names_of([run.path for _, run in opened])
    several = len(opened) > 1
    return [Source(experiment, run, name, several) for (experiment, run), name in zip(opened, names, strict=True)]


def _page(sources: "list[Source]", sets: "list[ShownSet]", sheet: "Sheet") -> "Page":
    from avloc.drawing.page import Page
    from avloc.engine.reported import reported, settings_that_differ

    runs = [reported(source, sheet) for source in sources]
    return Page(runs, sets, sheet.warnings, sheet.left_out, settings_that_differ(sources))


def _report(sources: "list[Source]") -> Path:
    """report/index.html; for several runs, a name that includes the others on the page."""
    first, *others = sources
    if not others:
        return first.run.report
    words = "+".join(re.sub(r"[^\w.-]+", "-", other.name) for other in others)
    return first.run.report.with_name(f"with-{words[:100]}.html")


def _compared(sources: "list[Source]", name: str) -> list[str]:
    """A table for each other run: the first run's lead over it, on the clips that they share."""
    from avloc.drawing.markup import paragraph
    from avloc.drawing.results import compared_table
    from avloc.engine.finished import result_file
    from avloc.errors import AvlocError
    from avloc.verbs.compare import compare

    files = [result_file(s.experiment, s.run, name) for s in sources]
    tables = []
    for source, file in zip(sources[1:], files[1:], strict=True):
        both = f"{name}: {sources[0].name} and {source.name}"
        if not (files[0].exists() and file.exists()):
            continue
        try:
            found = compare(files[0], file)
        except AvlocError as error:  # different protocols or ground truths: their numbers are not comparable
            tables.append(paragraph(f"{both} are not compared: {error}.", "faint"))
        else:
            caption = f"{both} on the {found.shared} clips in both (95 % interval over videos)"
            tables.append(compared_table(caption, sources[0].name, source.name, found.metrics))
    return tables
