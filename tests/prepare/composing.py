"""Small drawn photographs and sounds by class, known by construction, for `avloc prepare compose`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from avloc.prepare.compose import prepare_compose
from avloc.prepare.writing.build import Prepared

CLASSES = ("bell", "cat", "drum", "horn", "owl")
THINGS = ("chair", "lamp")
RATE = 8000
COUNTS = (
    "train:whole=6", "train:solo=10", "validation:pair=6", "test:solo=8", "test:pair=8", "test:duet=6", "test:mosaic=4",
    "test:interactive=6", "test:absent=24",
)  # fmt: skip


def colour_of(name: str) -> tuple[int, int, int]:
    """A colour that no other name has."""
    number = (*CLASSES, *THINGS).index(name)
    return 30 * number + 20, 250 - 35 * number, 120 + 15 * (number % 3)


def pitch_of(name: str) -> float:
    return 400.0 + 300 * (*CLASSES, "wind", *THINGS).index(name)


def photograph(name: str, number: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Of the name's colour throughout, but for one pixel that tells photographs of a name apart."""
    picture = Image.new("RGB", size, colour_of(name))
    picture.putpixel((number % size[0], number // size[0]), (number, number, number))
    return picture


def make_photographs(
    folder: Path, names: Sequence[str] = CLASSES, count: int = 16, size: tuple[int, int] = (64, 48)
) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            photograph(name, number, size).save(folder / name / f"{name}_{number:02d}.png")
    return folder


def tone(name: str, number: int, seconds: float = 1.5, rate: int = RATE) -> np.ndarray:
    """The pitch of the name, at a loudness and phase of its own."""
    time = np.arange(round(seconds * rate)) / rate
    return (0.1 + 0.02 * number) * np.sin(2 * np.pi * pitch_of(name) * time + number)


def make_sounds(folder: Path, names: Sequence[str] = CLASSES, count: int = 16, seconds: float = 1.5) -> Path:
    for name in names:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            soundfile.write(folder / name / f"{name}_{number:02d}.wav", tone(name, number, seconds), RATE)
    return folder


def make_backgrounds(folder: Path, count: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", (80, 70), (number, number, number)).save(folder / f"{number:03d}.png")
    return folder


def make_world(folder: Path) -> dict[str, Path]:
    """Five classes, two silent things, wind that is only heard, and dark backgrounds."""
    make_sounds(folder / "sounds", (*CLASSES, "wind"))
    return {
        "pictures": make_photographs(folder / "photos"),
        "sounds": folder / "sounds",
        "silent": make_photographs(folder / "things", THINGS),
        "backgrounds": make_backgrounds(folder / "places"),
    }


def composed(world: dict[str, Path], out: Path, **options: Any) -> Prepared:
    """A small store: clips of one second at 8 kHz, frames of 64 pixels, worked on in this process."""
    small: dict[str, Any] = {
        "seconds": 1.0,
        "rate": RATE,
        "size": 64,
        "count": COUNTS,
        "frames": "raw",
        "jobs": 0,
        "min": 2,
    }
    return prepare_compose(out=out, **{**world, **small, **options})
