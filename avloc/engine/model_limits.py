"""What a model cannot do, as far as its data and its stored results show."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from avloc.engine.experiment import Experiment

if TYPE_CHECKING:
    from avloc.data.store import Store

FEW = 20  # photographs or recordings per class; with fewer, a model has seen little of its variety
LOW = 0.8  # AUROC below which a kind of absent sound is named
SHOWN = ("ciou", "iou", "locacc", "iou@0.5", "auc", "map", "nsa")  # metrics of the card, if a protocol has them
COMPARED = ("wrong sound", "largest object", "saliency")


def limits(
    experiment: Experiment,
    store: "Store | None",
    counts: Mapping[str, Mapping[str, int]],
    results: list[dict[str, Any]],
) -> list[str]:
    """The section of the card about what the model cannot do, and what is unknown."""
    from avloc.data.origin import origin_of

    lines = ["## What it cannot do", ""]
    origin = "" if store is None else origin_of(store.settings)
    if counts:
        lines.append(f"* It was trained on {len(counts)} classes. Its maps for any other sound are a guess.")
    if origin == "synthetic":
        lines.append(
            "* It was trained on drawn pictures and synthetic sounds, so its maps of real videos mean nothing."
        )
    if origin == "composed":
        lines.append(
            "* It was trained on objects pasted into pictures. Whether that transfers to real videos was not tested."
        )
        lines.append("* Scenes share photographs and recordings, so the intervals are too narrow.")
    few = {
        name: [f"{one[kind]} {kind}" for kind in ("photographs", "recordings") if one.get(kind, FEW) < FEW]
        for name, one in counts.items()
    }
    for name, found in few.items():
        if found:
            lines.append(f"* {name}: {' and '.join(found)} are few for training.")
    same = [one["set"] for one in results if store is not None and _of_store(experiment, one["set"], store)]
    if results and len(same) == len(results):
        lines.append(
            "* All test sets come from the store that it was trained on; data from other sources was not tested."
        )
    kinds = [(one["set"], kind, found) for one in results for kind, found in one.get("negative_sound", {}).items()]
    for name, kind, found in kinds:
        if found["auroc"] < LOW:
            lines.append(f"* {name}: it often does not notice that nothing in view makes the sound ({kind}).")
    if not kinds:
        lines.append("* Whether its maps stay low for sounds that nothing in view makes was not measured.")
    blind = [
        (one["set"], kind)
        for one in results
        for kind in COMPARED
        for name in [next((name for name in SHOWN if name in one["metrics"]), "")]
        if not _clearly_above(one, kind, name)
    ]
    for name, kind in blind:
        lines.append(f"* {name}: it is not significantly better than {_baseline(kind)}.")
    return lines


def _clearly_above(result: Mapping[str, Any], kind: str, metric: str) -> bool:
    """Whether the interval of the difference is above zero; also True if there is no interval."""
    found = result.get("comparisons", {}).get(kind, {}).get("difference", {}).get(metric)
    ends = (found or {}).get("ci95_by_video")
    return ends is None or ends[0] > 0


def _baseline(kind: str) -> str:
    names = {
        "wrong sound": "itself with a wrong sound",
        "largest object": "always choosing the largest object (using its ground-truth box)",
    }
    return names.get(kind, f"colour {kind}")


def _of_store(experiment: Experiment, name: str, store: "Store") -> bool:
    test = experiment.evaluate.get(name)
    return test is not None and test.store.name == store.path.name
