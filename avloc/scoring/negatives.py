"""A method's response to sounds that nothing in view makes: false alarms and AUROC, for each kind of such sound."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import auroc, false_alarm_rate
from avloc.protocols.normalise import top_share

#: share of clips with their own sound that reach the alarm threshold
KEEP = 0.9


def map_confidence(maps: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) mean of the highest quarter of a clip's highest map (N, K, h, w); -inf if a map has NaN or infinity."""
    rows = maps.max(axis=1).reshape(len(maps), -1)
    whole = np.isfinite(maps).reshape(len(maps), -1).all(axis=1, keepdims=True)
    return np.where(whole.reshape(-1), top_share(np.where(whole, rows, np.float32(0))), -np.inf)


def negative_sound(
    confidence: NDArray[np.float64], sounding: NDArray[np.bool_], kinds: Sequence[str] | None
) -> dict[str, dict[str, Any]]:
    """For each kind of negative sound: clips, AUROC against the sounding clips, and the rate of false alarms.

    An alarm is a confidence at or above the one that 90 % of the sounding clips reach. Without `kinds` all negatives
    are one.
    """
    own = confidence[sounding]
    if not len(own) or sounding.all():
        return {}
    threshold = float(np.quantile(own, 1 - KEEP, method="lower"))
    names = np.array(["all"] * len(sounding) if kinds is None else list(kinds))
    table = {}
    for kind in dict.fromkeys(names[~sounding].tolist()):
        others = confidence[~sounding & (names == kind)]
        both = np.concatenate([own, others])
        table[kind] = {
            "clips": len(others),
            "auroc": auroc(both, np.arange(len(both)) < len(own)),
            "false_alarm_rate": false_alarm_rate(others, threshold),
            "threshold": threshold,
        }
    return table
