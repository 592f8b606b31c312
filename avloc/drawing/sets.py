"""A test set's predictions as moments to show, and their figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.choose import Choice, choose, with_extremes
from avloc.drawing.colours import class_colours
from avloc.drawing.moments import VARIANTS, Moment, frame_places, moments
from avloc.drawing.overlays import class_pictures, pictures
from avloc.drawing.panels import Row, panel
from avloc.errors import RunError
from avloc.predictions import Predictions, read_predictions


@dataclass(frozen=True)
class SetMaps:
    """A run's results on a test set: maps, variant -> id -> (K, h, w), and scores by id.

    table: (C, K) bool, which maps belong to which class, None if unknown. deaf: titles of the variants.
    """

    ids: list[str]
    maps: Mapping[str, Mapping[str, NDArray[np.float32]]]
    table: NDArray[np.bool_] | None
    scores: Mapping[str, float]
    deaf: str = VARIANTS["deaf"]


def read_set(store: Store, folder: Path, name: str, per_clip: Sequence[Mapping[str, Any]], again: str) -> SetMaps:
    """The maps of a test set in `folder`: ``<name>.h5`` and its variants.

    per_clip: entries of a result with ``id`` and ``ciou``. again: the command that writes the predictions, named if
    they do not fit (RunError).
    """
    files = {variant: folder / f"{name}{variant and f'.{variant}'}.h5" for variant in VARIANTS}
    found = {variant: read_predictions(path) for variant, path in files.items() if path.exists()}
    places, ids = frame_places(store), found[""].ids
    strange = [frame for frame in ids if frame not in places]
    if strange or not ids:
        what = f"{strange[0]}, which {store.path} does not" if strange else "no frame"
        raise RunError(f"{files['']} holds {what}; `{again}` writes it again")
    for variant, part in found.items():
        lacking = sorted(set(ids) - set(part.ids))
        if lacking:
            raise RunError(f"{files[variant]} lacks {lacking[0]}, which {files['']} has; `{again}` writes both again")
    maps = {variant: dict(zip(part.ids, part.maps, strict=True)) for variant, part in found.items()}
    table = class_table(found[""], store.classes)
    scores = {row["id"]: row["ciou"] for row in per_clip if row.get("ciou") is not None}
    # the names that `evaluate` gives them
    deaf = str(found["deaf"].attributes.get("variant", VARIANTS["deaf"])) if "deaf" in found else VARIANTS["deaf"]
    return SetMaps(list(ids), maps, table, scores, deaf[:1].upper() + deaf[1:])


def choose_clips(store: Store, sets: Sequence[SetMaps], clips: int, extremes: int, seed: int) -> list[Choice]:
    """Clips that all of `sets`, one for each run, contain: see `choose` and `with_extremes`; scores are the first run's."""
    first, *others = sets
    shared = set(first.ids).intersection(*(other.ids for other in others))
    ids, places = [name for name in first.ids if name in shared], frame_places(store)
    chosen = choose(ids, [store.videos[places[name][0]] for name in ids], first.scores, clips, seed)
    spread = None
    if others:
        scored = [name for name in ids if all(name in one.scores for one in sets)]
        spread = {name: float(np.ptp([one.scores[name] for one in sets])) for name in scored}
    return with_extremes(chosen, ids, first.scores, extremes, spread)


def set_moments(store: Store, found: SetMaps, chosen: Sequence[Choice]) -> list[Moment]:
    """The chosen clips with the maps and scores of one run."""
    own = [replace(choice, score=found.scores.get(choice.id)) for choice in chosen]
    return moments(store, frame_places(store), own, found.maps, found.table, found.deaf)


def class_table(found: Predictions, classes: Sequence[str]) -> NDArray[np.bool_] | None:
    """(C, K), which maps belong to which of the classes: from the predictions, or by the names of their maps."""
    amount = found.maps.shape[1]
    if found.assignment is not None and found.assignment.shape == (len(classes), amount):
        return np.asarray(found.assignment) > 0
    if found.classes is not None and amount > 1 and set(found.classes) & set(classes):
        return np.array([[name == own for name in found.classes] for own in classes], bool)
    return None


def set_figures(name: str, title: str, shown: Sequence[Moment]) -> dict[str, bytes]:
    """PNGs: ``<name>.panels`` and, if the maps have classes, ``<name>.classes``."""
    rows = [Row(row_heading(moment), pictures(moment)) for moment in shown]
    figures = {f"{name}.panels": panel(title, rows)}
    if shown[0].assignment is not None:
        classes = shown[0].classes
        both = zip(rows, shown, strict=True)
        rows = [Row(row.heading, [row.pictures[1], *class_pictures(moment)]) for row, moment in both]
        legend = list(zip(classes, class_colours(len(classes)), strict=True))
        figures[f"{name}.classes"] = panel(f"{title}: maps of classes", rows, legend)
    return figures


def heading(moment: Moment) -> str:
    """``Best, score 83.1 %``."""
    score = "not scored" if moment.choice.score is None else f"score {100 * moment.choice.score:.1f} %"
    return f"{moment.choice.why.capitalize()}, {score}"


def row_heading(moment: Moment) -> str:
    """The same with the frame's id."""
    return f"{heading(moment)}   {moment.choice.id}"
