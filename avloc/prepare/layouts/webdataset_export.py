"""A store as tar shards that webdataset and other tools stream: KEY.jpg, KEY.wav and KEY.json for each clip.

Frames are the stored JPEG bytes, or PNG if the store has pixels; sound is 16-bit wav or flac; the JSON is described in
`sample_about`. The same store always gives the same bytes.
"""

import io
import json
import tarfile
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
from numpy.typing import NDArray

from avloc.data.origin import origin_of
from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.files import read_json, replacing, write_json
from avloc.prepare.layouts.sample_about import write_about
from avloc.prepare.layouts.sample_notes import notes_of
from avloc.progress import Progress

DATASET, BEGUN = "dataset.json", "exporting.json"
FORMAT = "avloc webdataset 1"
#: settings of a store that an import of the shards needs to make the same store
KEPT = ("data", "classes", "rate", "seconds", "samples", "frames_per_clip", "size", "frames", "votes", "masks", "pairs")


@dataclass(frozen=True)
class Exported:
    """out: the folder. splits: clips in each. shards: number of files. kept: shards of an earlier run. bytes: of all."""

    out: Path
    splits: dict[str, int]
    shards: int
    kept: int
    bytes: int


def export_store(
    store: Store, out: Path, splits: Sequence[str], per_shard: int, sound: str, progress: Progress
) -> Exported:
    """Write SPLIT-000000.tar and so on, and dataset.json last, which marks the export as complete.

    An interrupted export is resumed; DataError if the folder contains another export or anything else.
    """
    plan: dict[str, list[str]] = {}
    for split in splits:
        count = -(-store.splits[split] // per_shard)
        plan[split] = [f"{split}-{number:06d}.tar" for number in range(count)]
    about = {
        "format": FORMAT,
        "fingerprint": store.fingerprint,
        **{key: store.settings[key] for key in KEPT if key in store.settings},
        "origin": origin_of(store.settings),
        "sound": sound,
        "per_shard": per_shard,
        "splits": {split: {"clips": store.splits[split], "shards": names} for split, names in plan.items()},
    }
    _begin(out, about)
    done, kept, total = 0, 0, sum(store.splits[split] for split in splits)
    for split, names in plan.items():
        part = store.split(split)
        notes = notes_of(part)
        for number, name in enumerate(names):
            progress(done, total, name)
            clips = range(number * per_shard, min((number + 1) * per_shard, len(part)))
            own = list(islice(notes, len(clips)))
            if (out / name).exists():
                kept += 1
            else:
                _write_shard(out / name, part, clips, own, sound)
            done += len(clips)
    progress(done, total, "")
    write_json(out / DATASET, about)
    (out / BEGUN).unlink()
    every = [out / name for names in plan.values() for name in names]
    counts = {split: store.splits[split] for split in splits}
    return Exported(out, counts, len(every), kept, sum(path.stat().st_size for path in every))


def _begin(out: Path, about: dict[str, Any]) -> None:
    """DataError if the folder contains anything but this export, finished or not."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        there = sorted(path.name for path in out.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror}); choose another folder") from None
    known = next((name for name in (BEGUN, DATASET) if name in there), None)
    if known is None and there:
        raise DataError(f"{out}: is not empty and not an export (it contains {there[0]}); choose another folder")
    if known is not None:
        try:
            same = read_json(out / known) == json.loads(json.dumps(about))
        except AvlocError:
            same = False
        if not same:
            raise DataError(f"{out}: contains another export (see {known}); choose another folder, or remove this one")
    for path in out.glob(".*.tar.*"):  # left by a killed process
        path.unlink(missing_ok=True)
    write_json(out / BEGUN, about)
    (out / DATASET).unlink(missing_ok=True)


def _write_shard(path: Path, part: Store, clips: Sequence[int], notes: Sequence[dict[str, Any]], sound: str) -> None:
    with replacing(path) as temporary, tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
        for clip, told in zip(clips, notes, strict=True):
            for ending, content in _members(part, clip, told, sound):
                member = tarfile.TarInfo(f"{clip:09d}.{ending}")  # owner and time are 0: equal stores, equal bytes
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _members(part: Store, clip: int, notes: dict[str, Any], sound: str) -> Iterator[tuple[str, bytes]]:
    """(suffix, content) of a clip."""
    frames, waveform = part.stored(clip)
    jpeg = part.settings["frames"] == "jpeg"
    for pick, frame in enumerate(frames):
        ending = "jpg" if jpeg else "png"
        content = frame.tobytes() if jpeg else _png(frame)
        yield f"{pick}.{ending}" if len(frames) > 1 else ending, content
    yield sound, _wav(waveform, part.rate) if sound == "wav" else _flac(waveform, part.rate)
    yield "json", write_about(part.about(clip), part.classes, notes)


def _png(frame: NDArray[np.uint8]) -> bytes:
    done, content = cv2.imencode(".png", cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    if not done:
        raise ValueError(f"a frame of shape {frame.shape} could not be written as PNG")
    return content.tobytes()


def _wav(waveform: NDArray[np.int16], rate: int) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.ascontiguousarray(waveform, "<i2").tobytes())
    return held.getvalue()


def _flac(waveform: NDArray[np.int16], rate: int) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, waveform, rate, format="FLAC", subtype="PCM_16")
    return held.getvalue()
