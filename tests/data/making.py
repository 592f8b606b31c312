"""Small videos, MUSIC folders and items whose content is known by construction."""

import json
import os
import signal
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from threading import Event

import av
import cv2
import h5py
import numpy as np
import pytest

from avloc.data.clip import Box, Clip
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.pool import tasks

REPOSITORY = Path(__file__).resolve().parents[2]
MEDIA = REPOSITORY.parent / "shared" / "media"
ANNOTATIONS = REPOSITORY.parent / "shared" / "annotations"
BITS = 8


def rows_of(store: Path) -> dict[str, dict]:
    """The manifest of a store: its lines by their id."""
    return {row["id"]: row for row in map(json.loads, (store / "manifest.jsonl").read_text().splitlines())}


def write_image(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image)


def painted(number: int, width: int = 128, height: int = 96) -> np.ndarray:
    """A frame that shows its number: eight upright bars, the highest bit on the left, white is one."""
    bars = [255 if number >> bit & 1 else 0 for bit in reversed(range(BITS))]
    row = np.repeat(np.array(bars, np.uint8), width // BITS)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def number_in(frame: np.ndarray) -> int:
    """The number that a square frame shows."""
    bars = frame.reshape(frame.shape[0], BITS, -1, 3)[:, :, 2:-2].mean((0, 2, 3)) > 127
    return int(sum(int(bar) << bit for bar, bit in zip(bars, reversed(range(BITS)), strict=True)))


def make_video(
    path: Path,
    frames: int | Sequence[np.ndarray] = 40,
    rate: Fraction | int = 10,
    times: Sequence[float] | None = None,
    sound: np.ndarray | None = None,
    sound_rate: int = 22050,
    sound_start: float = 0.0,
    bframes: bool = False,
) -> Path:
    """H.264 and AAC; frames numbered or given, shown at `times` (s) or evenly; sound (channels, S) in [-1, 1]."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [painted(n) for n in range(frames)] if isinstance(frames, int) else frames
    options = {"crf": "18", "preset": "veryfast"} | ({"bf": "3"} if bframes else {"bf": "0"})
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264" if path.suffix != ".webm" else "libvpx", rate=rate, options=options)
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.codec_context.time_base = Fraction(1, 12800)
        audio = None
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            codec = "libopus" if path.suffix == ".webm" else "aac"
            audio = container.add_stream(codec, rate=sound_rate, layout=layout)
        for n, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image)
            frame.time_base = Fraction(1, 12800)
            frame.pts = round((times[n] if times is not None else n / float(rate)) * 12800)
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if audio is not None:
            assert sound is not None
            tone = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), "fltp", layout)
            tone.rate, tone.time_base = sound_rate, Fraction(1, sound_rate)
            tone.pts = round(sound_start * sound_rate)
            container.mux(audio.encode(tone))
            container.mux(audio.encode())
    return path


def make_sound(path: Path, seconds: float = 3.0, pitch: float = 500.0, rate: int = 22050) -> Path:
    """An AAC track and nothing else."""
    with av.open(str(path), "w") as container:
        audio = container.add_stream("aac", rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone(seconds, pitch, rate), "fltp", "mono")
        frame.rate = rate
        container.mux(audio.encode(frame))
        container.mux(audio.encode())
    return path


def tone(seconds: float, pitch: float = 440.0, rate: int = 22050, loudness: float = 0.5) -> np.ndarray:
    return (loudness * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)[None]


def turn(path: Path, quarters: int = 1) -> None:
    """Make a player turn the video by so many times 90 degrees clockwise: the matrix in the mp4's track header."""
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 4 + 40
    cosine, sine = [(1, 0), (0, 1), (-1, 0), (0, -1)][quarters]
    matrix = [value << 16 for value in (cosine, sine, 0, -sine, cosine, 0, 0, 0)]
    content[place : place + 36] = struct.pack(">9i", *matrix, 1 << 30)
    path.write_bytes(content)


def stem(number: int) -> str:
    return f"video_{number:05d}_0_1000"


@dataclass(frozen=True)
class MusicFolder:
    """A MUSIC folder made by `make_music`: split -> stems, stem -> class."""

    root: Path
    lists: dict[str, list[str]]
    labels: dict[str, str]


def make_music(root: Path, splits: dict[str, Sequence[str]], seconds: int = 2, truth: bool = True) -> MusicFolder:
    """One video for each class named in `splits`; every key frame has a sounding box, and a silent one in the truth."""
    root.mkdir(parents=True, exist_ok=True)
    lists: dict[str, list[str]] = {}
    labels: dict[str, str] = {}
    for split, classes in splits.items():
        lists[split] = []
        for name in classes:
            video = stem(len(labels))
            labels[video] = name
            lists[split].append(video)
            pitch = 220.0 + 40 * len(labels)
            make_video(root / "videos" / f"{video}.mp4", 10 * seconds, sound=tone(seconds, pitch))
        lines = "".join(f"{video}.flac {video}.mp4\r\n" for video in lists[split])
        (root / f"{split}.txt").write_text(lines, newline="")
    names = sorted(set(labels.values()))
    videos = {name: [video[:11] for video, label in labels.items() if label == name] for name in names}
    (root / "MUSIC_solo_videos.json").write_text(json.dumps({"version": 1.0, "videos": videos}))
    keys = {}
    for video, name in labels.items():
        for second in range(seconds):
            for offset in (0, 7, 14, 21):
                boxes = [{"class": name, "normbox": [0.25, 0.25, 0.5, 0.5], "sounding": True}]
                boxes.append({"class": "lamp", "normbox": [0.0, 0.5, 0.25, 0.5], "sounding": False})
                key = f"{video}/frame_{second:03d}/{30 * second + offset:05d}.jpg"
                keys[key] = {"bbox": boxes, "wdith": 128, "height": 96}
    if truth:
        (root / "truth.json").write_text(json.dumps(keys))
    return MusicFolder(root, lists, labels)


@dataclass(frozen=True)
class MadeReader:
    """Clips without any video: item n has n % 3 + 1 clips, filled with n; every fifth breaks off after its first clip.

    deadly, hanging: items whose reading kills the process, or never ends, as long as the file `alive` does not exist.
    slow: seconds that each clip takes.
    """

    deadly: str = ""
    alive: str = ""
    hanging: str = ""
    slow: float = 0.0

    def read(self, item: Item) -> Iterator[Clip]:
        number = item.facts["number"]
        if item.id == self.deadly and not os.path.exists(self.alive):
            os.kill(os.getpid(), signal.SIGKILL)
        if item.id == self.hanging and not os.path.exists(self.alive):
            Event().wait()
        for second in range(number % 3 + 1):
            time.sleep(self.slow)
            yield Clip(
                id=f"{item.id}/{second:03d}",
                video=item.id,
                split="",
                start=float(second),
                frames=np.full((2, 16, 16, 3), (10 * number + second) % 256, np.uint8),
                frame_keys=(f"{item.id}/{second}/a", f"{item.id}/{second}/b"),
                waveform=np.full(100, 100 * number + second, np.int16),
                labels=(number % 2,),
                boxes=(Box((0.0, 0.25, 0.5, 1.0), 1, number % 2, True),) * (number % 4),
                annotated=(False, True),
            )
            if number % 5 == 4:
                raise MediaError(item.path, "cannot be decoded", "made so")


SETTINGS = {
    "data": "made",
    "classes": ("a", "b"),
    "rate": 100,
    "seconds": 1.0,
    "samples": 100,
    "frames_per_clip": 2,
    "size": 16,
    "frames": "raw",
}


def content(store: Path) -> dict[str, bytes]:
    """Every file of a store, shards byte for byte."""
    return {str(path.relative_to(store)): path.read_bytes() for path in sorted(store.rglob("*")) if path.is_file()}


def made_listing(count: int = 13) -> Listing:
    """Items 0, 1, ...; "all" lists them backwards, "even" every other one."""
    items = {f"item{n:02d}": Item(f"item{n:02d}", f"item{n:02d}.mp4", {"number": n}) for n in range(count)}
    backwards = [Entry(name, f"all.txt:{n}") for n, name in enumerate(reversed(items), 1)]
    return Listing(items, {"all": backwards, "even": [Entry(name) for name in list(items)[::2]]})


def slow(begun: str, tell: object) -> None:
    """Work of a process: it says that it has begun, and ends a little later."""
    Path(begun).touch()
    time.sleep(0.3)


def mark(shard: Path, how: str, patch: pytest.MonkeyPatch) -> None:
    """From now on, a process that reads this HDF5 shard `ends` or `hangs`."""
    with h5py.File(shard, "r+") as file:
        file.attrs["mark"] = how
    patch.setattr(
        tasks, "BEGIN", tasks.BEGIN.replace("stand_by(int", "import tests.data.marked_shards; stand_by(int", 1)
    )
