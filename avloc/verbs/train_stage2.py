"""`avloc train-stage2`: train the second stage of a method."""

from avloc.engine.training import Trained, train_stage
from avloc.options import Config, RunFolder, Set, verb
from avloc.progress import Progress


@verb
def train_stage2(
    config: Config = None, run: RunFolder = None, set: Set = (), progress: Progress | None = None
) -> Trained:
    """Train the second stage from the run's first stage, and from its clusters where the method has any.

    Run it again to resume after an interruption. A missing stage one or missing clusters are reported with the
    command that makes them.
    """
    return train_stage(2, config, run, set, progress)
