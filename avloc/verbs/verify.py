"""`avloc verify`: checks files against the checksums stored in them."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from avloc.options import POSITIONAL, verb

if TYPE_CHECKING:
    from avloc.engine.verifying import State


@dataclass(frozen=True)
class FileCheck:
    """name: of the file, or of the comparison. state: see `avloc.engine.verifying`. problem: a description, empty if
    there is none.
    """

    name: str
    state: "State"
    problem: str = ""


@dataclass(frozen=True)
class Verified:
    """files: all checks, in order. right, unverified: how many are correct, and how many have no checksum."""

    path: Path
    files: list[FileCheck]
    right: int
    unverified: int

    @property
    def wrong(self) -> list[FileCheck]:
        return [one for one in self.files if one.state in ("damaged", "unreadable")]


@verb
def verify(what: Annotated[Path, "a run, a store, or a file of one", POSITIONAL]) -> Verified:
    """Check a run, a store or a file against its stored checksums; exit status 1 if one is wrong.

    Checked in a run: weights, training states, clusters and heat maps, and whether log, states and weights of each stage
    belong to the same training. In a store: every clip, as in `avloc data check`, and its pseudo labels. A file of an
    earlier version has no checksum: it is listed as unverified, which is not an error. Nothing is changed.
    """
    from avloc.errors import DataError

    if (what / "config.yaml").is_file():
        found = _of_run(what)
    elif (what / "store.json").is_file():
        found = _of_store(what)
    elif what.is_dir() or not what.exists():
        there = "neither a run (config.yaml) nor a store (store.json)" if what.is_dir() else "no such file or folder"
        raise DataError(f"{what}: {there}; expected a run, a store, or a file of one")
    else:
        found = [_of_file(what, str(what))]
    counts = [one.state for one in found]
    return Verified(what, found, counts.count("right"), counts.count("unverified"))


def _of_file(path: Path, name: str) -> FileCheck:
    from avloc.engine.verifying import verdict_of

    return FileCheck(name, *verdict_of(path))


def _of_run(folder: Path) -> list[FileCheck]:
    from avloc.engine.run import Run
    from avloc.engine.verifying import agreement_of, files_of

    run = Run(folder)
    found = {path: _of_file(path, str(path.relative_to(folder))) for path in files_of(run)}
    whole = {path for path, one in found.items() if one.state in ("right", "unverified")}
    return [*found.values(), *(FileCheck(name, *verdict) for name, verdict in agreement_of(run, whole))]


def _of_store(folder: Path) -> list[FileCheck]:
    from avloc.verbs.data_check import data_check

    whole = data_check(folder)
    found = [FileCheck("shard", _state_of(problem), problem) for problem in whole.broken]
    if not whole.splits:
        found += [FileCheck("store", _state_of(problem), problem) for problem in whole.problems]
    for name, split in whole.splits.items():
        found += [
            FileCheck(f"{name}: {item}", "damaged", "its clips do not match its checksum") for item in split.changed
        ]
        if split.verified:
            found.append(FileCheck(f"{name}: {split.verified:,} items", "right"))
        if split.bare:
            found.append(FileCheck(f"{name}: {split.bare:,} items", "unverified", "an earlier version prepared them"))
    return found + [_of_file(path, str(path.relative_to(folder))) for path in sorted((folder / "labels").glob("*.npz"))]


def _state_of(problem: str) -> "State":
    from avloc.files import UNREADABLE

    return "unreadable" if UNREADABLE in problem else "damaged"
