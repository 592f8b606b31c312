"""How a store is built: the number of processes, the part of it, the machines. None of this changes what is stored."""

import re
from dataclasses import dataclass
from typing import Annotated, TypedDict

from avloc.errors import DataError
from avloc.options import Ask, FollowLinks
from avloc.processes import processors
from avloc.progress import Progress

TIMEOUT = 120.0  # s


class Scale(TypedDict, total=False):
    """The options that every command that prepares a store has in common: the fields of `Work`."""

    jobs: Annotated[
        int | None,
        "worker processes; default: one per CPU core; 0 works in this process, without time-outs",
        Ask(least=0),
    ]
    shard: Annotated[str | None, "prepare part i of n into a separate store, to be merged later", Ask(metavar="i/n")]
    timeout: Annotated[float, "time limit in seconds for a decoder to produce the next clip", Ask(default=TIMEOUT)]
    dask: Annotated[str | None, "let the workers of this Dask scheduler do the work, such as tcp://host:8786"]
    strict: Annotated[
        bool, "make it an error if names in lists, labels or boxes have no match, or several", Ask(default=False)
    ]
    follow_links: FollowLinks
    progress: Progress | None


@dataclass(frozen=True)
class Work:
    """jobs: number of processes, None: one for each processor; 0: work in this process, where a hanging decoder is not
    ended and a crash ends the run. shard: "2/8" prepares the second of eight parts, to be merged. timeout: seconds that
    a decoder may take per clip. dask: address of a scheduler whose workers do the work; `jobs` is not used then.
    strict: every name must match exactly one file. follow_links: links may lead out of the source. progress: called
    with items done, the total, and a note on failures.
    """

    jobs: int | None = None
    shard: str | None = None
    timeout: float = TIMEOUT
    dask: str | None = None
    strict: bool = False
    follow_links: bool = False
    progress: Progress | None = None

    def __post_init__(self) -> None:
        if self.jobs is not None and self.jobs < 0:
            raise DataError(f"jobs is {self.jobs}; expected a number of processes, or 0 to work in this one")
        if not self.timeout > 0:
            raise DataError(f"timeout is {self.timeout}; expected seconds, more than 0")
        self.part()

    def processes(self) -> int:
        """How many processes work at once, here or on Dask's workers; 0: this one. DataError if no scheduler answers."""
        if self.dask is not None:
            from avloc.prepare.pool.dask import processes_on

            return processes_on(self.dask)
        return processors() if self.jobs is None else self.jobs

    def part(self) -> tuple[int, int]:
        """Number (from 0) and count of the parts; (0, 1) is the whole."""
        if self.shard is None:
            return 0, 1
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", self.shard)
        number, count = map(int, match.groups()) if match else (0, 0)
        if not 1 <= number <= count:
            raise DataError(f"shard is {self.shard!r}; expected i/n, i from 1 to n, such as 1/8 and 8/8")
        return number - 1, count
