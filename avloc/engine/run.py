"""The Run: a folder in which every command finds the output of the earlier ones."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avloc import processes
from avloc.checksums import checked_arrays, with_checksum
from avloc.engine.agreement import states_in
from avloc.errors import RunError
from avloc.files import read_json, refused, replacing, why
from avloc.locks import Claim, claimed


class _Clusters(dict[str, Any]):
    """Arrays of a clustering; a missing one is a RunError. advice: what to do then."""

    def __init__(self, arrays: dict[str, Any], path: Path, advice: str) -> None:
        super().__init__(arrays)
        self.path, self.advice = path, advice

    def __missing__(self, name: str) -> Any:
        raise RunError(f"{self.path}: no array {name} in it; {self.advice}")


@dataclass(frozen=True)
class Run:
    """Paths below one folder::

    config.yaml            the resolved configuration: all values, defaults too
    made_with.json         versions, device and date of the command that started it
    stores.json            where its stores are, and fingerprints of their content
    stage1/ stage2/        weights of each phase (PHASE.safetensors), log.jsonl, state of an unfinished training
    clusters.npz           labels of the training clips, centres, dictionary, and their origin
    matching.json          assignment of clusters to classes, with doubts
    card.md                what the model was trained on, how good it is, what it cannot do
    calibration.json       threshold above which something in view makes the sound, by stage
    predictions/<set>.h5   results/<set>.<protocol>.json   figures/   report/index.html
    """

    path: Path
    _held: tuple[int, int] | None = field(default=None, init=False, repr=False, compare=False)
    _claim: Claim | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    @contextmanager
    def claimed(self, busy: str) -> Iterator[None]:
        """Lock the run; RunError if another command has it. busy: what that one is doing, "is training in this run"."""
        if not processes.is_first():  # the first process of torchrun holds it for all
            yield
            return
        with claimed(self.path, ".lock", busy) as claim:
            object.__setattr__(self, "_claim", claim)
            try:
                yield
            finally:
                object.__setattr__(self, "_claim", None)

    def hold(self) -> None:
        """Remember which folder this is; `refuse_moved` checks later that it still exists."""
        object.__setattr__(self, "_held", self._marks())

    def refuse_moved(self) -> None:
        """RunError, before anything is written, if the folder has been moved or removed since it was held, or if
        another command has taken it over.

        Writing would create a second folder of that name with an incomplete run.
        """
        if self._claim is not None:
            self._claim.refuse_lost()
        now = self._marks()
        if self._held is not None and (now is None or (now[0] != self._held[0] and now[1] != self._held[1])):
            raise RunError(
                f"{self.path} was moved or removed while this command used it; nothing more is written. Run the "
                "command again with --run DIR: it resumes"
            )

    def _marks(self) -> tuple[int, int] | None:
        """Identifies a run, None if there is none: the inode of its folder, which does not change when it is renamed,
        and the time its configuration was written. Some network file systems change the one, an editor the other.
        """
        try:
            return os.stat(self.path).st_ino, os.stat(self.config).st_mtime_ns
        except OSError:
            return None

    @property
    def config(self) -> Path:
        return self.path / "config.yaml"

    @property
    def made_with(self) -> Path:
        return self.path / "made_with.json"

    @property
    def stores(self) -> Path:
        return self.path / "stores.json"

    @property
    def clusters(self) -> Path:
        return self.path / "clusters.npz"

    @property
    def matching(self) -> Path:
        return self.path / "matching.json"

    @property
    def calibration(self) -> Path:
        return self.path / "calibration.json"

    @property
    def predictions(self) -> Path:
        return self.path / "predictions"

    @property
    def results(self) -> Path:
        return self.path / "results"

    @property
    def figures(self) -> Path:
        return self.path / "figures"

    @property
    def report(self) -> Path:
        return self.path / "report" / "index.html"

    def stage(self, number: int) -> Path:
        return self.path / f"stage{number}"

    def weights(self, stage: int, phases: tuple[str, ...]) -> Path:
        """The first existing file of the phases' weights; RunError naming the command that trains it."""
        for phase in phases:
            if (path := self.stage(stage) / f"{phase}.safetensors").exists():
                return path
        raise RunError(
            f"{self.path} has no trained stage {stage}; `avloc train-stage{stage} --run {self.path}` trains it"
        )

    def save_clusters(self, **arrays: Any) -> None:
        self.refuse_moved()
        with replacing(self.clusters) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **with_checksum(arrays))  # type: ignore[arg-type]

    def load_clusters(self) -> dict[str, Any]:
        """Arrays `labels`, `centres`, `dictionary`, `ids`, and `epoch`, `clusters`, `weights`, which record their origin."""
        if not self.clusters.exists():
            raise RunError(f"{self.path} has no clusters.npz; `avloc cluster --run {self.path}` writes it")
        again = f"`avloc cluster --run {self.path}` writes it again"
        try:
            found, _ = checked_arrays(self.clusters, ("labels", "ids"))
            _refuse_other_clusters(found)
            return _Clusters(found, self.clusters, again)
        except (OSError, ValueError) as error:
            raise RunError(refused(self.clusters, error, again)) from None

    def load_matching(self) -> dict[str, Any]:
        """`classes` (C names), `assignment` (C, K) and the other entries of `avloc match-clusters`."""
        if not self.matching.exists():
            raise RunError(f"{self.path} has no matching.json; `avloc match-clusters --run {self.path}` writes it")
        found = read_json(self.matching)
        try:
            return _matching(found)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RunError(
                f"{self.matching}: not written by `avloc match-clusters` ({why(error)}); run it again"
            ) from None

    def log_path(self, stage: int) -> Path:
        return self.stage(stage) / "log.jsonl"

    def states(self, stage: int) -> list[Path]:
        """States of an unfinished or finished training, newest last."""
        return states_in(self.stage(stage))


def _refuse_other_clusters(found: dict[str, Any]) -> None:
    """ValueError for arrays of other types or shapes than a clustering has."""
    labels = found["labels"]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or found["ids"].shape != labels.shape:
        raise ValueError(f"labels are {labels.dtype} {labels.shape}; expected a whole number for each id")
    for name in ("centres", "dictionary"):
        if name in found and (found[name].ndim != 2 or found[name].dtype.kind != "f"):
            raise ValueError(f"{name} is {found[name].dtype} {found[name].shape}; expected numbers (K, C)")
    if "clusters" in found and (found["clusters"].shape or found["clusters"].dtype.kind not in "iu"):
        raise ValueError("clusters is not a whole number")
    most = len(found["dictionary"]) if "dictionary" in found else None
    if labels.size and (labels.min() < 0 or (most is not None and labels.max() >= most)):
        raise ValueError(f"labels lie between {labels.min()} and {labels.max()}; there are {most} clusters")


def _matching(found: Any) -> dict[str, Any]:
    """The contents of a matching; ValueError or similar for anything else."""
    classes, assignment = found["classes"], found["assignment"]
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("classes are not names")
    table = np.array(assignment)
    if table.ndim != 2 or len(table) != len(classes) or not np.isin(table, (0, 1)).all():
        raise ValueError("assignment is not a table of 0 and 1 with a row for each class")
    if not isinstance(found.get("clusters", ""), str):
        raise ValueError("clusters is not text")
    return dict(found)
