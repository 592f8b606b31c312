"""Shows the results of commands that train or try a training."""

from datetime import timedelta
from typing import TYPE_CHECKING

from avloc.cli.show import say, table

if TYPE_CHECKING:
    from avloc.engine.rehearsing import PhaseRehearsed
    from avloc.engine.rehearsing_stage import Rehearsed
    from avloc.engine.training import Trained


def show_training(done: "Trained | Rehearsed") -> None:
    from avloc.engine.rehearsing_stage import Rehearsed

    if isinstance(done, Rehearsed):
        show_rehearsed(done)
    else:
        show_trained(done)


def show_trained(trained: "Trained") -> None:
    rows = []
    for phase, entry in trained.last.items():
        judged = "  ".join(f"{name} {value:.3f}" for name, value in entry["validation"].items())
        rows.append([phase, entry["epoch"], f"{entry['loss']:.4f}", judged, trained.weights[phase]])
    table("", ["phase", "epoch", "loss", "validation", "weights"], rows, right=(1, 2))
    epochs = "1 epoch" if trained.epochs == 1 else f"{trained.epochs} epochs"
    say(f"{trained.run}: stage {trained.stage}, {epochs} in {trained.seconds:.0f} s")


def show_rehearsed(tried: "Rehearsed") -> None:
    rows = [
        [
            one.phase,
            one.epochs,
            one.steps,
            f"{one.seconds:.3f}",
            f"{one.validation:.1f}",
            f"{one.before:.0f}" if one.before else "",
            clock(one.total),
        ]
        for one in tried.phases
    ]
    heads = ["phase", "epochs", "steps per epoch", "seconds per step", "validation, s", "preparing, s", "in all"]
    table("", heads, rows, right=(1, 2, 3, 4, 5, 6))
    if any(one.shares for one in tried.phases):
        _show_shares(tried.phases)
    for name, one in tried.sets.items():
        scored = "scored" if one.scored else "not scored: its protocol needs classes or clusters"
        say(
            f"{name}: maps {' x '.join(map(str, one.maps))}, {scored}; the model's maps of all frames take {one.seconds:.0f} s"
        )
    for note in tried.notes:
        say(f"note: {note}")
    called = {"processor": "memory", "GPU": "GPU memory"}
    held = ", ".join(f"{2**-30 * size:.2f} GiB of {called[name]}" for name, size in tried.memory.items())
    say(f"{tried.run}: stage {tried.stage} on {tried.device} will take about {clock(tried.seconds)} and {held}")
    traces = [one.trace for one in tried.phases if one.trace is not None]
    for trace in traces:
        say(f"open {trace} in chrome://tracing or ui.perfetto.dev")
    say("this was a profile; only the traces were saved" if traces else "this was a dry run; nothing was saved")


def _show_shares(phases: "list[PhaseRehearsed]") -> None:
    parts = list(phases[0].shares)
    rows = [[one.phase, *(f"{100 * one.shares[part]:.0f}" for part in parts)] for one in phases]
    table("share of a step, %", ["phase", *parts], rows, right=tuple(range(1, len(parts) + 1)))


def clock(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
