"""Tables of results for people: values in percent, with intervals and baselines."""

import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from avloc.cli.show import console, say, table
from avloc.cli.show_sounds import show_hearing, show_sounding
from avloc.naming import MESSAGE, brief, counted, printable
from avloc.options import RETRIEVAL, Ask
from avloc.percents import OF_GROUPS, ends, map_title, mask_title, own_name, percent

if TYPE_CHECKING:
    from avloc.verbs.benchmarks import Listed
    from avloc.verbs.compare import Compared
    from avloc.verbs.evaluate import Evaluated
    from avloc.verbs.evaluate_predictions import Scoring
    from avloc.verbs.leaderboard import Leaderboard

_COLUMNS = 6  # metrics of a protocol side by side in a table of 100 characters
#: what results have in common, whatever their protocol, or only one of them has
_OF_ALL = (RETRIEVAL, "negatives", "frames_with_other_sounds")


Worst = Annotated[int, "also show this many clips with the lowest scores", Ask(least=0)]
By = Annotated[
    Literal["class", "size", "flag"] | None,
    "also show the scores of each class, by the size of what sounds, or by flag (VGGSounder, AVATAR); lowest first",
]


def show_evaluated(found: "Evaluated", *, worst: Worst = 0, by: By = None) -> None:
    for one in found.sets.values():
        show_result(one.result, one.set)
        if by:
            show_groups(one.result, by)
        rows = []
        for name, comparison in one.comparisons.items():
            for metric, difference in comparison.difference.items():
                other = percent(comparison.metrics[metric].value)
                rows.append(
                    [map_title(name), metric, other, percent(difference.value, True), ends(difference.ci95_by_video)]
                )
        if rows:
            columns = ["baseline", "metric", "baseline %", "difference", "95 % over videos"]
            table("on the same clips", columns, rows, right=(2, 3, 4))
        if one.sounding is not None:
            show_sounding(one.sounding)
        if worst:
            show_worst(one.result, worst)
        say(f"{one.file}\n")


def show_scoring(found: "Scoring", *, worst: Worst = 0, by: By = None) -> None:
    if len(found.results) > 1 and any(result.metrics for result in found.results.values()):
        show_spread(found)
    else:
        show_result(next(iter(found.results.values())))
    for result in found.results.values() if by else ():
        show_groups(result, by)
    if worst:
        show_worst(next(iter(found.results.values())), worst)


def show_result(result: Any, title: str = "") -> None:
    extra = result.extra
    if not result.metrics and RETRIEVAL in extra:  # it depends on no protocol
        extra = {name: extra[name] for name in _OF_ALL if name in extra}
        say(f"{title or result.benchmark or 'own ground truth'}: retrieval")
    else:
        say(result.heading(title))
    blind = list(result.baselines)
    rows = []
    for name, metric in result.metrics.items():
        of_blind = [percent(result.baselines[kind].get(name)) for kind in blind]
        rows.append([name, percent(metric.value), ends(metric.interval), *of_blind])
    if rows:
        _filled("", ["metric", "%", f"95 % over {result.resampled}", *map(mask_title, blind)], rows)
    for groups, kind in ((result.per_class, "class"), (result.per_video, "video")):
        macro = {own_name(result.metrics, k): v for k, v in result.macro.get(f"by_{kind}", {}).items()}
        means = {k: v for k, v in macro.items() if k in result.metrics}
        if means and 1 < len(groups) < result.counts["evaluated"]:
            plural = "classes" if kind == "class" else "videos"
            say(f"mean over {len(groups)} {plural}: {', '.join(f'{k} {percent(v)}' for k, v in means.items())}")
    show_hearing(extra)
    notes(result.warnings)


def show_groups(result: Any, by: str | None) -> None:
    """A line for each class, for each size of the sounding object, or for each part of the set that a flag marks."""
    of_kind = {"class": result.per_class, "size": result.by_size, "flag": result.by_part}[by or "class"]
    groups = {name: own for name, own in of_kind.items() if own["clips"]}
    if not groups:
        say(f"{result.protocol.label} has no scores by {by}")
        return
    known = [one for one in OF_GROUPS if any(one in own for own in groups.values())]
    rows = [
        [name, own["clips"], *(percent(own.get(metric)) for metric in known)]
        for name, own in sorted(groups.items(), key=lambda one: one[1].get(known[0], 0.0))
    ]
    columns = [by or "", "clips", *(own_name(result.metrics, metric) for metric in known)]
    table(f"by {by}, {result.protocol.label}, in %", columns, rows, right=tuple(range(1, len(columns))))


def _filled(title: str, columns: list[str], rows: list[list[Any]]) -> None:
    """A table of numbers without columns that are empty throughout."""
    kept = [place for place in range(len(columns)) if place < 2 or any(row[place] for row in rows)]
    shown = [[row[place] for place in kept] for row in rows]
    table(title, [columns[place] for place in kept], shown, right=tuple(range(1, len(kept))))


