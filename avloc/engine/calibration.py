"""Whether anything in view makes the sound: a score of each heat map, and the threshold that it must reach.

`avloc calibrate` chooses both on validation clips (see `avloc.engine.calibrating`) and stores them in RUN/calibration.json.
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.engine.run import Run
from avloc.errors import AvlocError, RunError
from avloc.files import read_json, write_json
from avloc.room import adapter
from avloc.scoring.negatives import map_confidence

log = logging.getLogger("avloc")

FORMAT = 1
FITS = "fits"  # the method's own score of a whole frame and its sound
#: descriptions of the scores
SCORES = {
    "peak": "the highest value of the heat map",
    "top": "the mean of its highest quarter",
    "contrast": "its highest value minus its mean",
    "sharpness": "the same in standard deviations of the map",
    FITS: "how well the whole frame matches the sound, according to the method",
}


def scores_of(maps: NDArray[np.float32], fits: NDArray[np.floating] | None = None) -> dict[str, NDArray[np.float64]]:
    """(n,) for each score, from heat maps (n, K, h, w), of which the highest score counts; -inf if a map has NaN or
    infinity.

    A map that is all NaN does not exist; a clip without maps has -inf.

    fits: (n,) of `Localizer.fits`, if the method has it.
    """
    maps = np.asarray(maps, np.float32)
    there: NDArray[np.bool_] = np.asarray(~np.isnan(maps).all(axis=(2, 3)))
    # for a method that determines the number of sounding objects: the highest score among the clip's maps
    if not there.all():
        loudest = np.where(there[..., None, None], maps, -np.inf).max(axis=1, keepdims=True)
        some: NDArray[np.bool_] = np.asarray(there.any(axis=1))
        maps = np.where(some[:, None, None, None], loudest, np.nan).astype(np.float32)
    values = maps.astype(np.float64)
    whole: NDArray[np.bool_] = np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))
    flat = np.where(whole[:, None, None, None], values, 0.0).max(axis=1).reshape(len(values), -1)
    peak, mean, spread = flat.max(axis=1), flat.mean(axis=1), flat.std(axis=1)
    found = {
        "peak": peak,
        "top": map_confidence(maps),
        "contrast": peak - mean,
        "sharpness": (peak - mean) / np.maximum(spread, 1e-12),
    }
    if fits is not None:
        found[FITS] = np.asarray(fits, np.float64)
    return {name: np.where(whole & np.isfinite(score), score, -np.inf) for name, score in found.items()}


@dataclass(frozen=True)
class Calibration:
    """A clip counts as sounding if its `score` reaches `threshold`.

    aurocs: of each score, and each kind of sound that nothing in view makes. auroc, alarms: of the chosen score by
    kind;
    alarms: the share of such clips that count as sounding. missed: share of clips with their own sound that do not.
    clips: how many of each, including ``own``. All of these were measured on the clips on which score and threshold
    were chosen, so they are optimistic; `test` has the same values for other clips, if a split was given for it.
    weights: hash of the calibrated file. data: store, split and fingerprint of the clips.
    """

    score: str
    threshold: float
    auroc: dict[str, float]
    alarms: dict[str, float]
    missed: float
    clips: dict[str, int]
    aurocs: dict[str, dict[str, float]]
    method: str
    stage: int
    weights: str = ""
    seed: int = 0
    rule: str = "youden"
    data: dict[str, Any] = field(default_factory=dict)
    test: dict[str, Any] | None = None

    @classmethod
    def load(cls, run: Run | Path | str, stage: int | None = None) -> "Calibration | None":
        """Of a stage of a run, None: the last calibrated one; returns None if nothing was calibrated."""
        run = run if isinstance(run, Run) else Run(Path(run))
        if not run.calibration.exists():
            return None
        stages = _stages(run.calibration)
        if not stages:
            return None
        chosen = str(stage) if stage is not None else max(stages)
        return cls.of(stages[chosen], run.calibration) if chosen in stages else None

    @classmethod
    def of(cls, values: Mapping[str, Any], where: object) -> "Calibration":
        """From JSON; RunError naming `where` for anything that is not a calibration."""
        from pydantic import ValidationError

        try:
            found = adapter(cls).validate_python(dict(values))
        except (ValidationError, TypeError, ValueError):
            raise RunError(f"{where}: contains no readable calibration; `avloc calibrate` writes it again") from None
        if found.score not in SCORES:
            raise RunError(f"{where}: score {found.score!r} is unknown; expected one of {', '.join(SCORES)}")
        return found

    def save(self, run: Run) -> None:
        """Write it next to those of the run's other stages."""
        stages = _stages(run.calibration) if run.calibration.exists() else {}
        run.refuse_moved()
        write_json(run.calibration, {"format": FORMAT, "stages": {**stages, str(self.stage): asdict(self)}})

    @property
    def needs_fits(self) -> bool:
        return self.score == FITS

    def values(self, maps: NDArray[np.float32], fits: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """(n,) the score of heat maps (n, K, h, w). fits: (n,) of `Localizer.fits`, required if `needs_fits`."""
        found = scores_of(maps, fits)
        if self.score not in found:
            raise AvlocError(
                f"the calibration of {self.method} uses {self.score!r}, {SCORES[self.score]}, which cannot be "
                "computed from heat maps"
            )
        return found[self.score]

    def sounding(self, maps: NDArray[np.float32], fits: NDArray[np.floating] | None = None) -> NDArray[np.bool_]:
        """(n,) whether something in view makes the sound."""
        return self.values(maps, fits) >= self.threshold

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def calibration_of(
    run: Run | None, stage: int, weights: str | None, carried: Mapping[str, Any] | None = None
) -> Calibration | None:
    """That of the run if it belongs to these weights, else that in the weights file; None if there is none.

    weights: their short hash, empty for a method without training.
    """
    found = None if run is None else Calibration.load(run, stage)
    if found is not None and weights is not None and found.weights != weights:
        assert run is not None
        log.warning(
            "%s was made for other weights than those of stage %d and is not used; run `avloc calibrate --run %s` again",
            run.calibration, stage, run.path,
        )  # fmt: skip
        found = None
    return Calibration.of(carried, "the weights") if found is None and carried is not None else found


def _stages(path: Path) -> dict[str, Any]:
    found = read_json(path)
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("stages"), dict):
        raise RunError(f"{path}: not written by `avloc calibrate`; run it again, or remove the file")
    return dict(found["stages"])
