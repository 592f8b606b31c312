"""One run in a report: its training, clusters and settings, and what is missing."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.config import flat
from avloc.drawing.clusters import matched_classes, matched_words, matching_chart, shown_clusters
from avloc.drawing.page import ShownRun
from avloc.drawing.panels import Row, panel
from avloc.drawing.settings import differing
from avloc.drawing.training import training_charts
from avloc.engine.agreement import read_log
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.stages import clusters_objects, stage_one_run
from avloc.engine.stores import open_data
from avloc.errors import AvlocError, RunError
from avloc.files import read_text

log = logging.getLogger("avloc.visualize")


@dataclass
class Sheet:
    """Collects PNGs by name, a line for everything that is left out, and warnings of the results."""

    figures: dict[str, bytes] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def skip(self, run: Path, line: str) -> None:
        log.info("%s: left out: %s", run, line)
        self.left_out.append(line)


@dataclass(frozen=True)
class Source:
    """A run in a report. name: its name on the page; several: whether there are others."""

    experiment: Experiment
    run: Run
    name: str
    several: bool = False

    @property
    def again(self) -> str:
        return f"avloc evaluate --run {self.run.path}"

    def say(self, line: str) -> str:
        return f"{self.name}: {line}" if self.several else line


def names_of(paths: Sequence[Path]) -> list[str]:
    """The names of several runs: the shortest ends of their paths that are distinct.

    RunError if two of them are the same folder.
    """
    parts = [path.resolve().parts for path in paths]
    for number, own in enumerate(parts):
        if own in parts[:number]:
            raise RunError(f"{paths[number]}: given twice; expected a run and others to compare it with")
    longest = max(map(len, parts))
    for length in range(1, longest + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in paths]


def reported(source: Source, sheet: Sheet) -> ShownRun:
    """Its training, clusters and settings; their figures are added to the sheet."""
    experiment, run = source.experiment, source.run
    first = stage_one_run(experiment, run)
    shown = ShownRun(source.name if source.several else str(run.path), experiment.method)
    for number in _trained(experiment):
        charts = training_charts(number, _log(first if number == 1 else run, number))
        sheet.figures |= {f"stage{number}.{kind}": chart.light for kind, chart in charts.items()}
        shown.training += charts.values()
        if not charts:
            sheet.skip(run.path, source.say(f"stage {number}: no training log"))
    _clusters(source, first, shown, sheet)
    shown.config = read_text(run.config) if run.config.exists() else ""
    for number in experiment.stages:
        model = experiment.source.values[f"stage{number}"].get("model") or {}
        shown.deviations += differing(experiment.localizers[number - 1], model, f"stage{number}.model")
    shown.commands = _commands(experiment, run)
    return shown


def settings_that_differ(sources: Sequence[Source]) -> list[tuple[str, ...]]:
    """(dotted key, the value in each run) of all settings that differ between runs, except paths of stores."""
    values = [flat(source.experiment.source.values) for source in sources]
    keys = dict.fromkeys(key for own in values for key in own)
    found: list[tuple[str, ...]] = []
    for key in keys:
        own = [json.dumps(one[key], default=str, ensure_ascii=False) if key in one else "not set" for one in values]
        if len(set(own)) > 1 and not key.endswith(".store"):
            found.append((key, *own))
    return found


def _trained(experiment: Experiment) -> list[int]:
    """The stages with training."""
    return [number for number in experiment.stages if experiment.localizers[number - 1].needs_training]


def _commands(experiment: Experiment, run: Run) -> list[list[str]]:
    """The commands that reproduce the run in a new folder."""
    steps = [f"train-stage{number}" for number in _trained(experiment)]
    if run.clusters.exists():
        steps[1:1] = ["cluster", "match-clusters"]
    again = [["avloc", step, "--run", f"{run.path}-again"] for step in [*steps, "evaluate", "visualize"]]
    again[0] += ["--config", str(run.config)]
    return again


def _log(run: Run, stage: int) -> list[dict[str, Any]]:
    return read_log(run.stage(stage))


def _clusters(source: Source, first: Run, shown: ShownRun, sheet: Sheet) -> None:
    experiment, path = source.experiment, source.run.path
    classes: dict[int, str] = {}
    if first.matching.exists():
        matching = first.load_matching()
        classes, shown.matched = matched_classes(matching), matched_words(matching)
        shown.matrix = matching_chart(matching)
        sheet.warnings += [source.say(f"matching: {doubt}") for doubt in matching.get("doubts", [])]
        sheet.figures["clusters.agreement"] = shown.matrix.light
    if not first.clusters.exists():
        if not clusters_objects(experiment):
            return None  # a method without clusters lacks nothing
        return sheet.skip(path, source.say("clusters: the run has no clusters.npz"))
    if not classes:
        sheet.skip(path, source.say("cluster names: the run has no matching.json"))
    found, data = first.load_clusters(), experiment.stage(1).data
    try:
        store = open_data(experiment, 1, data.train, direct=False)
    except AvlocError as error:
        return sheet.skip(path, source.say(f"frames of clusters ({error})"))
    if store.ids != [str(name) for name in found["ids"]]:
        line = f"frames of clusters: {first.clusters} is for other clips than those of {data.store}"
        return sheet.skip(path, source.say(line))
    shown.clusters = shown_clusters(store, found["labels"], int(found["clusters"]), classes, experiment.seed)
    rows = [Row("", [one.strip]) for one in shown.clusters]
    sheet.figures["clusters.frames"] = panel("Frames of each cluster", rows)
