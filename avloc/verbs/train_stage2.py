"""`avloc train-stage2`: train the second stage of a method."""

from collections.abc import Sequence
from pathlib import Path

from avloc.engine.training import Trained, train_stage
from avloc.progress import Progress


def train_stage2(
    config: Path | None = None, run: Path | None = None, set: Sequence[str] = (), progress: Progress | None = None
) -> Trained:
    """Train stage two from the run's stage one and clusters; arguments as of train_stage1.

    RunError naming the missing command when stage one or the clusters are not there.
    """
    return train_stage(2, config, run, set, progress)
