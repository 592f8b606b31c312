"""How fast `avloc predict` is, and how much memory it takes: a made video of 640x360 at 30 frames a second.

python -m tests.bench.predicting [--minutes 10] [--weights see_and_hear]

Two cores with nothing else to do, see_and_hear, two maps a second, overlay written:

    1 min     26 s, 2.34 times real time; 37 s of CPU, 0.62 s for each second of video; peak 1.10 GiB
   10 min     peak 1.11 GiB; beside many other programs, so 726 s of CPU and 1,881 s by the clock say nothing
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np

MAKE = "from tests.bench.predicting import work; import sys; work(*sys.argv[1:])"


def make(path: Path, seconds: int, size: tuple[int, int] = (640, 360), fps: int = 30, rate: int = 44_100) -> None:
    """A moving pattern and a melody in stereo."""
    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "24"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = file.add_stream("aac", rate=rate, layout="stereo")
        for second in range(seconds):
            for number in range(fps):
                at = second + number / fps
                image = np.stack([across + 60 * at, down + 90 * at, across + down], axis=2).astype(np.uint8)
                image[100:200, 300:400] = int(127 + 120 * np.sin(9 * at))
                file.mux(video.encode(av.VideoFrame.from_ndarray(image)))
            samples = np.arange(second * rate, (second + 1) * rate) / rate
            wave = (
                0.4 * np.sin(2 * np.pi * (220 + 30 * (second % 12)) * samples) * (1 + np.sin(9 * samples)) / 2
            ).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(np.stack([wave, wave]), "fltp", "stereo")
            frame.rate, frame.pts = rate, second * rate
            file.mux(sound.encode(frame))
        file.mux(video.encode())
        file.mux(sound.encode())


def work(video: str, out: str, weights: str) -> None:
    """In a process of its own, so that the peak is that of the command."""
    import avloc

    began, used = time.monotonic(), time.process_time()
    (found,) = avloc.predict([video], weights=weights, out=out).overlays
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    wall, cpu = time.monotonic() - began, time.process_time() - used
    print(
        f"{found.seconds:.0f} s of video in {wall:.0f} s ({found.seconds / wall:.2f}x real time), {cpu:.0f} s of CPU "
        f"({cpu / found.seconds:.2f} s for each second), peak {peak:.2f} GiB, {found.maps} maps"
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 10])
    parser.add_argument("--weights", default="see_and_hear")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for minutes in asked.minutes:
            video = Path(folder) / f"{minutes:g}.mp4"
            make(video, round(60 * minutes))
            print(f"{minutes:g} min, {asked.weights}: ", end="", flush=True)
            subprocess.run([sys.executable, "-c", MAKE, str(video), f"{folder}/out", asked.weights], check=True)


if __name__ == "__main__":
    main()
