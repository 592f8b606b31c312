"""The settings for an input and the summary of its result; they also identify an earlier result."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from avloc.drawing.overlay import Overlay
from avloc.engine.earlier_results import states_of, unfinished
from avloc.engine.found_files import read_head
from avloc.engine.inputs import Input
from avloc.errors import AvlocError


@dataclass(frozen=True)
class How:
    """Settings for an input. every, quiet_below: see `Asked`. track: the sound track, from 1. frames, maps, masks: also
    write stills, an .h5 of all maps, and masks in the JSON.
    """

    every: float = 0.5
    quiet_below: float = -60.0
    track: int | None = None
    view: str = "heat"
    colours: str = "inferno"
    opacity: float = 0.6
    frames: bool = False
    maps: bool = False
    masks: bool = False

    def overlay(self) -> Overlay:
        return Overlay(self.view, self.colours, self.opacity)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Overlaid:
    """One finished input.

    seconds: of the picture, including `silent_seconds` without sound, and `elsewhere_seconds` with a sound from
    elsewhere according to the calibration. heard: the sounding classes, most frequent first, each with its share of the
    maps. broken: pictures that depend on data that could not be decoded. fresh: False for one finished by an earlier
    call.
    """

    name: str
    source: Path
    video: Path
    json: Path
    table: Path
    seconds: float
    silent_seconds: float
    elsewhere_seconds: float
    maps: int
    heard: dict[str, float]
    broken: int
    sound_tracks: int
    fresh: bool = True


def identity(model: Any) -> dict[str, Any]:
    """Identifies a model: its source, and the bytes of its weights."""
    from avloc.weights import digest

    weights = getattr(model, "weights", None)
    told = {"model": str(getattr(model, "source", model.method)), "method": model.method}
    if weights is not None:
        told["weights"] = digest(Path(weights))[:16]
    if getattr(model, "calibration", None) is not None:
        told["calibration"] = repr(model.calibration)
    if getattr(model, "inference", ""):
        told["inference"] = model.inference
    return told


def made_with(one: Input, how: How, model: Mapping[str, Any]) -> dict[str, Any]:
    """Identifies an earlier result: settings, model, and sizes and times of the files."""
    return {**asdict(how), **model, "files": states_of(one.files)}


def finished(one: Input, out: Path, made: Mapping[str, Any]) -> Overlaid | None:
    """The result of an earlier call for this input with these settings; None if any of it is missing."""
    path = out / f"{one.name}.json"
    try:
        told = read_head(path)
        if told["made_with"] != made or not all((out / name).exists() for name in told["written"]):
            return None
        unfinished(out, one.name).unlink(missing_ok=True)
        return summary(one, out, told, fresh=False)
    except (AvlocError, OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def summary(one: Input, out: Path, about: Mapping[str, Any], fresh: bool = True) -> Overlaid:
    return Overlaid(
        name=one.name,
        source=one.path,
        video=out / f"{one.name}.mp4",
        json=out / f"{one.name}.json",
        table=out / f"{one.name}.csv",
        seconds=about["seconds"],
        silent_seconds=about["silent_seconds"],
        elsewhere_seconds=about["elsewhere_seconds"],
        maps=about["maps"],
        heard=dict(about["heard"]),
        broken=about["broken_pictures"],
        sound_tracks=about["sound_tracks"],
        fresh=fresh,
    )
