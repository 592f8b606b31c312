"""Shows the results of commands that work in a run, and the demo's table and claims."""

from typing import TYPE_CHECKING, Annotated

from avloc.cli.show import say, table
from avloc.cli.show_scores import show_hearing
from avloc.percents import map_title, percent

if TYPE_CHECKING:
    from avloc.engine.set_results import SetResult
    from avloc.scoring.result import Metric
    from avloc.verbs.card import ModelCard
    from avloc.verbs.cluster import Clustered
    from avloc.verbs.demo import Demo
    from avloc.verbs.import_weights import Imported
    from avloc.verbs.match_clusters import Matched
    from avloc.verbs.visualize import Visualized


def show_clusters(found: "Clustered") -> None:
    quality = "" if found.nmi is None else f", NMI {found.nmi:.3f} and purity {found.purity:.3f} with the true classes"
    say(f"{found.run}: {found.clips} clips in {found.clusters} clusters of {', '.join(map(str, found.sizes))}{quality}")


def show_matching(matched: "Matched") -> None:
    rows = [[name, ", ".join(map(str, clusters))] for name, clusters in matched.classes.items()]
    table("", ["class", "clusters"], rows)
    say(f"{matched.run}: agreement {matched.score:.3f} of {len(matched.classes)}, purity {matched.purity:.3f}")
    for doubt in matched.doubts:
        say(f"please check: {doubt}")


def matching_failed(
    matched: "Matched",
    *,
    strict: Annotated[bool, "exit with status 1 unless the match is one-to-one and without doubts"] = False,
) -> bool:
    return strict and bool(matched.doubts)


def show_drawn(drawn: "Visualized") -> None:
    for figure in drawn.figures:
        say(figure)
    say(f"open {drawn.report}")


def show_card(found: "ModelCard") -> None:
    say(found.text)
    say(found.file)


def show_imported(imported: "Imported") -> None:
    clusters = f" with {imported.clusters} clusters" if imported.clusters else ""
    say(f"{imported.run}: {imported.method} stage {imported.stage}{clusters} in {imported.weights}")


def show_demo(done: "Demo") -> None:
    for name, result in done.sets.items():
        _show_set(name, result)
        if done.real:
            show_hearing(result.result.extra)
            say()
    verdicts = ["too small" if done.tiny else "yes" if claim.holds else "NO" for claim in done.claims]
    rows = [
        [verdict, claim.text, percent(claim.value, True), _interval(claim.ci95_by_video)]
        for verdict, claim in zip(verdicts, done.claims, strict=True)
    ]
    title = "Does it use the sound? (difference in mean IoU, points)"
    if done.tiny:
        title = "Does it use the sound? Too few clips to tell; run `avloc demo` (difference in mean IoU, points)"
    table(title, ["", "claim", "more", "95 % over videos"], rows, right=(2,))
    total = sum(done.seconds.values())
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in done.seconds.items())
    say(f"\n{total:.0f} s: {steps}")
    say(f"open {done.page}")


def _show_set(name: str, result: "SetResult") -> None:
    metrics = list(result.result.metrics)
    rows = [["model", *(_value(result.result.metrics[metric]) for metric in metrics)]]
    for comparison, other in result.comparisons.items():
        rows.append([map_title(comparison), *(_value(other.metrics[metric]) for metric in metrics)])
    counts = result.result.counts
    videos = len(result.result.per_video)
    title = f"{name}: {result.result.protocol.name}, {counts['evaluated']} frames of {videos} videos, stage {result.stage}, %"
    table(title, ["", *metrics], rows, right=tuple(range(1, len(metrics) + 1)))
    say()


def _value(metric: "Metric") -> str:
    interval = metric.interval
    return f"{100 * metric.value:.1f}" + (f" {_interval(interval)}" if interval else "")


def _interval(ends: tuple[float, float]) -> str:
    return f"[{percent(ends[0])}, {percent(ends[1])}]"
