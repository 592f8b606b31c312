"""Claims that a demo checks: they only hold for a model that sees, hears and distinguishes objects."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: text, test set, metric, and the baseline that the model must beat
CLAIMS = (
    ("on pairs it finds the one of two instruments that sounds, better than the centre", "pair", "iou", "centre"),
    ("... better than saliency", "pair", "iou", "saliency"),
    ("... better than the largest object, whose box is given", "pair", "iou", "largest object"),
    ("... and loses it when it hears another sound", "pair", "iou", "wrong sound"),
    (
        "on mosaics it tells sounding from silent objects, better than its own maps without sound",
        "mosaic",
        "ciou",
        "without sound",
    ),
    ("... and loses them when it hears other sounds", "mosaic", "ciou", "wrong sound"),
    ("... and stage two adds to stage one with the dictionary", "mosaic", "ciou", "stage one"),
)
REAL_CLAIMS = (
    ("on pairs it finds the one of two objects that sounds, better than the centre", "pair", "ciou", "centre"),
    ("... better than saliency", "pair", "ciou", "saliency"),
    ("... better than the largest object, whose box is given", "pair", "ciou", "largest object"),
    ("... and loses it when it hears another sound", "pair", "ciou", "wrong sound"),
    (
        "in one picture it finds each of two objects by its sound, better than the largest",
        "interactive",
        "ciou",
        "largest object",
    ),
    ("... and loses them when it hears other sounds", "interactive", "ciou", "wrong sound"),
)


@dataclass(frozen=True)
class Claim:
    """A claim of the demo: the model has a higher metric than a baseline that hears nothing, or less.

    value, ci95_by_video: of the difference; holds: whether its interval is above zero.
    """

    text: str
    set: str
    metric: str
    than: str
    value: float
    ci95_by_video: tuple[float, float]
    holds: bool


def claims_of(sets: Mapping[str, Any], real: bool = False) -> list[Claim]:
    """From results by test set, as `avloc evaluate` returns them; claims that do not hold are included."""
    claims = []
    for text, name, metric, than in REAL_CLAIMS if real else CLAIMS:
        difference = sets[name].comparisons[than].difference[metric]
        assert difference.ci95_by_video is not None  # evaluate resamples by default
        low, high = difference.ci95_by_video
        claims.append(Claim(text, name, metric, than, difference.value, (low, high), low > 0))
    return claims
