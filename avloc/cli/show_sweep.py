"""Shows the results of `avloc run` and `avloc sweep`."""

from typing import TYPE_CHECKING

from avloc.cli.show import say, table
from avloc.cli.show_training import clock, show_rehearsed
from avloc.percents import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from avloc.engine.sweep_table import Setting, Spread
    from avloc.verbs.run import Ran, RunRehearsed
    from avloc.verbs.sweep import Swept

MOST = 6  # metrics of a test set per line


def show_ran(ran: "Ran | RunRehearsed") -> None:
    from avloc.verbs.run import RunRehearsed

    if isinstance(ran, RunRehearsed):
        _show_tried(ran)
        return
    rows = [[step.command, step.state, f"{step.seconds:.0f}"] for step in ran.steps]
    table("", ["step", "", "seconds"], rows, right=(2,))
    for name, result in ran.results.items():
        figures = [f"{metric} {percent(value)}" for metric, value in result["metrics"].items()]
        more = ", ..." if len(figures) > MOST else ""
        say(f"{name} ({result['protocol']['name']}, %): {', '.join(figures[:MOST])}{more}")
    say(ran.run)


def _show_tried(tried: "RunRehearsed") -> None:
    for number, one in tried.stages.items():
        say(f"stage {number}")
        show_rehearsed(one)
        say()
    rows = [[command, "would be skipped" if state == "skip" else "to do"] for command, state in tried.steps.items()]
    table("", ["step", ""], rows)
    say(f"{tried.run}: training will take about {clock(tried.seconds)}")


def show_swept(swept: "Swept") -> None:
    if swept.commands:
        for command in swept.commands:
            say(command)
        return
    if swept.settings:
        _table(swept)
    for name, why in swept.failed.items():
        say(f"failed: {name}: {why}")
    if swept.missing:
        say(f"not finished: {', '.join(swept.missing)}")
    say(_verdict(swept))
    say(swept.file)


def _table(swept: "Swept") -> None:
    rows = swept.settings
    shown = _shown(rows, swept.metric)
    figure = swept.best.figure if swept.best else ""
    heads = [
        "setting",
        "seeds",
        *([f"validation {figure}"] if figure else []),
        *(f"{name} {one}, %" for name, one in shown),
    ]
    lines = []
    for row in rows:
        line = [_setting(row.settings), str(len(row.seeds))]
        if figure:
            line.append(_spread(row.validation, 1, 3))
        for name, one in shown:
            line.append(_spread(row.test.get(name, {}).get(one), 100, 1))
        lines.append(line)
    table("mean ± standard deviation over seeds [95 % interval of the mean]", heads, lines, right=(1,))


def _shown(rows: "list[Setting]", wanted: "Sequence[str]") -> list[tuple[str, str]]:
    """Test sets and metrics of the table, in the order of scoring."""
    every = dict.fromkeys((name, metric) for row in rows for name, metrics in row.test.items() for metric in metrics)
    if wanted:
        return [(name, metric) for name, metric in every if {metric, metric.partition("@")[0]} & set(wanted)]
    first: dict[str, str] = {}
    for name, metric in every:
        first.setdefault(name, metric)
    return list(first.items())


def _setting(settings: "Sequence[str]") -> str:
    return ", ".join(settings) or "as configured"


def _spread(spread: "Spread | None", factor: float, digits: int) -> str:
    if spread is None:
        return "-"
    text = f"{factor * spread.mean:.{digits}f}"
    if spread.std is not None:
        text += f" ± {factor * spread.std:.{digits}f}"
    if spread.ci95 is not None:
        text += f" [{factor * spread.ci95[0]:.{digits}f}, {factor * spread.ci95[1]:.{digits}f}]"
    return text


def _verdict(swept: "Swept") -> str:
    best = swept.best
    if best is None:
        return f"no best setting: {swept.no_best}"
    text = f"best by validation {best.figure}: {_setting(best.settings)}"
    if best.ahead is None:
        return text
    more = _spread(best.ahead, 1, 3)
    clear = best.ahead.ci95 is not None and best.ahead.ci95[0] > 0
    doubt = "" if clear else "; with these seeds the difference is not significant"
    return f"{text}; better than {_setting(best.next)} by {more}, seed by seed{doubt}"


def sweep_failed(swept: "Swept") -> bool:
    return bool(swept.failed)
