"""Results of clips at the size of their own pictures (AVATAR), and of the boxes of all sources together (GAR-SSL)."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics.precision import average_precision_of_mask
from avloc.naming import counted
from avloc.protocols import plain_pictures
from avloc.protocols.plain_units import Scores
from avloc.protocols.protocol import Protocol
from avloc.scoring.breakdown import breakdown
from avloc.scoring.fast.resized_maps import map_pieces
from avloc.scoring.fast.united_maps import RULES, first_boxes, union_counts
from avloc.scoring.result import Result
from avloc.scoring.summary import Ratio, Scored, of_draws, ratios, with_intervals
from avloc.scoring.task import Ints, Task, count_clips, count_odd_maps, odd_maps, result_of

Floats = NDArray[np.float64]
_CHUNKS = 3  # taken together: each map needs so little work that calls of numpy would take most of the time


def pictures_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """cIoU of every clip in which something sounds, by scenario too; and the share of silent clips that stay quiet."""
    truth, given = task.truth, task.plainly
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    pieces = [kept[start : start + chunk].tolist() for start in range(0, len(kept), chunk)]
    parts = list(map_pieces(partial(_of_pictures, protocol, given, truth), iter(pieces)))
    scores = _joined([part[0] for part in parts])
    share = np.array([value for part in parts for value in part[1]])
    quiet = {clip: value for part in parts for clip, value in part[2].items()}
    scored = _scored(task, scores, {})
    found = ratios(protocol, scored)
    for name, part in plain_pictures.SCENARIOS.items():
        inside = truth.parts.get(part, np.zeros(len(truth), bool))[scored.clip]
        if name in protocol.report and inside.any():
            found[name] = _mean(len(truth), scored.clip[inside], np.nan_to_num(scored.score[inside]))
    if quiet and "tn_rate" in protocol.report:
        found["tn_rate"] = _mean(len(truth), np.array(list(quiet)), np.array(list(quiet.values()), np.float64))
    metrics = with_intervals(found, truth.videos, resamples, seed)
    if quiet:
        right = sum(quiet.values())
        counts["off_screen"] = {"true_negatives": right, "false_positives": len(quiet) - right}
    if truth.pictures is None and truth.masks is None:
        warnings.append(
            "the ground truth is boxes; AVATAR's numbers are over pixel masks, so these are not comparable with them"
        )
    result = result_of(protocol, task, counts, metrics, warnings, {})
    blind = ratios(protocol, _scored(task, scores, {}, share))
    result.baselines = {"all-ones": {name: one.value for name, one in blind.items()}}
    breakdown(result, truth, scored, kept, task.found, share * 224**2)
    return result


def _of_pictures(
    protocol: Protocol, given: Any, truth: Any, chosen: list[int]
) -> tuple[Scores, list[float], dict[int, bool]]:
    """Scores of some clips; the scores of a mask of the whole picture; and for silent ones, whether the map stays quiet."""
    scores = plain_pictures.picture_scores(protocol, given, truth, chosen)
    share = [float(plain_pictures.picture_truth(protocol, truth, clip).mean()) for clip in scores.clip]
    silent = [clip for clip in chosen if clip not in set(scores.clip)]
    return scores, share, {clip: plain_pictures.is_quiet(protocol, given, truth, clip) for clip in silent}


def union_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    """The first box of each source compared with all maps of a clip together."""
    truth, given = task.truth, task.plainly
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    step = _CHUNKS * chunk
    pieces = [kept[start : start + step].tolist() for start in range(0, len(kept), step)]
    scores, pixels = _of_unions(protocol, task, given, pieces)
    ap = np.array(scores.ap)
    scored = _scored(task, scores, {"cap": ap})
    found = ratios(protocol, scored)
    metrics = with_intervals(found, truth.videos, resamples, seed)
    if "piap" in protocol.report:
        names = [truth.videos[clip] for clip in scores.clip]
        pooled = partial(_pooled, pixels, protocol.size**2)
        metrics["piap"] = of_draws(pooled, len(scores.clip), names, resamples, seed)[0]
    several = len(truth.boxes) - len(np.unique(np.stack([truth.box_clip, truth.sources], axis=1), axis=0))
    if truth.masks is None and several:
        warnings.append(
            f"{counted(several, 'box is', 'boxes are')} not the first of a source; left out, as in the release"
        )
    if truth.masks is None and truth.picture_sizes is None:
        warnings.append(
            "the sizes of the pictures are unknown; corners are rounded as in pictures of "
            f"{protocol.size} x {protocol.size}, which moves some of them by a pixel"
        )
    result = result_of(protocol, task, counts, metrics, warnings, {})
    share = pixels[:, 2] / protocol.size**2
    blind = ratios(protocol, _scored(task, scores, {}, share))
    result.baselines = {"all-ones": {name: one.value for name, one in blind.items()}}
    breakdown(result, truth, scored, kept, task.found, pixels[:, 2] * (224 / protocol.size) ** 2)
    return result


def _of_unions(protocol: Protocol, task: Task, given: Any, pieces: list[list[int]]) -> tuple[Scores, Floats]:
    """Scores of the union of every clip; and (n, 3) the pixels in both, in the mask and in the ground truth."""
    if protocol.mask not in RULES:
        parts = list(map_pieces(partial(plain_pictures.union_scores, protocol, given, task.truth), iter(pieces)))
        return _joined([part[0] for part in parts]), np.concatenate([part[1] for part in parts])
    firsts = first_boxes(task.truth)

    def one(piece: list[int]) -> Ints:
        return union_counts(protocol, task.truth, task.given, firsts, np.array(piece, np.int64))

    clips = np.concatenate(pieces)
    shared, inside, area = np.concatenate(list(map_pieces(one, iter(pieces)))).T
    ciou = shared / np.maximum(area + inside - shared, 1)
    ap = average_precision_of_mask(shared, inside, area, protocol.size**2)
    label = task.truth.reported_class[clips]
    found = Scores(clip=clips.tolist(), label=label.tolist(), ciou=ciou.tolist(), ap=ap.tolist())
    return found, np.stack([shared, inside, area], axis=1).astype(np.float64)


def _pooled(pixels: Floats, size: int, drawn: Floats) -> Floats:
    """(b, 1) AP over all pixels of resamples, from how often each has each clip (b, n)."""
    shared, inside, area = (drawn @ pixels).T
    total = drawn.sum(axis=1) * size
    found = [average_precision_of_mask(s, i, a, int(t)) for s, i, a, t in zip(shared, inside, area, total, strict=True)]
    return np.array(found, np.float64).reshape(-1, 1)


def _joined(parts: list[Scores]) -> Scores:
    found = Scores()
    for part in parts:
        found.clip += part.clip
        found.label += part.label
        found.ciou += part.ciou
        found.ap += part.ap
    return found


def _scored(task: Task, scores: Scores, of_unit: dict[str, Floats], values: Floats | None = None) -> Scored:
    """values: the scores of a baseline instead of the method's."""
    clip = np.array(scores.clip, np.int64)
    score = np.array(scores.ciou, np.float64) if values is None else values
    return Scored(len(task.truth), clip, score, np.array(scores.label, np.int64), of_unit)


def _mean(clips: int, clip: Ints, values: Floats) -> Ratio:
    top = np.bincount(clip, weights=values, minlength=clips).astype(np.float64)
    return Ratio(float(values.mean()), top, np.bincount(clip, minlength=clips).astype(np.float64))
