"""`avloc prepare synthetic`: write the built-in audio-visual world."""

from pathlib import Path
from typing import Annotated, Literal

from avloc.options import Ask, verb
from avloc.progress import Progress
from avloc.synthetic.world import SyntheticWorld, write_world


@verb
def prepare_synthetic(
    out: Annotated[Path, "folder to write; run the command again to finish it"],
    videos: Annotated[int | None, "total number of videos, at least 12; default: the preset's"] = None,
    seed: Annotated[int, "seed of the world; another seed makes another world"] = 0,
    preset: Annotated[Literal["quick", "full"], "quick (728 videos) or full (7680)"] = "quick",
    jobs: Annotated[int | None, "worker processes; default: one per CPU core", Ask(least=1)] = None,
    progress: Progress | None = None,
) -> SyntheticWorld:
    """The built-in world: real mp4 files with sound and exact ground truth, in the layout of MUSIC. docs/data/synthetic.md

    With --videos, all lists of the preset are scaled equally, to at least one video each. A list of n videos has
    min(n, 8) of the eight classes, so use small worlds to try things out, not for scores.
    """
    return write_world(out, videos, seed, preset, jobs, progress)
