"""`avloc data fetch`: downloads the videos of a list with an installed yt-dlp."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from avloc.options import POSITIONAL, Ask, verb
from avloc.progress import Progress, untold


@dataclass(frozen=True)
class Fetched:
    """out: the folder. listed: clips of the list. fetched: by this run. there: by earlier ones. failed: missing now,
    counted in `reasons`; passing: those of them that the same command tries again. report: a JSON line for each clip.
    """

    out: Path
    listed: int
    fetched: int
    there: int
    failed: int
    passing: int
    report: Path
    reasons: dict[str, int] = field(default_factory=dict)


@verb
def data_fetch(
    list: Annotated[Path, "ids and start seconds: lines ID_START or ID,START[,END], or vggsound.csv", POSITIONAL],
    out: Annotated[Path, "folder to write ID_START.mp4 to; run the command again to resume"],
    seconds: Annotated[float, "length of a clip if the list has no end"] = 10.0,
    jobs: Annotated[int, "clips fetched at the same time", Ask(least=1)] = 2,
    timeout: Annotated[float, "time limit in seconds for each clip"] = 300.0,
    format: Annotated[str, "format selection of yt-dlp"] = "bv*[height<=360]+ba/b[height<=360]/bv*+ba/b",
    again: Annotated[bool, "also try clips that an earlier run found private, removed or blocked"] = False,
    progress: Progress | None = None,
) -> Fetched:
    """Download the listed YouTube clips with yt-dlp, which must be installed. docs/data/fetching.md

    LIST is vggsound.csv, a csv file of AudioSet, VGGSounder's table, or lines of ID_START or ID,START or ID,START,END in
    seconds. The clips become ID_START.mp4, as `avloc prepare vggsound` finds them. The report fetch.jsonl in the folder
    has a line for each clip, with the reason if it is missing. Existing clips are not fetched again; failures that
    may be temporary, such as a lost connection, are retried by the next run.
    """
    from avloc.prepare.fetch.lists import read_moments
    from avloc.prepare.fetch.run import fetch_all

    return Fetched(out, *fetch_all(read_moments(list, seconds), out, jobs, timeout, format, again, progress or untold))
