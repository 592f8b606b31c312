"""The commands that measure: evaluate, compare, leaderboard, benchmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from avloc.cli.scoring_tables import (
    ends,
    percent,
    show_benchmarks,
    show_comparison,
    show_result,
    show_spread,
    show_worst,
)
from avloc.cli.show import Json, guarded, print_json, progress, table

Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="Metrics to report, as ciou,auc,locacc; ciou stands for ciou@0.3 too."),
]
Resamples = Annotated[int, typer.Option(help="Bootstrap resamples of the intervals; 0 for none.", min=0)]
Seed = Annotated[int, typer.Option(help="Seed of the bootstrap.", min=0)]


def register(app: typer.Typer) -> None:
    for command in (evaluate, compare, leaderboard, benchmarks):
        app.command(command.__name__, rich_help_panel="Scores")(guarded(command))


def evaluate(
    config: Annotated[Path | None, typer.Option(help="The run's configuration, to evaluate a run.")] = None,
    run: Annotated[Path | None, typer.Option(help="The run's folder: score its model on its test sets.")] = None,
    set: Annotated[list[str] | None, typer.Option(help="KEY=VALUE over the configuration; may be repeated.")] = None,
    sets: Annotated[list[str] | None, typer.Option(help="Which of the run's test sets; default: all.")] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="Heat maps of anybody's model: .h5 or .npz with ids and maps, or a folder of ID.npy."),
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option(help="The test set of the predictions; `avloc benchmarks` lists them.")
    ] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="The benchmark's annotation file, or the folder it is in.")
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Boxes of one's own instead: JSON, COCO json, or Pascal VOC xml.")
    ] = None,
    protocol: Annotated[str | None, typer.Option(help="How to score, or `all`; default: the benchmark's.")] = None,
    axis: Annotated[
        list[str] | None, typer.Option(help="NAME=VALUE over the protocol, as resize=bicubic; may be repeated.")
    ] = None,
    metric: Metrics = None,
    ids: Annotated[Path | None, typer.Option(help="A list of clips to restrict to, one id a line.")] = None,
    val_ids: Annotated[
        Path | None, typer.Option(help="Clips on which a threshold is picked; the others are scored.")
    ] = None,
    music_boxes: Annotated[
        str | None, typer.Option(help="xywh, or xyxy-avgn as the release of AVGN reads them.")
    ] = None,
    worst: Annotated[int, typer.Option(help="Also show so many clips with the lowest scores.", min=0)] = 0,
    out: Annotated[Path | None, typer.Option(help="Also write the result as JSON.")] = None,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Score heat maps: a run's on its test sets, or anybody's against a benchmark or boxes of one's own.

    Every published rule has a name (--protocol all shows the spread), and axes
    that can be changed. What blind methods get stands beside every number.
    """
    of_predictions = {
        "benchmark": benchmark, "annotations": annotations, "truth": truth, "protocol": protocol, "axis": axis, "ids": ids,
        "val-ids": val_ids, "music-boxes": music_boxes, "worst": worst, "out": out, "seed": seed,
    }  # fmt: skip
    of_runs = {"config": config, "run": run, "set": set, "sets": sets}
    _refuse_strangers(of_predictions if predictions is None else of_runs, predictions is None)
    if predictions is None:
        _evaluate_run(config, run, set, sets, _names(metric), resamples, json)
        return
    from avloc.verbs.evaluate_predictions import evaluate_predictions

    axes = dict(_pair(text) for text in axis or ())
    found = evaluate_predictions(
        predictions,
        benchmark,
        annotations,
        truth,
        protocol,
        axes,
        _names(metric),
        ids,
        val_ids,
        music_boxes,
        out,
        resamples,
        seed,
    )
    if json:
        print_json(found)
        return
    if len(found.results) > 1:
        show_spread(found)
    for result in found.results.values() if len(found.results) == 1 else ():
        show_result(result)
    if worst:
        show_worst(next(iter(found.results.values())), worst)


