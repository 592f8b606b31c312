"""Tables of results for people: values in percent, with intervals and what blind methods get."""

from typing import Any

import typer

from avloc.cli.show import table


def show_result(result: Any, title: str = "") -> None:
    counts = result.counts
    dropped = "".join(f", {number} left out: {reason}" for reason, number in counts["dropped"].items())
    heading = f"{title or result.benchmark or 'own truth'} by {result.protocol.label}"
    print(f"{heading}: {counts['evaluated']} of {counts['requested']} clips{dropped}")
    blind = list(result.baselines)
    rows = []
    for name, metric in result.metrics.items():
        of_blind = [percent(result.baselines[kind].get(name)) for kind in blind]
        rows.append([name, percent(metric.value), ends(metric.ci95), ends(metric.ci95_by_video), *of_blind])
    columns = ["metric", "%", "95 % over clips", "95 % over videos", *blind]
    table("", columns, rows, right=tuple(range(1, len(columns))))
    kinds = result.extra.get("negative_sound", {})
    if kinds:
        rows = [[k, v["clips"], percent(v["auroc"]), percent(v["false_alarm_rate"])] for k, v in kinds.items()]
        table(
            "sounds that nothing in view makes", ["sound", "clips", "AUROC %", "false alarms %"], rows, right=(1, 2, 3)
        )
    for line in result.warnings:
        typer.echo(f"note: {line}", err=True)


def show_spread(found: Any) -> None:
    """One line a protocol: the metrics that most of them share."""
    columns = list(dict.fromkeys(name for result in found.results.values() for name in result.metrics))
    shared = sorted(columns, key=lambda name: -sum(name in result.metrics for result in found.results.values()))[:6]
    rows = [
        [name, result.counts["evaluated"], *(percent(_value(result, column)) for column in shared)]
        for name, result in found.results.items()
    ]
    table("the same heat maps, in %", ["protocol", "clips", *shared], rows, right=tuple(range(1, len(shared) + 2)))
    for name, reason in found.left_out.items():
        typer.echo(f"note: {name} left out: {reason}", err=True)


def _value(result: Any, name: str) -> float | None:
    return result.metrics[name].value if name in result.metrics else None


def show_worst(result: Any, amount: int) -> None:
    scored = sorted((row for row in result.per_clip if row.get("ciou") is not None), key=lambda row: row["ciou"])
    rows = [[row["id"], percent(row["ciou"]), row["video"]] for row in scored[:amount]]
    table("lowest scores", ["clip", "cIoU %", "video"], rows, right=(1,))


def percent(value: float | None) -> str:
    return "-" if value is None or value != value else f"{100 * value:.1f}"


def ends(pair: Any) -> str:
    return "" if pair is None else f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}"
