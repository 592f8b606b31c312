"""The metadata of a weights file, which make the file usable on its own."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.checked_weights import read_weights
from avloc.errors import RunError
from avloc.made_with import versions
from avloc.plain_json import plain_json

if TYPE_CHECKING:
    from avloc.data.store import Store

#: format 1, of the first versions, has method, stage, seed and the data's fingerprint; 2 has all fields of a Card
FORMAT = 2
#: metadata entries that are JSON; all others are plain text
PARTS = ("config", "classes", "maps", "views", "data_from", "versions", "calibration")


@dataclass(frozen=True)
class Card:
    """format: 1 for files of the first versions. config: all sections except the test sets, stores by name; None if it
    is not in the file. classes: of the labels that it was trained on. maps: names of the classes of its maps, in order;
    empty if they have none. views: rate in Hz, seconds, frames and size in pixels of the training clips. data: name,
    split, fingerprint and origin of the store. versions: of the software that trained it. calibration: see
    `avloc.engine.calibration`. other: further metadata.
    """

    method: str
    stage: int
    phase: str = ""
    epoch: int = 0
    format: int = FORMAT
    config: dict[str, Any] | None = None
    classes: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()
    views: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    calibration: dict[str, Any] | None = None
    other: dict[str, str] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """``synthetic``, ``composed`` or ``recorded``; empty if unknown."""
        return str(self.data.get("origin", ""))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def metadata_of_training(config: Mapping[str, Any], store: "Store", split: str) -> dict[str, str]:
    """The entries of a training, without paths and times, so that the same training gives the same file.

    config: the values of the configuration with which the run was started.
    """
    from avloc.data.origin import origin_of

    settings = getattr(store, "settings", {})
    views = {
        "rate": store.rate,
        "seconds": store.seconds,
        "frames": store.frames_per_clip,
        "size": store.size,
    }
    data = {
        "store": store.path.name,
        "split": split,
        "fingerprint": store.fingerprint,
        "origin": origin_of(settings),
        "prepared_as": settings.get("data", ""),
        "clips": len(store),
    }
    return _texts(
        config=without_places(config), classes=store.classes, views=views, data_from=data, versions=versions()
    )


def metadata_of_import(config: Mapping[str, Any]) -> dict[str, str]:
    """The entries of imported weights, whose training data is unknown."""
    return _texts(config=without_places(config), versions=versions())


def metadata_of(card: Card) -> dict[str, str]:
    """The entries that `card_of` reads as this card."""
    given = {
        "config": card.config,
        "classes": card.classes or None,
        "maps": card.maps or None,
        "views": card.views or None,
        "data_from": card.data or None,
        "versions": card.versions or None,
        "calibration": card.calibration,
    }
    plain = {"method": card.method, "stage": str(card.stage), "phase": card.phase, "epoch": str(card.epoch)}
    return {**card.other, **plain, **_texts(**{name: value for name, value in given.items() if value is not None})}


def card_of(path: Path) -> Card:
    """RunError for a file that is not avloc weights, or has a later format."""
    _, about = read_weights(path, "expected a .safetensors file of a run", "give another copy of the file")
    return _card(path, about)


def _card(path: Path, about: dict[str, str]) -> Card:
    try:
        form = int(about.pop("format", "1")) if about.get("method") else 1
        if form > FORMAT:
            raise RunError(f"{path}: weights of format {form}, this avloc reads up to {FORMAT}; install a newer avloc")
        if not about.get("method"):
            raise RunError(
                f"{path}: safetensors not written by avloc; use `avloc import-weights` for the authors' checkpoints"
            )
        parts = {name: plain_json(about.pop(name)) for name in PARTS if name in about}
        plain = {name: about.pop(name, default) for name, default in (("phase", ""), ("epoch", "0"))}
        return Card(
            about.pop("method"), int(about.pop("stage", "1")), plain["phase"], int(plain["epoch"]), form,
            parts.get("config"), tuple(parts.get("classes", ())), tuple(parts.get("maps", ())), parts.get("views", {}),
            parts.get("data_from", {}), parts.get("versions", {}), parts.get("calibration"), about,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise RunError(f"{path}: the description in the file cannot be read ({error}); give another copy") from None


def without_places(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration for the metadata of weights: without test sets, and with stores and runs by name only."""

    def plain(value: Any, key: str = "") -> Any:
        if isinstance(value, Mapping):
            return {str(name): plain(item, str(name)) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        if isinstance(value, Path) or (key in ("store", "stage1", "stage2") and isinstance(value, str)):
            return Path(value).name
        return value

    return {str(key): plain(value, str(key)) for key, value in config.items() if key != "evaluate"}


def _texts(**parts: Any) -> dict[str, str]:
    return {"format": str(FORMAT), **{name: json.dumps(value, ensure_ascii=False) for name, value in parts.items()}}
