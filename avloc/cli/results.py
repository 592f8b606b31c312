"""The demo's table and claims, for people."""

from typing import TYPE_CHECKING

from avloc.cli.show import table

if TYPE_CHECKING:
    from avloc.protocols.result import Metric
    from avloc.verbs.demo import Demo
    from avloc.verbs.evaluate import SetResult


def show_demo(done: "Demo") -> None:
    for name, result in done.sets.items():
        _show_set(name, result)
    rows = [
        ["yes" if claim.holds else "NO", claim.text, f"{100 * claim.value:+.1f}", _interval(claim.ci95_by_video)]
        for claim in done.claims
    ]
    table(
        "Does it listen? (difference in mean IoU, points)", ["", "claim", "more", "95 % over videos"], rows, right=(2,)
    )
    total = sum(done.seconds.values())
    steps = ", ".join(f"{name} {seconds:.0f}" for name, seconds in done.seconds.items())
    print(f"\n{total:.0f} s: {steps}")
    print(f"open {done.page}")


def _show_set(name: str, result: "SetResult") -> None:
    metrics = list(result.result.metrics)
    rows = [["model", *(_value(result.result.metrics[metric]) for metric in metrics)]]
    for comparison, other in result.comparisons.items():
        rows.append([comparison, *(_value(other.metrics[metric]) for metric in metrics)])
    counts = result.result.counts
    videos = len(result.result.per_video)
    title = f"{name}: {result.result.protocol.name}, {counts['evaluated']} frames of {videos} videos, stage {result.stage}, %"
    table(title, ["", *metrics], rows, right=tuple(range(1, len(metrics) + 1)))
    print()


def _value(metric: "Metric") -> str:
    interval = metric.ci95_by_video or metric.ci95
    return f"{100 * metric.value:.1f}" + (f" {_interval(interval)}" if interval else "")


def _interval(ends: tuple[float, float]) -> str:
    return f"[{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
