"""`avloc train-stage1`: train the first stage of a method."""

from collections.abc import Sequence
from pathlib import Path

from avloc.engine.training import Trained, train_stage
from avloc.progress import Progress


def train_stage1(
    config: Path | None = None, run: Path | None = None, set: Sequence[str] = (), progress: Progress | None = None
) -> Trained:
    """Train stage one of the configured method in the run's folder, or go on where it was interrupted.

    config: a YAML file; run: the folder (default: runs/<name of the file>), which alone is enough to go on; set:
    ``key=value`` overrides. AvlocError for what does not fit, before any training.
    """
    return train_stage(1, config, run, set, progress)
