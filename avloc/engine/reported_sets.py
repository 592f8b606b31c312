"""The test sets of a report: those with predictions and results, and the clips that are shown."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from avloc.data.store import Store
from avloc.drawing.lines import detection_chart, pixel_chart, success_chart
from avloc.drawing.markup import Chart
from avloc.drawing.moments import VARIANTS, Moment
from avloc.drawing.page import ShownSet
from avloc.drawing.pixel_curve import pixel_curve
from avloc.drawing.results import results_chart, runs_chart
from avloc.drawing.sets import SetMaps, choose_clips, read_set, set_figures, set_moments
from avloc.engine.cycles import cycle_figures
from avloc.engine.experiment import Experiment
from avloc.engine.reported import Sheet, Source
from avloc.engine.run import Run
from avloc.engine.settings import TestSet
from avloc.engine.stores import open_test
from avloc.errors import AvlocError, RunError
from avloc.files import read_json
from avloc.naming import counted

Result = dict[str, Any]


def chosen_sets(sources: Sequence[Source], sets: Sequence[str] | None, sheet: Sheet) -> list[str]:
    """The test sets to show, those for which all runs have predictions, in the order of the first run's configuration."""
    held = [_held(source, sets, sheet) for source in sources]
    shared = [name for name in held[0] if all(name in own for own in held)]
    for source, own in zip(sources, held, strict=True):
        for name in own:
            if name not in shared:
                sheet.skip(source.run.path, source.say(f"{name}: not in all of the runs"))
    if not shared:
        listed = "; ".join(f"{s.run.path}: {', '.join(own)}" for s, own in zip(sources, held, strict=True))
        raise RunError(f"the runs share no test set with predictions ({listed}); expected the same name in each")
    return shared


def _held(source: Source, sets: Sequence[str] | None, sheet: Sheet) -> list[str]:
    run, known = source.run, list(source.experiment.evaluate)
    again = f"`{source.again}` makes them"
    for name in sets or ():
        if name not in known:
            raise RunError(f"{run.path}: no test set {name!r}; its configuration has {', '.join(known) or 'none'}")
    there = [name for name in known if (run.predictions / f"{name}.h5").exists()]
    lacking = [name for name in (known if sets is None else sets) if name not in there]
    if not there or (sets is not None and lacking):
        raise RunError(f"{run.path} has no predictions{f' of {lacking[0]}' if there else ''}; {again}")
    for name in lacking:
        sheet.skip(run.path, source.say(f"{name}: no predictions; {again}"))
    return [name for name in there if sets is None or name in sets]


def shown_set(sources: Sequence[Source], name: str, clips: int, extremes: int, sheet: Sheet) -> list[ShownSet]:
    """The set with its clips, followed by its results under other protocols."""
    first = sources[0]
    test, all_results = first.experiment.evaluate[name], [results_of(source.run, name) for source in sources]
    results = [
        own.pop(source.experiment.evaluate[name].protocol, None)
        for source, own in zip(sources, all_results, strict=True)
    ]
    for source, result in zip(sources, results, strict=True):
        if result is None:
            protocol = source.experiment.evaluate[name].protocol
            line = f"{name}: no results under {protocol}, so its clips are drawn at random"
            sheet.skip(source.run.path, source.say(line))
    shown, curves = _pictures(sources, name, results, clips, extremes, sheet)
    charts = _result_charts(sources, name, results) | curves
    about = _about(first.experiment, test, results[0])
    parts = [ShownSet(name, about, shown, results, list(charts.values()))]
    sheet.figures |= {f"{name}.{kind}": chart.light for kind, chart in charts.items()}
    for protocol in dict.fromkeys(protocol for own in all_results for protocol in own):
        others: list[Result | None] = [own.get(protocol) for own in all_results]
        charts = _result_charts(sources, f"{name} ({protocol})", others)
        told = f"The same maps under protocol {protocol}."
        parts.append(ShownSet(f"{name} ({protocol})", told, [], others, list(charts.values())))
        sheet.figures |= {f"{name} ({protocol}).{kind}": chart.light for kind, chart in charts.items()}
    for part in parts:
        for source, known in zip(sources, part.results, strict=True):
            lines = (known or {}).get("warnings", [])
            sheet.warnings += [source.say(f"{part.name}: {line}") for line in lines]
    return parts


