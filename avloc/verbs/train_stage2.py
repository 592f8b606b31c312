"""`avloc train-stage2`: train the second stage of a method."""

from typing import TYPE_CHECKING

from avloc.engine.training import Trained, train_stage
from avloc.options import Config, DryRun, LogTo, Profile, RunFolder, Set, verb
from avloc.progress import Progress

if TYPE_CHECKING:
    from avloc.engine.rehearsing_stage import Rehearsed


@verb
def train_stage2(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    progress: Progress | None = None,
    dry_run: DryRun = False,
    profile: Profile = False,
    log_to: LogTo = (),
) -> "Trained | Rehearsed":
    """Train the second stage from the run's first stage, and from its clusters if the method has any.

    Run it again to resume after an interruption. If stage one or the clusters are missing, the error names the
    command that makes them.
    """
    if dry_run or profile:
        from avloc.engine.rehearsing_stage import rehearse_stage

        return rehearse_stage(2, config, run, set, progress, profile)
    return train_stage(2, config, run, set, progress, log_to)
