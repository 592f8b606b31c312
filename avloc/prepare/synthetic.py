"""`avloc prepare synthetic`: write the built-in audio-visual world."""

from pathlib import Path

from avloc.progress import Progress
from avloc.synthetic.world import SyntheticWorld, write_world


def prepare_synthetic(
    out: Path,
    videos: int | None = None,
    seed: int = 0,
    preset: str = "quick",
    jobs: int | None = None,
    progress: Progress | None = None,
) -> SyntheticWorld:
    """Write a world of mp4 files with sound, and their exact truth, into `out` in the layout of the MUSIC data set.

    videos: how many in all, at least 12; all lists of the preset shrink or grow alike, none below one video. A list of
    n videos knows min(n, 8) of the eight classes, so small worlds are for trying things out, not for scores.
    preset: "quick" (728 videos) or "full" (7680). jobs: processes, by default one a core.
    Started again with the same settings it keeps the videos that are there and adds the rest.
    """
    return write_world(Path(out), videos, seed, preset, jobs, progress)
