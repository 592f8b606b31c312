"""What each clip adds to a protocol's metrics, so that two methods can be compared on the same clips."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.errors import AvlocError
from avloc.metrics import auc_parts, successes
from avloc.protocols.result import Metric, Result


def clip_values(result: Result) -> dict[str, NDArray[np.float64]]:
    """Of each metric the values (N,) whose mean over clips it is, in the order of ``per_clip``; NaN where a clip has none.

    For protocols that score a frame once (one source, or the mean of its classes), as all of DSOL's do.
    """
    scores = _column(result, "ciou")
    found = {}
    for name in result.metrics:
        kind, at, threshold = name.partition("@")
        if kind in ("ciou", "iou", "locacc"):
            rule = result.protocol.grid, result.protocol.strict_success
            reached = successes(scores, float(threshold or 0.5), *rule) if at or kind == "locacc" else scores
            found[name] = np.where(np.isnan(scores), np.nan, reached)
        elif kind == "auc":
            found[name] = np.where(np.isnan(scores), np.nan, auc_parts(np.nan_to_num(scores)))
        elif any(name in row for row in result.per_clip):
            found[name] = _column(result, name)
    return found


def _column(result: Result, name: str) -> NDArray[np.float64]:
    return np.array([np.nan if row.get(name) is None else row[name] for row in result.per_clip], np.float64)


def selected(metrics: dict[str, Metric], wanted: Sequence[str] | None) -> dict[str, Metric]:
    """The metrics asked for; a bare name stands for its thresholds too, so ``ciou`` finds ``ciou@0.3``.

    A protocol of one unnamed source calls ``iou`` what others call ``ciou``; either name finds it.
    """
    if wanted is None:
        return metrics
    names = set(wanted) | {name.replace("ciou", "iou") for name in wanted if not any("ciou" in own for own in metrics)}
    found = {name: value for name, value in metrics.items() if name in names or name.partition("@")[0] in names}
    if not found:
        raise AvlocError(f"--metric {','.join(wanted)}: this protocol reports {', '.join(metrics)}")
    return found