def _pictures(
    sources: Sequence[Source], name: str, results: Sequence[Result | None], clips: int, extremes: int, sheet: Sheet
) -> tuple[list[list[Moment]], dict[str, Chart]]:
    """The clips, a moment for each run, and curves of their pixels; nothing if a store cannot be opened."""
    first = sources[0]
    if any(source.experiment.evaluate[name].stacked > 1 for source in sources):
        sheet.skip(first.run.path, f"{name}: no pictures (its frames are mixtures of several clips)")
        return [], {}
    try:
        stores = [open_test(source.experiment, name) for source in sources]
    except AvlocError as error:
        sheet.skip(first.run.path, f"{name}: no pictures ({error})")
        return [], {}
    store = stores[0]
    found = []
    for source, other, result in zip(sources, stores, results, strict=True):
        maps = read_set(other, source.run.predictions, name, (result or {}).get("per_clip", []), source.again)
        # a table for another list of classes does not apply to the classes of this one
        found.append(maps if other.classes == store.classes else replace(maps, table=None))
    chosen = choose_clips(store, found, clips, extremes, first.experiment.seed)
    _tell_leftovers(sources, name, found, sheet)
    if not chosen:
        sheet.skip(first.run.path, f"{name}: no pictures (the runs share none of its clips)")
        return [], {}
    of_runs = [set_moments(store, maps, chosen) for maps in found]
    for source, own in zip(sources, of_runs, strict=True):
        if own[0].assignment is None and len(own[0].maps[""]) > 1:
            line = f"{name}: no class maps, because its predictions do not say which map belongs to which class"
            sheet.skip(source.run.path, source.say(line))
    if not first.several:
        test, few = first.experiment.evaluate[name], of_runs[0][:clips]
        sheet.figures |= set_figures(name, f"{name}: {test.split} of {test.store}", few)
        sheet.figures |= cycle_figures(first.experiment, first.run, name, test, store, few)
    return [list(row) for row in zip(*of_runs, strict=True)], _curves(sources, name, store, found)


def _tell_leftovers(sources: Sequence[Source], name: str, found: Sequence[SetMaps], sheet: Sheet) -> None:
    shared = set(found[0].ids).intersection(*(own.ids for own in found))
    for source, own in zip(sources, found, strict=True):
        over = [frame for frame in own.ids if frame not in shared]
        if over:
            line = f"{name}: {counted(len(over), 'clip that is', 'clips that are')} not in all of the runs, such as {over[0]}"
            sheet.skip(source.run.path, source.say(line))


def _curves(sources: Sequence[Source], name: str, store: Store, found: Sequence[SetMaps]) -> dict[str, Chart]:
    """Precision over recall of pixels: of each run, or of a single run's maps with the right and the wrong sound."""
    if sources[0].several:
        asked = [(source.name, own, "") for source, own in zip(sources, found, strict=True)]
    else:
        asked = [(_variant(variant, found[0]), found[0], variant) for variant in found[0].maps]
    shared = set(found[0].ids).intersection(*(own.ids for own in found))
    ids = [frame for frame in found[0].ids if frame in shared]
    curves = {}
    for words, own, variant in asked:
        maps = own.maps[variant]
        # another variant can have other maps, whose classes are unknown
        fits = own.table is not None and own.table.shape[1] == len(maps[ids[0]]) > 1
        curve = pixel_curve(store, ids, maps, own.table if fits else None)
        if curve is not None:
            curves[words] = curve
    chart = pixel_chart(name, curves)
    return {} if chart is None else {"pixels": chart}


def _variant(variant: str, found: SetMaps) -> str:
    if variant == "":
        return "model"
    return (found.deaf if variant == "deaf" else VARIANTS[variant]).lower()


def _result_charts(sources: Sequence[Source], name: str, results: Sequence[Result | None]) -> dict[str, Chart]:
    """Charts of the numbers: against the baselines or of several runs, success, and detection if it is scored."""
    known: dict[str, Mapping[str, Any]] = {}
    known |= {source.name: result for source, result in zip(sources, results, strict=True) if result is not None}
    if not known:
        return {}
    if sources[0].several:
        rows = known
        charts = {"results": runs_chart(name, known)}
    else:
        (only,) = known.values()
        rows = {"model": only}
        charts = {"results": results_chart(name, only)}
    charts["success"] = success_chart(name, {run: result.get("success_curve") or [] for run, result in rows.items()})
    charts["detection"] = detection_chart(name, {run: result.get("per_clip") or [] for run, result in rows.items()})
    return {kind: chart for kind, chart in charts.items() if chart is not None}


def _about(experiment: Experiment, test: TestSet, result: Mapping[str, Any] | None) -> str:
    counts = (result or {}).get("counts", {})
    scored = f"{counts['evaluated']} frames of " if "evaluated" in counts else ""
    dropped = "".join(f", {amount} left out ({reason})" for reason, amount in (counts.get("dropped") or {}).items())
    stage = (result or {}).get("stage") or experiment.number_of(test.stage)
    return f"{scored}{test.split} in {test.store}{dropped}; protocol {test.protocol}; maps of stage {stage}."


def results_of(run: Run, name: str) -> dict[str, Result]:
    """Protocol -> result of a test set."""
    found = {}
    for path in sorted(run.results.glob("*.json")):
        result = read_json(path)
        protocol = result.get("protocol", {}) if isinstance(result, dict) else {}
        known = protocol.get("name", "") if isinstance(protocol, dict) else str(protocol)
        if path.name == f"{name}.{known.replace(':', '.')}.json":
            found[known] = result
    return found
