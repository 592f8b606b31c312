"""How figures are written in every table: fractions in percent, intervals, and the names of baselines."""

from collections.abc import Collection, Sequence

#: baselines of a result are masks; the titles distinguish them from those scored as heat maps, like a method
_MASKS = {"all-ones": "all-ones mask", "centre": "centre mask", "largest object": "largest-object mask"}
_MAPS = {"all ones": "all-ones map", "centre": "centre map", "largest object": "largest-object map"}
_MAPS |= {"saliency": "saliency map", "motion": "motion map"}
#: the metrics that results keep by class, size or flag, in the order of tables; `own_name` gives their names
OF_GROUPS = ("ciou", "locacc", "fscore", "f1", "auc", "cap", "best_iou")


def mask_title(name: str) -> str:
    """The title of a baseline that is a mask, in tables."""
    return _MASKS.get(name, name)


def map_title(name: str) -> str:
    """The title of a comparison of a run, whose heat maps are scored like the model's, in tables."""
    return _MAPS.get(name, name)


def percent(value: float | None, sign: bool = False) -> str:
    """A fraction in percent, with its sign if that is asked for and it is not 0; - if it is undefined."""
    if value is None or value != value:
        return "-"
    shown = round(100 * value, 1) + 0.0  # no -0.0
    return f"{shown:+.1f}" if sign and shown else f"{shown:.1f}"


def ends(pair: Sequence[float] | None) -> str:
    """The ends of an interval in percent; empty if there is none."""
    return "" if pair is None else f"{percent(pair[0])} to {percent(pair[1])}"


def own_name(metrics: Collection[str], name: str) -> str:
    """The name of ``ciou`` and ``locacc``, by which tables of classes and sizes are kept, in a protocol with these metrics:
    ``iou`` and ``iou@0.5`` with one unnamed source, ``iou`` where masks of pixels are compared (``miou``)."""
    if name in metrics:
        return name
    if name == "ciou" and ("miou" in metrics or "miou_set" in metrics):
        return "iou"
    other = {"ciou": "iou", "locacc": "iou@0.5"}.get(name, name)
    return other if other in metrics else name
