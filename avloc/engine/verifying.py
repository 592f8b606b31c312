"""Compares files of a run, or single files, with the checksums in them."""

from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Literal

from avloc.checked_weights import read_weights
from avloc.engine.agreement import read_log, refuse_mixed
from avloc.engine.run import Run
from avloc.engine.within_epoch import FILE as WITHIN_EPOCH
from avloc.errors import AvlocError, DataError
from avloc.files import refused, regular

#: as written; without a checksum, from an earlier version; not as written; the system cannot read it
State = Literal["right", "unverified", "damaged", "unreadable"]
Verdict = tuple[State, str]
ENDINGS = (".safetensors", ".pt", ".npz", ".h5")
_DAMAGED = "restore it from a copy, or make it again"


def verdict_of(path: Path) -> Verdict:
    """Whether a file is as avloc wrote it, and what is wrong with it; DataError for kinds of files without checksums."""
    look = {".safetensors": _weights, ".pt": _state, ".npz": _arrays, ".h5": _maps}.get(path.suffix.lower())
    if look is None:
        raise DataError(f"{path}: such files have no checksum; expected {', '.join(ENDINGS)}, a run or a store")
    try:
        with open(regular(path), "rb") as file:
            file.read(1)
    except OSError as error:
        return "unreadable", refused(path, error, "missing")
    return _judged(path, look)


def _judged(path: Path, look: Callable[[Path], bool]) -> Verdict:
    try:
        return ("right", "") if look(path) else ("unverified", "written by an earlier version or another program")
    except AvlocError as error:
        return "damaged", str(error)
    except (OSError, ValueError, MemoryError) as error:
        return "damaged", refused(path, error, _DAMAGED)


def files_of(run: Run) -> Iterator[Path]:
    """All files of a run that have a checksum."""
    for folder in sorted(path for path in run.path.glob("stage*") if path.is_dir()):
        yield from sorted(folder.glob("*.safetensors"))
        yield from sorted([*folder.glob("state-*.pt"), *folder.glob(WITHIN_EPOCH)])
    if run.clusters.exists():
        yield run.clusters
    yield from sorted(run.predictions.rglob("*.h5"))


def agreement_of(run: Run, right: Container[Path]) -> Iterator[tuple[str, Verdict]]:
    """Whether the log of each stage, its states and its weights belong to one training. right: undamaged weights."""
    for folder in sorted(path for path in run.path.glob("stage*") if path.is_dir()):
        for path in sorted(one for one in folder.glob("*.safetensors") if one in right):
            try:
                if not read_log(folder):
                    continue  # imported weights have none
                _, about = read_weights(path, "", _DAMAGED)
                refuse_mixed(path, about, last=False)
                yield f"{folder.name}: log, states and {path.name}", ("right", "")
            except AvlocError as error:
                yield f"{folder.name}: log, states and {path.name}", ("damaged", str(error))


def _weights(path: Path) -> bool:
    from avloc.checked_weights import metadata

    return metadata(path.read_bytes())[1]


def _state(path: Path) -> bool:
    from avloc.engine.checkpoints import checked_state

    return checked_state(path)[1]


def _arrays(path: Path) -> bool:
    from avloc.checksums import checked_arrays

    return checked_arrays(path)[1]


def _maps(path: Path) -> bool:
    from avloc.sealed_hdf5 import sealed

    return sealed(path)
