"""Small trees in the layouts that data sets are published in: films of the synthetic world as videos, frames and sounds."""

import json
import pickle
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile

from avloc.synthetic.film import Film, make_film
from avloc.synthetic.plan import counts, planned_videos
from avloc.synthetic.sounds import SOUND_RATE
from tests.data.making import make_video, tone

SMALL = {"widths": [8, 16, 16, 16], "blocks": [1, 1, 1, 1], "strides": [1, 2, 1, 1]}


@cache
def films() -> tuple[Film, ...]:
    """Three solo scenes, of four seconds each."""
    plans = [plan for plan in planned_videos(counts("quick", 40), 5) if plan.kind == "solo"]
    return tuple(make_film(plan) for plan in plans[:3])


@cache
def sound(number: int) -> np.ndarray:
    return np.asarray(films()[number % 3].waveform(), np.float32)


def frame(number: int, index: int = 10) -> np.ndarray:
    return films()[number % 3].frame(index)


def box(number: int, index: int = 10) -> list[float]:
    """Of the object that sounds, xyxy in [0, 1]."""
    return next([float(v) for v in xyxy] for part, xyxy in films()[number % 3].boxes(index) if part.sounding)


def write_frame(path: Path, number: int, index: int = 10) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), frame(number, index)[..., ::-1])


def write_sound(path: Path, number: int, seconds: float = 4.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wave = np.tile(sound(number), 3)[: round(seconds * SOUND_RATE)]
    soundfile.write(path, wave, SOUND_RATE)


def write_numbered_video(path: Path, seconds: float = 10.0, pitch: float = 440.0) -> None:
    """Ten frames a second that show their number; a tone."""
    make_video(path, round(10 * seconds), sound=tone(seconds, pitch))


def write_pickle(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def two_steps(stores: dict[str, Path], **model: Any) -> list[str]:
    """Overrides of a shipped configuration: its stores where they are, two steps of a tiny network, on the processor."""
    train = {"epochs": 1, "device": "cpu", "workers": 0}
    values = {**{f"stage1.train.{key}": value for key, value in train.items()}, **stores}
    values |= {f"stage1.model.{key.replace('__', '.')}": value for key, value in model.items()}
    return [
        f"{key}={json.dumps(value if not isinstance(value, Path) else str(value))}" for key, value in values.items()
    ]
