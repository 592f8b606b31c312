"""Strips over time, of a store that says which second and which frame it shows."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from avloc.drawing import strips
from avloc.drawing.panels import Row

RATE = 800


@dataclass
class Films:
    """Clips of two seconds with two frames, the first video's in reverse order; a frame is as bright as its moment is late."""

    first: int
    seconds: float = 2.0
    frames_per_clip: int = 2
    rate: int = RATE
    path: Path = Path("films")

    def __post_init__(self) -> None:
        self.starts = np.array([*(2.0 * np.arange(self.first)[::-1]), 0.0])
        self.videos = ["long"] * self.first + ["short"]

    def frames(self, clips: Any, picks: Any) -> np.ndarray:
        value = 4 * int(self.starts[clips[0]] + picks[0])
        return np.full((1, 16, 16, 3), value, np.uint8)

    def sounds(self, clips: Any) -> np.ndarray:
        return np.stack([np.full(2 * RATE, 100 * (clip + 1), np.int16) for clip in clips])


def drawn(monkeypatch: Any, store: Films, maps: np.ndarray, **options: Any) -> list[Row]:
    rows: list[Row] = []
    monkeypatch.setattr(strips, "panel", lambda title, found: rows.extend(found) or b"")
    strips.strips(store, maps, 2, "films", **options)
    return rows


def test_frames_stand_in_the_order_of_time_with_the_class_that_is_loudest(monkeypatch):
    maps = np.zeros((8, 3, 4, 4), np.float32)
    maps[:, 1, 2, 2] = np.arange(8)
    pictures, sound, short, _ = drawn(monkeypatch, Films(3), maps, classes=("a", "b", "c"))
    titles = [picture.title for picture in pictures.pictures]
    assert titles == [f"{n} to {n + 1} s" for n in range(6)] and str(strips.Stretch(0, 1, 0.25, 0.5)) == "0.25 to 0.5 s"
    assert [picture.caption for picture in pictures.pictures[:2]] == ["highest 4, b", "highest 5, b"]
    assert pictures.heading == "long: colours from 0 to 5" and short.heading == "short: colours from 0 to 7"
    corners = [picture.image[:8, :8].mean() for picture in pictures.pictures]  # where the maps are 0
    assert corners == sorted(corners) and corners[0] < corners[-1]
    (picture,) = sound.pictures
    assert picture.image.shape[1] == 6 * 170 - 10 and picture.caption == "0 to 6 s"


def test_of_many_frames_ten_are_shown_and_marked_in_the_sound(monkeypatch):
    maps = np.ones((26, 1, 4, 4), np.float32)
    pictures, sound, *_ = drawn(monkeypatch, Films(12), maps)
    assert len(pictures.pictures) == 10
    starts = [float(picture.title.split()[0]) for picture in pictures.pictures]
    assert starts[0] == 0 and starts[-1] == 23
    (picture,) = sound.pictures
    columns = np.flatnonzero((picture.image == 255).all((0, 2)))
    assert columns.tolist() == pytest.approx([start / 24 * picture.image.shape[1] for start in starts], abs=1)
    assert picture.caption == "0 to 24 s, a line where a frame shown begins"


def test_the_sound_is_that_of_the_video_in_the_order_of_time(monkeypatch):
    heard: list[np.ndarray] = []
    monkeypatch.setattr(strips, "sound_picture", lambda sound, *_: heard.append(sound) or np.zeros((4, 9, 3), np.uint8))
    drawn(monkeypatch, Films(3), np.ones((8, 1, 4, 4), np.float32))
    assert [sound[:: 2 * RATE].tolist() for sound in heard] == [[300, 200, 100], [400]]
