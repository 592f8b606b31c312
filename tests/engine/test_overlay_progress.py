"""What is told while the overlays of videos are made."""

from pathlib import Path
from types import SimpleNamespace

from avloc.engine import overlay_many


def told_of(monkeypatch, *names):
    """What is told of inputs each of which says once that 120 of its 300 frames are done."""
    told = []

    def one(model, source, out, how, who, tell):
        tell(120, 300, "drawing")
        return SimpleNamespace(name=source.name)

    monkeypatch.setattr(overlay_many, "overlay_one", one)
    inputs = [SimpleNamespace(name=name, path=Path(name)) for name in names]
    left = list(range(len(names)))
    list(overlay_many._one_by_one(None, {}, inputs, left, Path(), None, lambda *parts: told.append(parts)))
    return told


def test_of_one_video_its_frames_are_counted(monkeypatch):
    assert told_of(monkeypatch, "dog") == [(120, 300, "frames of dog: drawing")]


def test_of_several_videos_each_says_how_many_of_its_frames_are_done(monkeypatch):
    assert told_of(monkeypatch, "a", "b") == [(0, 2, "a: 120/300 frames"), (1, 2, "b: 120/300 frames")]
