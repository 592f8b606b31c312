"""The scores of blind baselines under the same protocol, and the best that a mask of half the area can reach."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import ciou_of_counts
from avloc.protocols.boxes import pixel_corners
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.scoring.fast.bit_planes import Bits, Planes, count, draw, pack
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.summary import Scored, ratios

CEILING = "half-area ceiling"
LARGEST = "largest object"
UNIFORM = "uniform"
_STEP = 256


def centre_mask(height: int, width: int) -> NDArray[np.bool_]:
    """(height, width): a centred rectangle of half the canvas's area and of its shape."""
    mask = np.zeros((height, width), bool)
    tall, wide = round(height * np.sqrt(0.5)), round(width * np.sqrt(0.5))
    top, left = (height - tall) // 2, (width - wide) // 2
    mask[top : top + tall, left : left + wide] = True
    return mask


def unit_baselines(
    protocol: Protocol, drawn: DrawnTruth, chosen: NDArray[np.int64]
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.int64]]:
    """cIoU of the chosen units for an all-ones mask, a centred one of half the area, and the best one of half the area;
    and the area of their ground truth in pixels. If silent objects are annotated, also for the box of the largest
    object, whether it sounds or not.
    """
    size = canvas_size(protocol, drawn.frames)
    masks = {"all-ones": pack(np.ones(size, bool)), "centre": pack(centre_mask(*size))}
    largest = drawn.truth.silent_boxes is not None and drawn.frames == 1
    scores = {name: np.empty(len(chosen)) for name in (*masks, *([LARGEST] if largest else []), CEILING)}
    area = np.empty(len(chosen), np.int64)
    for start in range(0, len(chosen), _STEP):
        part = slice(start, start + _STEP)
        planes = drawn.of(protocol, chosen[part])
        levels = planes.levels
        total, area[part] = planes.weigh(levels), levels[0]
        for name, mask in masks.items():
            scores[name][part] = _score(planes, total, mask)
        if largest:
            mask = _largest_objects(protocol, drawn, chosen[part])
            shared = planes.shared(mask)
            scores[LARGEST][part] = ciou_of_counts(planes.weigh(shared), total, count(mask) - shared[0])
        best, wrong = planes.best_of(size[0] * size[1] // 2)
        scores[CEILING][part] = ciou_of_counts(best, total, wrong)
    return {name: np.nan_to_num(values) for name, values in scores.items()}, area


def _score(planes: Planes, total: NDArray[np.float64], mask: NDArray[np.uint8]) -> NDArray[np.float64]:
    shared = planes.shared(mask[None])
    return ciou_of_counts(planes.weigh(shared), total, count(mask[None]) - shared[0])


def _largest_objects(protocol: Protocol, drawn: DrawnTruth, chosen: NDArray[np.int64]) -> Bits:
    """(U, H, W/8): for each unit's clip, the box of the largest of all objects in view."""
    truth = drawn.truth
    assert truth.silent_boxes is not None and truth.silent_clip is not None
    boxes = np.concatenate([truth.boxes, truth.silent_boxes])
    clips = np.concatenate([truth.box_clip, truth.silent_clip])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    order = np.argsort(-areas, kind="stable")
    first = np.full(len(truth), -1, np.int64)
    first[clips[order[::-1]]] = order[::-1]
    wanted = first[drawn.units.clip[chosen]]
    there = np.flatnonzero(wanted >= 0)
    corners = pixel_corners(boxes[wanted[there]], "clip", protocol.size)
    height, width = canvas_size(protocol, drawn.frames)
    return draw(corners, there, len(chosen), height, width, 1)[:, 0]


def baseline_metrics(
    protocol: Protocol, scored: Scored, of_units: dict[str, NDArray[np.float64]], maps: int
) -> dict[str, dict[str, float]]:
    """The metrics of each baseline, with its scores instead of the method's; they depend only on the ground truth.

    Uniform maps, an uninformative softmax, have a no-sounding area of 1 if 1/K is at most the cut. A mask has none.
    """
    table = {}
    for name, values in of_units.items():
        found = ratios(protocol, replace(scored, score=values, of_unit={}, of_clip={}))
        table[name] = {metric: ratio.value for metric, ratio in found.items()}
    if "nsa" in protocol.report and 1 / maps <= protocol.nsa_cut:
        table[UNIFORM] = {"nsa": 1.0}  # constant, in more than 1 / cut maps: quiet everywhere
    return table


def half_area(protocol: Protocol) -> bool:
    """Whether the protocol always marks half of the pixels, so that the ceiling applies."""
    return protocol.mask in ("rank", "rank-or-one", "median") and protocol.cut == 0.5


def baseline_warnings(protocol: Protocol, values: dict[str, float], table: dict[str, dict[str, float]]) -> list[str]:
    """A line for each metric above the ceiling of its protocol, and one for those below a blind baseline."""
    lines = []
    if half_area(protocol):
        for name, most in table.get(CEILING, {}).items():
            if values.get(name, 0.0) > most + 1e-9:
                how = (
                    "only maps with many equal pixels can do this" if protocol.strict else "this should not be possible"
                )
                lines.append(
                    f"{name} {values[name]:.4f} is above {most:.4f}, the highest score that a mask of half the area can reach: "
                    f"{how}"
                )
    beaten: dict[str, list[str]] = {}
    for blind in ("centre", "all-ones"):
        below = [
            name
            for name, least in table.get(blind, {}).items()
            if name != "nsa" and values.get(name, 1.0) < least - 1e-9
        ]
        if below:
            beaten.setdefault(", ".join(below), []).append(f"the {blind} mask")
    for names, masks in beaten.items():
        sees = "which uses neither picture nor sound" if len(masks) == 1 else "which use neither picture nor sound"
        lines.append(f"{names}: below {' and '.join(masks)}, {sees}")
    return lines
