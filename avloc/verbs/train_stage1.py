"""`avloc train-stage1`: train the first stage of a method."""

from typing import TYPE_CHECKING

from avloc.engine.training import Trained, train_stage
from avloc.options import Config, DryRun, LogTo, Profile, RunFolder, Set, verb
from avloc.progress import Progress

if TYPE_CHECKING:
    from avloc.engine.rehearsing_stage import Rehearsed


@verb
def train_stage1(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    progress: Progress | None = None,
    dry_run: DryRun = False,
    profile: Profile = False,
    log_to: LogTo = (),
) -> "Trained | Rehearsed":
    """Train the first stage of the configured method; run it again to resume after an interruption.

    To resume a run, give only --run. Mistakes in data and settings are reported before any training.
    """
    if dry_run or profile:
        from avloc.engine.rehearsing_stage import rehearse_stage

        return rehearse_stage(1, config, run, set, progress, profile)
    return train_stage(1, config, run, set, progress, log_to)
