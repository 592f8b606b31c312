"""The Run: a folder in which every command finds what the earlier ones made."""

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from avloc.errors import RunError
from avloc.files import read_json, replacing
from avloc.plain_arrays import plain_arrays


@dataclass(frozen=True)
class Run:
    """Paths below one folder::

    config.yaml            the resolved configuration: all values, defaults too
    made_with.json         versions, device and date of the command that began it
    stores.json            where its stores lie and what they hold
    stage1/ stage2/        weights a phase left behind (PHASE.safetensors), log.jsonl, state of an unfinished training
    clusters.npz           labels of the training clips, centres, dictionary, where they come from
    matching.json          clusters to classes, with doubts
    card.md                what the model learnt from, how right it is, what it cannot do
    calibration.json       from which score on something in view makes the sound, by stage
    predictions/<set>.h5   results/<set>.<protocol>.json   figures/   report/index.html
    """

    path: Path
    _held: tuple[int, int] | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))

    def hold(self) -> None:
        """Remember which folder this is; `refuse_moved` tells later whether it is still there."""
        object.__setattr__(self, "_held", self._marks())

    def refuse_moved(self) -> None:
        """RunError, before anything is written, where the folder has been moved or removed since it was held.

        Writing would make a second folder of that name, without config.yaml and half of a run.
        """
        now = self._marks()
        if self._held is not None and (now is None or (now[0] != self._held[0] and now[1] != self._held[1])):
            raise RunError(
                f"{self.path} was moved or removed while this command worked in it; nothing more is written. "
                "Run the command again with --run PLACE: it resumes from what was finished"
            )

    def _marks(self) -> tuple[int, int] | None:
        """By which a run is known, None where there is none: the number of its folder, which stays when it is renamed, and
        when its configuration was written. Some network file systems change the one, an editor the other.
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
        """The first of the phases' weights that is there; RunError naming the command that trains it."""
        for phase in phases:
            if (path := self.stage(stage) / f"{phase}.safetensors").exists():
                return path
        raise RunError(
            f"{self.path} has no trained stage {stage}; `avloc train-stage{stage} --run {self.path}` trains it"
        )

    def save_clusters(self, **arrays: Any) -> None:
        self.refuse_moved()
        with replacing(self.clusters) as temporary, open(temporary, "wb") as file:
            np.savez_compressed(file, **arrays)

    def load_clusters(self) -> dict[str, Any]:
        """Arrays `labels`, `centres`, `dictionary`, `ids`, and `epoch`, `clusters`, `weights` that tell their origin."""
        if not self.clusters.exists():
            raise RunError(f"{self.path} has no clusters.npz; `avloc cluster --run {self.path}` writes it")
        try:
            return plain_arrays(self.clusters)
        except (OSError, ValueError) as error:
            raise RunError(
                f"{self.clusters}: cannot be read ({error}); `avloc cluster --run {self.path}` writes it again"
            ) from None

    def load_matching(self) -> dict[str, Any]:
        """`classes` (C names), `assignment` (C, K) and what `avloc match-clusters` says beside them."""
        if not self.matching.exists():
            raise RunError(f"{self.path} has no matching.json; `avloc match-clusters --run {self.path}` writes it")
        return dict(read_json(self.matching))

    def log_path(self, stage: int) -> Path:
        return self.stage(stage) / "log.jsonl"

    def states(self, stage: int) -> list[Path]:
        """States of an unfinished or finished training, newest last."""
        return sorted(
            path for path in self.stage(stage).glob("state-*.pt") if re.fullmatch(r"state-\d+\.pt", path.name)
        )
