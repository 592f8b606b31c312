"""Scores a file of predictions: its maps, the arrays with them, the original boxes, and other sounds."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from avloc.annotations.truth import Truth
from avloc.errors import ConfigError, DataError
from avloc.naming import counted, some
from avloc.predicted_arrays import NEGATIVES, VECTORS
from avloc.predicted_boxes import rounded_maps
from avloc.predictions import Predictions
from avloc.protocols.protocol import Protocol
from avloc.scoring.result import Result
from avloc.scoring.retrieval import LEAST, retrieval
from avloc.scoring.score_maps import score, score_all

UNIVERSAL = "vssl-eval"


def score_predictions(
    protocols: Sequence[Protocol],
    given: Predictions,
    truth: Truth,
    kinds: Sequence[str] = (),
    resamples: int = 2000,
    seed: int = 0,
    thresholds: Mapping[str, float] | None = None,
) -> tuple[dict[str, Result], dict[str, str]]:
    """Results by protocol, and why others are left out. kinds: other sounds, for which the predictions must have maps.
    thresholds: shared by all clips, if they were chosen on other clips.

    A protocol for the boxes of language models draws the boxes of a file itself.
    """
    others = {kind: given.negative_maps[kind] for kind in kinds}
    found: dict[str, Result] = {}
    left_out: dict[str, str] = {}
    unions = [one for one in protocols if one.unit == "union" and given.boxes]
    rest = [one for one in protocols if one not in unions]
    for chosen, with_boxes in ((rest, False), (unions, True)):
        if chosen:
            maps = rounded_maps(given.boxes or []) if with_boxes else maps_of(given)
            named = with_maps(given, truth) | {"negative_maps": others or None, "thresholds": thresholds}
            results, other = score_all(maps, truth, protocols=chosen, **named, resamples=resamples, seed=seed)
            found |= results
            left_out |= other
    results = {one.name: found[one.name] for one in protocols if one.name in found}
    if others and results:
        named = with_maps(given, truth)
        with_other_sounds(
            results.values(),
            maps_of(given),
            truth,
            named | {"negative_maps": others, "thresholds": thresholds, "seed": seed},
        )
    return results, left_out


def with_other_sounds(results: Iterable[Result], maps: Any, truth: Truth, named: dict[str, Any]) -> None:
    """Add the scores with other sounds to each result, by the protocol vssl-eval. named: further arguments of `score`."""
    todo = [result for result in results if "negatives" not in result.extra]
    if not todo:
        return
    own = score(UNIVERSAL, maps, truth, **named, resamples=0)
    for result in todo:
        result.extra["negatives"] = own.extra["negatives"]
        result.warnings += [line for line in own.warnings if line not in result.warnings]


def refuse_music_boxes(reading: str | None, truth: Truth) -> None:
    """ConfigError for --music-boxes if the file of the ground truth has no x, y, width and height to be read in two ways."""
    if reading is not None and truth.xywh is None:
        raise ConfigError(
            f"--music-boxes {reading}: {truth.name or 'the ground truth'} has no boxes written as x, y, width, height in "
            "fractions, as MUSIC's are, so there is only one way to read it; leave the option out"
        )


def refuse_without_sounds(given: Predictions, kinds: Sequence[str], path: Any) -> None:
    """DataError if the predictions lack maps of a kind of sound."""
    for kind in kinds:
        if kind not in given.negative_maps:
            name = NEGATIVES[kind]
            what = f"the array {name}, (N, h, w), of the same ids, in an .h5 or .npz file"
            raise DataError(f"{path}: contains no maps of {kind}; expected {what}")


def retrieval_of(given: Predictions, truth: Truth, path: Any, resamples: int, seed: int) -> dict[str, Any]:
    """Recall in both directions from the vectors in the predictions, over the clips of the ground truth; DataError
    without them.
    """
    missing = [name for name in VECTORS if name not in given.vectors]
    if missing:
        raise DataError(
            f"{path}: --metric retrieval needs the array {missing[0]}, (N, C), of the same ids; it has none"
        )
    frames, sounds = (given.vectors[name] for name in VECTORS)
    if frames.shape != sounds.shape:
        shapes = f"frame_vectors of shape {frames.shape} and sound_vectors of shape {sounds.shape}"
        raise DataError(f"{path}: {shapes}; expected two of one shape, in one space")
    place = {name: number for number, name in enumerate(given.ids)}
    own = [clip for clip, name in enumerate(truth.ids) if name in place and _own_sound(truth, clip)]
    rows = np.array([place[truth.ids[clip]] for clip in own], np.int64)
    if len(rows) < LEAST:
        clips_have = counted(len(rows), "clip of the ground truth has", "clips of the ground truth have")
        raise DataError(f"{path}: {clips_have} a prediction and the clip's own sound; retrieval needs {LEAST} or more")
    lengths = [np.linalg.norm(part[rows], axis=1, keepdims=True) for part in (frames, sounds)]
    bad = ~np.all([np.isfinite(length) & (length > 0) for length in lengths], axis=0).reshape(-1)
    if bad.any():
        which = some([given.ids[row] for row in rows[bad]])
        raise DataError(
            f"{path}: {counted(bad.sum(), 'clip has', 'clips have')} a vector of zeros, or with NaN or infinity: {which}; "
            "leave them out"
        )
    seen, heard = frames[rows] / lengths[0], sounds[rows] / lengths[1]
    return retrieval(seen, heard, [truth.videos[clip] for clip in own], resamples, seed)


def _own_sound(truth: Truth, clip: int) -> bool:
    return truth.sound is None or truth.sound[clip] == "own"


def maps_of(given: Predictions) -> Any:
    return given.maps if given.sized is None else given.sized


def with_maps(given: Predictions, truth: Truth) -> dict[str, Any]:
    """The arrays with the maps; the rows of an assignment are the classes in alphabetical order."""
    table = given.assignment
    if table is not None and len(table) == len(truth.classes):
        rows = sorted(truth.classes)
        table = table[[rows.index(name) for name in truth.classes]]
    return {
        "ids": given.ids,
        "classes": given.classes,
        "confidence": given.confidence,
        "object_maps": given.object_maps,
        "assignment": table,
    }
