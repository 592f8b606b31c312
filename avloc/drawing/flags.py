"""Flags for notable properties of one clip's map, by which a report can be filtered."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.choose import Choice
from avloc.drawing.moments import Moment, loudest

#: every flag, in the order of the menu, with its meaning
FLAGS = {
    "best": "among the best of its test set",
    "median": "the median of its test set",
    "worst": "among the worst of its test set",
    "random": "in the random sample",
    "differs": "among the clips on which the runs differ most",
    "score below one half": "its score is lower than 50 %",
    "not scored": "the results have no score for it",
    "peak off target": "the peak of the map is outside the boxes of all sounding objects",
    "peak on a silent object": "the peak is in the box of a silent object, and not in that of a sounding one",
    "same peak with a wrong sound": "with the sound of another video, the peak is at the same place",
    "flat map": "the map is the same everywhere",
    "not finite": "the map has infinite values or NaN",
    "silent object in view": "the frame shows an object of a class that does not sound",
    "several sources": "more than one object sounds",
}


def flags(moment: Moment) -> list[str]:
    """The flags of one run's map of a clip, in the order of FLAGS."""
    heat = loudest(moment.maps[""])
    low, high = _ends(heat)
    found = set(_of_score(moment.choice))
    sources = moment.boxes[moment.sounding]
    if len(sources) > 1:
        found.add("several sources")
    if moment.silent:
        found.add("silent object in view")
    if not np.isfinite(moment.maps[""]).all():
        found.add("not finite")
    if high <= low:
        found.add("flat map")
    elif len(sources) and not _within(_peak(heat), sources):
        silent = moment.boxes[~moment.sounding & (moment.labels >= 0)]
        found.add("peak off target")
        if _within(_peak(heat), silent):
            found.add("peak on a silent object")
    wrong = moment.maps.get("wrong-sound")
    if wrong is not None and high > low and _peak(loudest(wrong)) == _peak(heat):
        found.add("same peak with a wrong sound")
    return [name for name in FLAGS if name in found]


def _of_score(choice: Choice) -> Sequence[str]:
    if choice.score is None:
        return (*choice.kinds, "not scored")
    return (*choice.kinds, "score below one half") if choice.score < 0.5 else choice.kinds


def _ends(heat: NDArray[np.floating]) -> tuple[float, float]:
    finite = heat[np.isfinite(heat)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _peak(heat: NDArray[np.floating]) -> tuple[float, float]:
    """The centre of the highest cell, (x, y) in [0, 1]; of several, the first in row order."""
    height, width = heat.shape
    row, column = divmod(int(np.where(np.isfinite(heat), heat, -np.inf).argmax()), width)
    return (column + 0.5) / width, (row + 0.5) / height


def _within(place: tuple[float, float], boxes: NDArray[np.floating]) -> bool:
    x, y = place
    inside = (boxes[:, 0] <= x) & (x < boxes[:, 2]) & (boxes[:, 1] <= y) & (y < boxes[:, 3])
    return bool(inside.any())