def _refuse_strangers(options: dict[str, Any], of_run: bool) -> None:
    """An option that would be ignored is a mistake, such as a forgotten --predictions."""
    from avloc.errors import AvlocError

    for name in (name for name, value in options.items() if value):
        why = (
            "goes with --predictions; a run's configuration says how its test sets are scored (--set changes it)"
            if of_run
            else "is for evaluating a run; with --predictions give --benchmark or --truth"
        )
        raise AvlocError(f"--{name} {why}")


def _names(metric: Sequence[str] | None) -> list[str] | None:
    names = [name for text in metric or () for name in text.split(",") if name.strip()]
    return names or None


def _pair(text: str) -> tuple[str, str]:
    from avloc.errors import ConfigError

    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(f"--axis {text}: expected NAME=VALUE, as resize=bicubic")
    return name.strip().replace("-", "_"), value.strip()


def _evaluate_run(
    config: Path | None, run: Path | None, set: Any, sets: Any, metric: list[str] | None, resamples: int, json: bool
) -> None:
    from avloc.verbs.evaluate import evaluate as evaluate_run

    with progress("evaluate") as shown:
        found = evaluate_run(config, run, set or (), sets or None, metric, resamples, shown)
    if json:
        print_json(found)
        return
    for one in found.sets.values():
        show_result(one.result, one.set)
        rows = []
        for name, comparison in one.comparisons.items():
            for metric_name, difference in comparison.difference.items():
                interval = ends(difference.ci95_by_video)
                other = comparison.metrics[metric_name].value
                rows.append([name, metric_name, percent(other), f"{100 * difference.value:+.1f}", interval])
        if rows:
            table(
                "on the same clips",
                ["comparison", "metric", "its value", "model less it", "95 % by video"],
                rows,
                right=(2, 3, 4),
            )
        print(f"{one.file}\n")


def compare(
    a: Annotated[Path, typer.Argument(help="A result: RUN/results/*.json, or what `avloc evaluate --out` wrote.")],
    b: Annotated[Path, typer.Argument(help="Another, of the same benchmark and protocol.")],
    protocol: Annotated[str | None, typer.Option(help="Which one, where the files hold several.")] = None,
    metric: Metrics = None,
    resamples: Resamples = 2000,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Compare two results on the clips they share: difference, interval, p value."""
    from avloc.verbs.compare import compare

    found = compare(a, b, protocol, _names(metric), resamples, seed)
    if json:
        print_json(found)
        return
    show_comparison(found)


def leaderboard(
    results: Annotated[
        list[Path] | None, typer.Argument(help="Results: RUN/results/*.json, or what `avloc evaluate --out` wrote.")
    ] = None,
    benchmark: Annotated[str | None, typer.Option(help="Only this benchmark.")] = None,
    published: Annotated[bool, typer.Option(help="Also the published figures, with their sources.")] = True,
    metric: Metrics = None,
    format: Annotated[str, typer.Option(help="md or csv.")] = "md",
    json: Json = False,
) -> None:
    """Tables of results beside published figures; a column is one metric under one protocol, never two."""
    from avloc.verbs.leaderboard import leaderboard

    found = leaderboard(results or (), benchmark, published, _names(metric))
    if json:
        print_json(found)
    else:
        print(found.text(format), end="")


def benchmarks(
    name: Annotated[str | None, typer.Argument(help="Only this benchmark, in full.")] = None,
    annotations: Annotated[
        Path | None, typer.Option(help="A folder: say for each benchmark whether its files are there.")
    ] = None,
    convert: Annotated[
        Path | None, typer.Option(help="Write the masks of a distribution, one file each, as this one .npz.")
    ] = None,
    json: Json = False,
) -> None:
    """List the test sets that can be scored, with what each needs on disk."""
    from avloc.verbs.benchmarks import benchmarks

    found = benchmarks(name, annotations, convert)
    if json:
        print_json(found)
        return
    if convert is not None:
        print(f"{convert}: {found[0].clips} masks")
        return
    if name is not None:
        for key, value in found[0].to_json().items():
            print(f"{key.replace('_', ' '):16} {', '.join(value) if isinstance(value, list) else value}")
        return
    show_benchmarks(found, annotations is not None)
