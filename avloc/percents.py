"""How figures are written in every table: fractions in percent, intervals, and the names of baselines."""

from collections.abc import Sequence

#: baselines of a result are masks; the titles distinguish them from those scored as heat maps, like a method
_MASKS = {"all-ones": "all-ones mask", "centre": "centre mask", "largest object": "largest-object mask"}
_MAPS = {"all ones": "all-ones map", "centre": "centre map", "largest object": "largest-object map"}
_MAPS |= {"saliency": "saliency map", "motion": "motion map"}


def mask_title(name: str) -> str:
    """The title of a baseline that is a mask, in tables."""
    return _MASKS.get(name, name)


def map_title(name: str) -> str:
    """The title of a comparison of a run, whose heat maps are scored like the model's, in tables."""
    return _MAPS.get(name, name)


def percent(value: float | None) -> str:
    """A fraction in percent; - if it is undefined."""
    return "-" if value is None or value != value else f"{100 * value:.1f}"


def ends(pair: Sequence[float] | None) -> str:
    """The ends of an interval in percent; empty if there is none."""
    return "" if pair is None else f"{100 * pair[0]:.1f} to {100 * pair[1]:.1f}"