def show_spread(found: Any) -> None:
    """One line per protocol: the metrics that most share, at least one each; then the blind baselines by one of them."""
    from avloc.scoring.baselines import half_area
    from avloc.scoring.task import UNJUDGED

    results = found.results
    shared = list(dict.fromkeys(name for result in results.values() for name in result.metrics))
    shared.sort(key=lambda name: -sum(name in result.metrics for result in results.values()))
    shared, others = shared[:_COLUMNS], shared[_COLUMNS:]
    for result in results.values():
        if result.metrics and not set(shared) & set(result.metrics):
            shared.append(next(name for name in others if name in result.metrics))
    rows = [
        [name, result.counts["evaluated"], *(percent(_value(result, column)) for column in shared)]
        for name, result in results.items()
    ]
    reference = next((r for r in results.values() if half_area(r.protocol)), next(iter(results.values())))
    rows += [
        [f"{mask_title(kind)} ({reference.protocol.name})", "", *(percent(values.get(column)) for column in shared)]
        for kind, values in reference.baselines.items()
    ]
    say(f"the same heat maps for {next(iter(results.values())).benchmark or 'own ground truth'}, in %")
    table("", ["protocol", "clips", *shared], rows, right=tuple(range(1, len(shared) + 2)))
    extra: dict[str, Any] = {}
    for result in results.values():
        extra = result.extra | extra
    show_hearing({name: extra[name] for name in _OF_ALL if name in extra})
    common = [set(result.warnings) for result in results.values()]
    notes(line for line in next(iter(results.values())).warnings if all(line in lines for lines in common))
    unfit = {name: one.counts[UNJUDGED] for name, one in results.items() if UNJUDGED in one.counts}
    if unfit:
        what = "maps of two values (masks), which these protocols cannot judge because pixels tie at their threshold"
        notes([f"{counted(max(unfit.values()), 'clip has', 'clips have')} {what}: {', '.join(unfit)}"])
    reasons: dict[str, list[str]] = {}
    for name, reason in found.left_out.items():
        reasons.setdefault(reason.removeprefix(f"protocol {name}").lstrip(": "), []).append(name)
    notes(f"left out: {', '.join(names)}: {reason}" for reason, names in reasons.items())


def _value(result: Any, name: str) -> float | None:
    return result.metrics[name].value if name in result.metrics else None


def show_worst(result: Any, amount: int) -> None:
    scored = [row for row in result.per_clip if row.get("ciou") is not None]
    scored.sort(key=lambda row: (row.get("missing", False), row["ciou"]))  # an existing map tells more
    if not scored:
        notes([f"{result.protocol.name} gives no score to single clips"])
        return
    rows = [
        [row["id"], percent(row["ciou"]), row["video"] + (", no prediction" if row.get("missing") else "")]
        for row in scored[:amount]
    ]
    say(f"lowest scores by {result.protocol.name}")
    score = "IoU" if own_name({*result.metrics, *result.protocol.report}, "ciou") == "iou" else "cIoU"
    table("", ["clip", f"{score} %", "video"], rows, right=(1,))


def show_comparison(found: "Compared") -> None:
    heading = f"{found.benchmark or 'own ground truth'} by {found.protocol}"
    say(f"{heading}: {found.shared} shared clips, {found.only_a} only in A, {found.only_b} only in B")
    rows = []
    for name, d in found.metrics.items():
        values = [percent(d.a), percent(d.b), f"{100 * d.difference:+.2f}"]
        rows.append([name, *values, ends(d.ci95_by_video or d.ci95), "" if d.p is None else f"{d.p:.4f}"])
    over = "videos" if any(d.ci95_by_video for d in found.metrics.values()) else "clips"
    _filled("", ["metric", "A %", "B %", "A - B", f"95 % over {over}", "p"], rows)
    say(f"A is higher on {found.better_a} clips, B on {found.better_b}")


def show_leaderboard(
    found: "Leaderboard",
    *,
    format: Annotated[Literal["md", "csv", "tex"], "Markdown tables, one line per number, or LaTeX"] = "md",
) -> None:
    say(found.text(format), end="")


def show_benchmarks(
    found: "list[Listed]", *, name: str | None = None, annotations: Path | None = None, convert: Path | None = None
) -> None:
    """One line per benchmark with the files it needs; one benchmark in full; or what was converted."""
    if convert is not None:
        say(f"{convert}: {found[0].clips} masks")
    elif name is not None:
        for key, value in found[0].to_json().items():
            say(f"{key.replace('_', ' '):16} {', '.join(value) if isinstance(value, list) else value}")
    else:
        _list_benchmarks(found, looked=annotations is not None)


def _list_benchmarks(found: "list[Listed]", looked: bool) -> None:
    screen = console()
    width = max(min(screen.width, 110), 20) if screen.is_terminal else 10**6
    say(f"{'benchmark':28}{'clips':>6}{'here':>11}  protocol" if looked else f"{'benchmark':28}{'clips':>6}  protocol")
    for one in found:
        about = one.benchmark
        here = "" if not looked else one.clips if one.clips is not None else "not there" if one.missing else "broken"
        say(f"{about.name:28}{about.clips or '':>6}{here:>{11 * looked}}  {about.protocol}")
        for line in (about.title, f"needs {about.needs}"):
            say(textwrap.fill(line, width, initial_indent="    ", subsequent_indent="      "))
    notes(f"{one.benchmark.name}: {one.problem}" for one in found if one.problem and not one.missing)


def notes(lines: Iterable[str]) -> None:
    """Lines on stderr."""
    for line in lines:
        typer.echo(f"note: {brief(printable(line), MESSAGE)}", err=True)
