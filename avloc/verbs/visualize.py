"""`avloc visualize`: figures and a page of what a run holds."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.options import Ask, Config, RunFolder, Set, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.drawing.page import Page, ShownSet
    from avloc.engine.experiment import Experiment
    from avloc.engine.run import Run
    from avloc.engine.settings import TestSet

log = logging.getLogger("avloc.visualize")


@dataclass(frozen=True)
class Visualized:
    """figures: the PNG files written; report: the page, which needs no other file."""

    run: Path
    figures: list[Path]
    report: Path


@verb
def visualize(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    sets: Annotated[
        Sequence[str] | None, "draw only this test set; may be repeated; default: all with predictions"
    ] = None,
    clips: Annotated[int, "number of clips drawn of each test set", Ask(least=1)] = 8,
    progress: Progress | None = None,
) -> Visualized:
    """Draw a run: heat maps, clusters, training curves, and a report page that shows them with sound.

    Of the clips drawn, some are the best, some the median and some the worst by score; the others are drawn at
    random with the seed of the run. What the run does not hold is left out and named on the page. Writes
    figures/*.png and report/index.html.
    """
    from avloc.engine.experiment import open_run
    from avloc.errors import AvlocError
    from avloc.files import write_bytes, write_text

    if clips < 1:
        raise AvlocError(f"clips: found {clips}; expected 1 or more")
    experiment, own = open_run(config, run, set)
    sheet = _Sheet(own.path)
    names = _chosen_sets(experiment, own, sets, sheet)
    tell, total = progress or untold, len(names) + 1
    shown: list[ShownSet] = []
    for number, name in enumerate(names):
        tell(number, total, name)
        shown += _test_set(experiment, own, name, clips, sheet)
    if not any(part.shown for part in shown):
        raise AvlocError(f"{own.path}: none of its test sets can be drawn: {'; '.join(sheet.left_out)}")
    tell(total - 1, total, "training and clusters")
    page = _page(experiment, own, shown, sheet)
    own.refuse_moved()
    figures = {own.figures / f"{name}.png": content for name, content in sheet.figures.items()}
    for path, content in figures.items():
        write_bytes(path, content)
    write_text(own.report, page.html())
    tell(total, total, "page")
    return Visualized(own.path, list(figures), own.report)


@dataclass
class _Sheet:
    """What gathers meanwhile: PNGs by name, and a line for everything that is left out."""

    run: Path
    figures: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)

    def skip(self, line: str) -> None:
        log.info("%s: left out: %s", self.run, line)
        self.left_out.append(line)


def _chosen_sets(experiment: "Experiment", run: "Run", sets: Sequence[str] | None, sheet: _Sheet) -> list[str]:
    """The test sets to show, in the order of the configuration."""
    from avloc.errors import RunError

    known, again = list(experiment.evaluate), f"`avloc evaluate --run {run.path}` makes them"
    for name in sets or ():
        if name not in known:
            raise RunError(f"{run.path}: no test set {name!r}; its configuration has {', '.join(known) or 'none'}")
    there = [name for name in known if (run.predictions / f"{name}.h5").exists()]
    lacking = [name for name in (known if sets is None else sets) if name not in there]
    if not there or (sets is not None and lacking):
        raise RunError(f"{run.path} has no predictions{f' of {lacking[0]}' if there else ''}; {again}")
    for name in lacking:
        sheet.skip(f"{name}: no predictions; {again}")
    return [name for name in there if sets is None or name in sets]


def _test_set(experiment: "Experiment", run: "Run", name: str, clips: int, sheet: _Sheet) -> "list[ShownSet]":
    """The set with its clips, and after it its results under other protocols."""
    from avloc.drawing.moments import Moment
    from avloc.drawing.page import ShownSet
    from avloc.drawing.results import results_chart
    from avloc.drawing.sets import set_figures, set_moments
    from avloc.engine.cycles import cycle_figures
    from avloc.engine.stores import open_test
    from avloc.errors import AvlocError

    test, results = experiment.evaluate[name], _results(run, name)
    result = results.pop(test.protocol, None)
    if result is None:
        sheet.skip(f"{name}: no results under {test.protocol}, so its clips are drawn at random")
    shown: list[Moment] = []
    try:
        store = open_test(experiment, name)
    except AvlocError as error:
        sheet.skip(f"{name}: no pictures ({error})")
    else:
        again = f"avloc evaluate --run {run.path}"
        scored = (result or {}).get("per_clip", [])
        shown = set_moments(store, run.predictions, name, scored, clips, experiment.seed, again)
        sheet.figures |= set_figures(name, f"{name}: {test.split} of {test.store}", shown)
        sheet.figures |= cycle_figures(experiment, run, name, test, store, shown)
        if shown[0].assignment is None and len(shown[0].maps[""]) > 1:
            sheet.skip(f"{name}: no maps of classes, for its predictions do not say which map is of which class")
    parts = [ShownSet(name, _about(experiment, test, result), shown, result)]
    for protocol, other in results.items():
        parts.append(ShownSet(f"{name} ({protocol})", f"The same maps under protocol {protocol}.", [], other))
    for part in parts:
        chart = results_chart(part.name, part.result) if part.result is not None else None
        if chart is not None:
            sheet.figures[f"{name if part is parts[0] else part.name}.results"] = chart.light
    return parts


def _about(experiment: "Experiment", test: "TestSet", result: Mapping[str, Any] | None) -> str:
    counts = (result or {}).get("counts", {})
    scored = f"{counts['evaluated']} frames of " if "evaluated" in counts else ""
    dropped = "".join(f", {amount} left out ({reason})" for reason, amount in (counts.get("dropped") or {}).items())
    stage = (result or {}).get("stage") or experiment.number_of(test.stage)
    return f"{scored}{test.split} in {test.store}{dropped}; protocol {test.protocol}; maps of stage {stage}."


def _results(run: "Run", name: str) -> dict[str, dict[str, Any]]:
    """Protocol -> result of a test set."""
    from avloc.files import read_json

    found = {}
    for path in sorted(run.results.glob("*.json")):
        result = read_json(path)
        protocol = result.get("protocol", {}) if isinstance(result, dict) else {}
        known = protocol.get("name", "") if isinstance(protocol, dict) else str(protocol)
        if path.name == f"{name}.{known}.json":
            found[known] = result
    return found


def _page(experiment: "Experiment", run: "Run", sets: "list[ShownSet]", sheet: _Sheet) -> "Page":
    from avloc.drawing.page import Page
    from avloc.drawing.settings import differing
    from avloc.drawing.training import training_charts
    from avloc.engine.stages import stage_one_run

    first = stage_one_run(experiment, run)
    page = Page(str(run.path), experiment.method, sets, left_out=sheet.left_out)
    for number in _trained(experiment):
        charts = training_charts(number, _log(first if number == 1 else run, number))
        sheet.figures |= {f"stage{number}.{kind}": chart.light for kind, chart in charts.items()}
        page.training += charts.values()
        if not charts:
            sheet.skip(f"stage {number}: no training log")
    _clusters(experiment, first, page, sheet)
    for part in sets:
        page.warnings += [f"{part.name}: {line}" for line in (part.result or {}).get("warnings", [])]
    page.config = run.config.read_text(encoding="utf-8") if run.config.exists() else ""
    for number in experiment.stages:
        model = experiment.source.values[f"stage{number}"].get("model") or {}
        page.deviations += differing(experiment.localizers[number - 1], model, f"stage{number}.model")
    page.commands = _commands(experiment, run)
    return page


def _trained(experiment: "Experiment") -> list[int]:
    """The stages that learn anything."""
    return [number for number in experiment.stages if experiment.localizers[number - 1].needs_training]  # type: ignore[attr-defined]


def _commands(experiment: "Experiment", run: "Run") -> list[list[str]]:
    """What makes the run once more, in a new folder."""
    steps = [f"train-stage{number}" for number in _trained(experiment)]
    if run.clusters.exists():
        steps[1:1] = ["cluster", "match-clusters"]
    again = [["avloc", step, "--run", f"{run.path}-again"] for step in [*steps, "evaluate", "visualize"]]
    again[0] += ["--config", str(run.config)]
    return again


def _log(run: "Run", stage: int) -> list[dict[str, Any]]:
    from avloc.errors import RunError

    path = run.log_path(stage)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    try:
        return [json.loads(line) for line in lines if line.strip()]
    except json.JSONDecodeError as error:
        raise RunError(f"{path}: a line is not JSON ({error.msg}); remove the file to leave it out") from None


def _clusters(experiment: "Experiment", first: "Run", page: "Page", sheet: _Sheet) -> None:
    from avloc.drawing.clusters import cluster_strips, matched_classes, matched_words, matching_chart
    from avloc.drawing.panels import Row, panel
    from avloc.engine.stores import open_data
    from avloc.errors import AvlocError

    classes: dict[int, str] = {}
    if first.matching.exists():
        matching = first.load_matching()
        classes, page.matched = matched_classes(matching), matched_words(matching)
        page.matrix = matching_chart(matching)
        page.warnings += [f"matching: {doubt}" for doubt in matching.get("doubts", [])]
        sheet.figures["clusters.agreement"] = page.matrix.light
    if not first.clusters.exists():
        if not hasattr(experiment.localizers[0], "object_features"):
            return None  # a method without clusters lacks nothing
        return sheet.skip("clusters: the run has no clusters.npz")
    if not classes:
        sheet.skip("names of clusters: the run has no matching.json")
    found, data = first.load_clusters(), experiment.stage(1).data
    try:
        store = open_data(experiment, 1, data.train, direct=False)
    except AvlocError as error:
        return sheet.skip(f"frames of clusters ({error})")
    if store.ids != [str(name) for name in found["ids"]]:
        return sheet.skip(f"frames of clusters: {first.clusters} is of other clips than {data.store} holds")
    page.clusters = cluster_strips(store, found["labels"], int(found["clusters"]), classes, experiment.seed)
    sheet.figures["clusters.frames"] = panel("Frames of each cluster", [Row("", [strip]) for strip in page.clusters])
