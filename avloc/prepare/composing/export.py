"""The other outputs of a composed store: ground truth for any model's heat maps, and videos."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.data.scenes import scenes_of, sounds_of
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.files import read_json, write_bytes, write_json
from avloc.naming import counted
from avloc.prepare.pool.process import Tell
from avloc.prepare.pool.tasks import run_tasks
from avloc.processes import processors
from avloc.progress import Progress, untold
from avloc.synthetic.video import encode_mp4

logger = logging.getLogger("avloc.prepare")

RATE = 10  # frames per second of the videos
SWAY, SWELL = 0.04, 0.05  # how far a moving picture shifts, in frame widths, and how much it grows
AT_ONCE = 16  # videos per task


def write_truth(out: Path, splits: Sequence[str]) -> None:
    """truth.json with all clips of these splits, and truth/SPLIT.json for each, in this package's own format."""
    store = Store.open(out)
    every: list[dict[str, Any]] = []
    for split in splits:
        clips = list(_clips(store.split(split))) if store.splits[split] else []
        if clips:
            write_json(out / "truth" / f"{split}.json", _truth(split, clips), indent=None)
        every += clips
    if every:
        write_json(out / "truth.json", _truth("composed", every), indent=None)


def _truth(name: str, clips: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": name, "boxes": "xyxy", "units": "fraction", "clips": clips}


def _clips(part: Store) -> Iterator[dict[str, Any]]:
    scenes, kinds = scenes_of(part), sounds_of(part)
    for number in range(len(part)):
        clip = part.about(number)
        found: dict[str, Any] = {"id": clip.id, "video": clip.video}
        if scenes is not None and scenes[number]:
            found["scene"] = scenes[number]
        if kinds is not None and kinds[number] != "own":
            found["sound"] = kinds[number]
        found["boxes"] = [
            {
                "box": [round(float(side), 6) for side in box.xyxy],
                **({"class": part.classes[box.label]} if box.label >= 0 else {}),
                **({} if box.sounding else {"sounding": False}),
            }
            for box in clip.boxes
        ]
        yield found


def write_videos(
    out: Path, splits: Sequence[str], folder: Path, moving: bool, jobs: int | None, progress: Progress | None
) -> None:
    """FOLDER/SPLIT/CLIP.mp4 of each clip, with its sound; existing files of the same clips are kept.

    moving: the picture slowly shifts and grows; in the middle of the video it equals the stored one. FOLDER/videos.json says
    what the files show: those of other clips, or with another motion, are made again.
    """
    store, tell = Store.open(out), progress or untold
    todo = [
        (split, number, folder / split / f"{name}.mp4")
        for split in splits
        if store.splits[split]
        for number, name in enumerate(store.split(split).ids)
    ]
    about = {"store": store.fingerprint, "moving": moving}
    note = folder / "videos.json"
    if not note.exists() or read_json(note) != about:
        stale = [path for _, _, path in todo if path.exists()]
        for path in stale:
            path.unlink()
        if stale:
            videos_were = counted(len(stale), "video was", "videos were")
            logger.warning("%s: %s of other clips or of another motion; made again", folder, videos_were)
        folder.mkdir(parents=True, exist_ok=True)
        write_json(note, about)
    missing = [one for one in todo if not one[2].exists()]
    tasks = {
        number: (out, missing[start : start + AT_ONCE], moving)
        for number, start in enumerate(range(0, len(missing), AT_ONCE))
    }
    workers = processors() if jobs is None else jobs
    done = len(todo) - len(missing)
    with closing(run_tasks(make_videos, tasks, workers if workers > 1 else 0, inf, _blame)) as made:
        for _, count in made:
            done += count
            tell(done, len(todo), "videos")


def make_videos(out: Path, some: Sequence[tuple[str, int, Path]], moving: bool, tell: Tell) -> int:
    """Write these videos and return their number."""
    store, parts = Store.open(out), dict[str, Store]()
    for split, number, path in some:
        part = parts.setdefault(split, store.split(split))
        clip = part.clip(number)
        count = max(1, round(part.seconds * RATE))
        frames = _moving(clip.frames[0], count, number) if moving else (clip.frames[0] for _ in range(count))
        write_bytes(path, encode_mp4(frames, RATE, clip.waveform.astype(np.float32) / np.float32(32767), part.rate))
        tell("done", False)
    return len(some)


def _moving(frame: NDArray[np.uint8], count: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Outside its edges, a picture is mirrored."""
    size = frame.shape[0]
    direction = np.random.default_rng(seed).uniform(0, 2 * np.pi)
    for number in range(count):
        time = (number + 0.5) / count * 2 - 1  # from -1 to 1
        scale = 1 + SWELL * time
        shift = SWAY * size * time * np.array([np.cos(direction), np.sin(direction)])
        centre = (size - 1) / 2
        move = np.array([[scale, 0, centre * (1 - scale) + shift[0]], [0, scale, centre * (1 - scale) + shift[1]]])
        yield cv2.warpAffine(frame, move, (size, size), borderMode=cv2.BORDER_REFLECT).astype(np.uint8, copy=False)


def _blame(arguments: tuple[Any, ...], number: int, reason: str, detail: str) -> tuple[Any, ...]:
    raise DataError(
        f"{arguments[0]}: a process that makes videos died ({detail}); run the command again, finished videos are kept"
    )
