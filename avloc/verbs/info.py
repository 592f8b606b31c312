"""`avloc info`: describes weights, a run or a store."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from avloc.options import POSITIONAL, verb

Kind = Literal["run", "weights", "store"]


@dataclass(frozen=True)
class Info:
    """kind: weights, run or store. about: its description by name, in the order of the output. files: of a run, the
    description of each weights file, by its path in the run. config: the configuration, None for a store or if it is
    unknown.
    """

    path: Path
    kind: Kind
    about: dict[str, Any] = field(default_factory=dict)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    config: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        found = {"path": str(self.path), "kind": self.kind, **self.about}
        return {**found, **({"files": self.files} if self.kind == "run" else {}), "config": self.config}


@verb
def info(what: Annotated[Path, "a .safetensors file, the folder of a run, or a store", POSITIONAL]) -> Info:
    """Describe weights, a run or a store: method, configuration, classes, data, calibration, versions."""
    from avloc.errors import AvlocError

    if (what / "config.yaml").is_file():
        return _of_run(what)
    if (what / "store.json").is_file():
        return _of_store(what)
    if what.is_file():
        from avloc.engine.card import card_of

        card = card_of(what)
        return Info(what, "weights", _said(card), config=card.config)
    there = "no such file or folder" if not what.exists() else "neither a run (config.yaml) nor a store (store.json)"
    raise AvlocError(f"{what}: {there}; expected a .safetensors file, the folder of a run, or a store")


def _of_run(folder: Path) -> Info:
    from avloc.config import read_section
    from avloc.engine.calibration import Calibration
    from avloc.engine.card import card_of
    from avloc.engine.run import Run

    run, config = Run(folder), read_section(folder / "config.yaml").values
    files = {
        str(path.relative_to(folder)): _said(card_of(path)) for path in sorted(folder.glob("stage*/*.safetensors"))
    }
    calibrated = {}
    for stage in (1, 2):
        found = Calibration.load(run, stage)
        if found is not None:
            calibrated[f"calibration of stage {stage}"] = _calibration(found.to_json())
    about: dict[str, Any] = {"method": config.get("method"), "seed": config.get("seed", 0), **calibrated}
    for name, path in (("clusters", run.clusters), ("matching", run.matching)):
        if path.exists():
            about[name] = str(path)
    sets = sorted(path.name.removesuffix(".json") for path in run.results.glob("*.json"))
    return Info(folder, "run", about | ({"results": sets} if sets else {}), files, config)


def _of_store(folder: Path) -> Info:
    from avloc.data.origin import WORDS, origin_of
    from avloc.data.store import Store

    store = Store.open(folder)
    return Info(
        folder,
        "store",
        {
            "data": store.settings.get("data", ""),
            "origin": WORDS[origin_of(store.settings)],
            "splits": store.splits,
            "classes": list(store.classes),
            "views": {
                "rate": store.rate,
                "seconds": store.seconds,
                "frames": store.frames_per_clip,
                "size": store.size,
            },
            "fingerprint": store.fingerprint,
        },
    )


def _said(card: Any) -> dict[str, Any]:
    """The entries of a card, without its configuration and without empty ones."""
    from avloc.data.origin import WORDS

    other = dict(card.other)
    fingerprint = other.pop("data", None)  # all that the first versions recorded
    data = dict(card.data) or ({"fingerprint": fingerprint} if fingerprint else {})
    if "origin" in data:
        data["origin"] = WORDS.get(data["origin"], data["origin"])
    said = {
        "method": card.method,
        "stage": card.stage,
        "phase": card.phase,
        "epoch": card.epoch,
        "format": card.format,
        "classes": list(card.classes),
        "maps": list(card.maps),
        "views": card.views,
        "data": data,
        "versions": card.versions,
        "calibration": None if card.calibration is None else _calibration(card.calibration),
        **other,
    }
    return {name: value for name, value in said.items() if value not in (None, "", [], {})}


def _calibration(values: dict[str, Any]) -> dict[str, Any]:
    """The chosen score with its metrics; the other scores are in calibration.json."""
    return {key: values.get(key) for key in ("score", "threshold", "auroc", "alarms", "missed", "clips", "test")}
