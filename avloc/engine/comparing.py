"""The contribution of each clip to a protocol's metrics, so that two methods can be compared on the same clips."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import AvlocError
from avloc.metrics import auc_parts, successes
from avloc.scoring.result import Metric

Values = NDArray[np.float64]


def clip_values(
    rows: Sequence[Mapping[str, Any]], protocol: Mapping[str, Any], names: Iterable[str]
) -> dict[str, Values]:
    """For each metric that is a mean over clips, its value for every clip, (N,); NaN for a clip without one.

    rows: ``per_clip`` of a result. protocol: its axes. If sources count individually instead of by the mean of their
    frame, a clip has the mean over its sources.
    """
    if not rows:
        return {}
    by_frame = protocol["aggregate"] == "frame"
    parts = [
        [row.get("ciou")] if by_frame or "sources" not in row else [s["ciou"] for s in row["sources"]] for row in rows
    ]
    scores = np.array([np.nan if value is None else value for own in parts for value in own], np.float64)
    counts = np.array([len(own) for own in parts])
    begins = np.cumsum(counts) - counts
    known = ~np.isnan(np.add.reduceat(scores, begins))

    def mean(values: Values) -> Values:
        return np.where(known, np.add.reduceat(values, begins) / counts, np.nan)

    found: dict[str, Values] = {}
    for name in names:
        kind, at, threshold = name.partition("@")
        if kind == "locacc" or (kind in ("ciou", "iou") and at):
            rule = protocol["grid"], protocol["strict_success"]
            found[name] = mean(successes(scores, float(threshold or 0.5), *rule))
        elif kind in ("ciou", "iou"):
            found[name] = mean(np.nan_to_num(scores))
        elif kind == "auc":
            found[name] = mean(auc_parts(scores))
        elif name == "tells":
            found[name] = _told(rows)
        elif any(name in row for row in rows):
            found[name] = np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)
    return found


def _told(rows: Sequence[Mapping[str, Any]]) -> Values:
    """The share of pairs of each clip that are ranked correctly, weighted by its pairs: the mean over clips is that
    over all pairs.
    """
    pairs = np.array([row.get("pairs", 0) for row in rows], np.float64)
    shares = np.array([row.get("tells", 0.0) for row in rows], np.float64)
    mean = pairs.sum() / max((pairs > 0).sum(), 1)
    return np.where(pairs > 0, shares * pairs / (mean or 1), np.nan)


def selected(metrics: dict[str, Metric], wanted: Sequence[str] | None) -> dict[str, Metric]:
    """The requested metrics; a bare name also means its thresholds, so ``ciou`` finds ``ciou@0.3``.

    A protocol with one unnamed source uses ``iou`` for what others call ``ciou``; either name finds it.
    """
    if wanted is None:
        return metrics
    names = set(wanted) | {name.replace("ciou", "iou") for name in wanted if not any("ciou" in own for own in metrics)}
    found = {name: value for name, value in metrics.items() if name in names or name.partition("@")[0] in names}
    if not found:
        raise AvlocError(f"--metric {','.join(wanted)}: this protocol reports {', '.join(metrics)}")
    return found
