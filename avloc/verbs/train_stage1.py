"""`avloc train-stage1`: train the first stage of a method."""

from avloc.engine.training import Trained, train_stage
from avloc.options import Config, RunFolder, Set, verb
from avloc.progress import Progress


@verb
def train_stage1(
    config: Config = None, run: RunFolder = None, set: Set = (), progress: Progress | None = None
) -> Trained:
    """Train the first stage of the configured method; run it again to resume after an interruption.

    A run that was started before needs only --run. What does not fit is reported before any training.
    """
    return train_stage(1, config, run, set, progress)
