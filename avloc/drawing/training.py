"""Charts of a training: its losses and validation metrics by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from avloc.drawing.charts import curves
from avloc.drawing.colours import DARK, LIGHT
from avloc.drawing.markup import Chart

_APART = ("phase", "epoch", "loss", "validation", "seconds")
Lines = dict[str, list[float | None]]


def training_charts(stage: int, log: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Charts by name: ``loss``, and ``validation`` if there are such values; log: an entry per epoch."""
    if not log:
        return {}
    phases = [str(entry.get("phase", "")) for entry in log]
    terms = _names(entry for entry in log)
    losses: Lines = {} if len(terms) == 1 else {"loss": _numbers(log, "loss")}
    losses |= {name: _numbers(log, name) for name in terms}
    checks = [entry.get("validation") or {} for entry in log]
    shares: Lines = {}
    for name in _names(checks, apart=()):
        found = _numbers(checks, name)
        share = name != "loss" and all(value is None or 0 <= value <= 1 for value in found)
        (shares if share else losses)[name if share else f"validation {name}"] = found
    charts = {"loss": _both(f"Stage {stage}: losses", losses, phases)}
    if shares:
        charts["validation"] = _both(f"Stage {stage}: validation (%)", shares, phases, percent=True)
    return charts


def _names(entries: Any, apart: tuple[str, ...] = _APART) -> list[str]:
    found: dict[str, None] = {}
    for entry in entries:
        found |= {name: None for name, value in entry.items() if name not in apart and isinstance(value, int | float)}
    return list(found)


def _numbers(entries: Sequence[Mapping[str, Any]], name: str) -> list[float | None]:
    return [entry[name] if isinstance(entry.get(name), int | float) else None for entry in entries]


def _both(title: str, lines: Lines, phases: list[str], percent: bool = False) -> Chart:
    alt = f"{title} over {len(phases)} epochs (phases {', '.join(dict.fromkeys(phases))}). "
    alt += "; ".join(f"{name} from {_words(values, percent)}" for name, values in lines.items())
    return Chart(curves(title, lines, phases, percent, LIGHT), curves(title, lines, phases, percent, DARK), alt)


def _words(values: Sequence[float | None], percent: bool) -> str:
    found = [value for value in values if value is not None]
    shown = [f"{100 * value:.1f} %" if percent else f"{value:.3f}" for value in (found[0], found[-1])]
    return " to ".join(shown)
