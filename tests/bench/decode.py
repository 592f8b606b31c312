"""How fast videos become clips in one process, beside bare PyAV on the same files.

    python tests/bench/decode.py [FOLDER OF VIDEOS] [--videos 60] [--size 128] [--large] [--gop 250]

Bare is: decode every frame, resize four a second by swscale with the filter that avloc uses; with sound: decode and
resample it too. Without a folder, videos are made first: 4 s of 256x192 at 10 frames a second, or, with --large, 10 s of
640x360 at 25. 0.9 of bare or more is expected of frames and of sound; "one moment" is `avloc prepare vggsound`, one frame in
the middle with the sound around it, of which 1.7 of bare is expected.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import soxr
from av.video.reformatter import VideoReformatter

from avloc.prepare.media.picture import probe, read_frames
from avloc.prepare.media.square import FILTER
from avloc.prepare.music import MusicReader
from avloc.prepare.parts.items import Item
from avloc.prepare.parts.one_moment import OneMoment
from avloc.prepare.parts.recipe import moments_of
from avloc.prepare.writing.block import Whole, write_items
from avloc.prepare.writing.earlier import Earlier

SOUND_RATE = 22050


@dataclass(frozen=True)
class Kind:
    """Of videos: s, frames a second, pixels."""

    seconds: int = 4
    rate: int = 10
    width: int = 256
    height: int = 192


SMALL, LARGE = Kind(), Kind(10, 25, 640, 360)


def make_video(path: Path, seed: int, kind: Kind = SMALL, gop: int = 250) -> None:
    """H.264 and AAC: moving texture and a tone."""
    random = np.random.default_rng(seed)
    texture = random.integers(0, 256, (kind.height // 4, kind.width // 4, 3)).repeat(6, 0).repeat(6, 1).astype(np.uint8)
    with av.open(str(path), "w") as container:
        video = container.add_stream(
            "libx264", rate=kind.rate, options={"crf": "26", "preset": "veryfast", "g": str(gop)}
        )
        video.width, video.height, video.pix_fmt = kind.width, kind.height, "yuv420p"
        audio = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for n in range(kind.seconds * kind.rate):
            frame = np.ascontiguousarray(np.roll(texture, n * 3, 1)[: kind.height, : kind.width])
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame)))
        tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(kind.seconds * SOUND_RATE) / SOUND_RATE).astype(np.float32)
        sound = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        sound.rate = SOUND_RATE
        container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())


def bare(path: Path, size: int) -> int:
    reformatter, kept = VideoReformatter(), []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        due = 0.0
        for frame in container.decode(stream):
            if frame.time >= due - 0.001:
                square = reformatter.reformat(
                    frame, width=size, height=size, format="rgb24", interpolation=FILTER, threads=1
                )
                kept.append(square.to_ndarray())
                due += 0.25
    return len(kept)


def frames_only(path: Path, size: int) -> int:
    times = [second + offset / 30 for second in range(int(probe(path).duration)) for offset in (0, 7, 14, 21)]
    return len(read_frames(path, times, size))


def clips(path: Path, size: int) -> int:
    facts = {"video": path.name, "sound": None, "labels": [0], "boxes": {}}
    reader = MusicReader(path.parent, 4, size, 16000)
    return sum(len(clip.frames) for clip in reader.read(Item("bench_video", path.name, facts)))


def bare_with_sound(path: Path, size: int) -> int:
    with av.open(str(path)) as container:
        parts = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
        soxr.resample(np.concatenate(parts), container.streams.audio[0].rate, 16000)
    return bare(path, size)


def stored(paths: list[Path], size: int, kind: str) -> None:
    settings = {"frames": kind, "classes": ["a"], "frames_per_clip": 4, "size": size, "samples": 16000, "seconds": 1.0}
    reader = MusicReader(paths[0].parent, 4, size, 16000)
    items = [
        Item(path.stem, path.name, {"video": path.name, "sound": None, "labels": [0], "boxes": {}}) for path in paths
    ]
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(items), 16):
            path = Path(folder) / f"{start}.h5"
            write_items(
                Whole(path, ""),
                items[start : start + 16],
                reader,
                settings,
                Earlier(path, {}),
                {},
                lambda what, value: None,
            )


def one_moment(path: Path, size: int) -> int:
    """The frame in the middle, and three seconds of sound, as VGGSound has them."""
    facts = {"path": path.name, "sound": None, "picture": None, "folder": None, "name": path.stem, "boxes": None}
    reader = OneMoment(path.parent, moments_of(size, 16000, 3.0, "repeat"), probe(path).duration / 2)
    return sum(len(clip.frames) for clip in reader.read(Item(path.stem, path.name, facts)))


def each(paths: list[Path], work: Callable[[Path, int], int], size: int) -> None:
    for path in paths:
        work(path, size)


def milliseconds(work: Callable[[], None], videos: int, repeats: int = 3) -> float:
    """Processor time a video, the best of some rounds."""
    best = np.inf
    for _ in range(repeats):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return 1000 * best / videos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--gop", type=int, default=250, help="frames from key frame to key frame")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        if asked.folder is None:
            for n in range(asked.videos):
                make_video(Path(made) / f"{n:03d}.mp4", n, LARGE if asked.large else SMALL, asked.gop)
        paths = sorted((asked.folder or Path(made)).glob("*.mp4"))[: asked.videos]
        rows: list[tuple[str, Callable[[], None]]] = [
            ("bare PyAV", lambda: each(paths, bare, asked.size)),
            ("frames", lambda: each(paths, frames_only, asked.size)),
            ("bare PyAV and sound", lambda: each(paths, bare_with_sound, asked.size)),
            ("frames and sound", lambda: each(paths, clips, asked.size)),
            ("one moment", lambda: each(paths, one_moment, asked.size)),
            ("to raw shards", lambda: stored(paths, asked.size, "raw")),
            ("to jpeg shards", lambda: stored(paths, asked.size, "jpeg")),
        ]
        print(f"{len(paths)} videos, processor time of one process for a video")
        reference = np.nan
        for name, work in rows:
            took = milliseconds(work, len(paths))
            reference = took if name.startswith("bare") else reference
            print(f"{name:21s} {took:7.2f} ms   {reference / took:.2f} of bare")


if __name__ == "__main__":
    main()
