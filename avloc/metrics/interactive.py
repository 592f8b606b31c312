"""Interactive localization: a scene counts only if each of its sounds is found. Senocak et al.;
kaistmm/SSLalignment@e7ae3c5."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from avloc.metrics.curves import auc, success_rate


def worst_of_scenes(scores: ArrayLike, scenes: Sequence[str]) -> NDArray[np.float64]:
    """The lowest score of each scene, in order of first appearance: success of a scene is min over its members. An undefined
    score (NaN) is lower than all others, and so fails."""
    worst: dict[str, float] = {}
    for scene, value in zip(scenes, np.nan_to_num(np.asarray(scores, np.float64), nan=-1.0).tolist(), strict=True):
        worst[scene] = min(worst.get(scene, np.inf), value)
    return np.array(list(worst.values()))


def iiou(scores: ArrayLike, scenes: Sequence[str], threshold: float = 0.5) -> float:
    """Share of scenes all of whose members reach the threshold: pairs (.6, .4) and (.7, .55) give 0.5."""
    return success_rate(worst_of_scenes(scores, scenes), threshold)


def iauc(scores: ArrayLike, scenes: Sequence[str]) -> float:
    """Area under the success curve of scenes over the 21 thresholds."""
    return auc(worst_of_scenes(scores, scenes))
