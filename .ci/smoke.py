"""A new user's first minutes with an installed avloc, run outside its checkout: help, recipes, scoring, predicting."""

import importlib.metadata
import json
import subprocess
import sys
from pathlib import Path

import numpy as np


def avloc(*words: str) -> str:
    found = subprocess.run(["avloc", *words], capture_output=True, text=True, timeout=600)
    if found.returncode:
        sys.exit(f"avloc {' '.join(words)}: status {found.returncode}\n{found.stdout}\n{found.stderr}")
    return found.stdout


def score() -> None:
    """Maps that are bright in one half, against a box of that half and one of the other: one right, one wrong."""
    import avloc as package

    half = np.zeros((2, 1, 8, 8), np.float32)
    half[..., :4] = 1
    boxes = {"a": [0.0, 0.0, 0.5, 1.0], "b": [0.5, 0.0, 1.0, 1.0]}
    clips = [{"id": name, "video": name, "boxes": [{"box": box}]} for name, box in boxes.items()]
    Path("boxes.json").write_text(json.dumps({"name": "mine", "boxes": "xyxy", "units": "fraction", "clips": clips}))
    package.write_predictions(Path("maps.h5"), ["a", "b"], half)
    options = ["--predictions", "maps.h5", "--truth", "boxes.json", "--protocol", "ez-vsl", "--resamples", "0"]
    result = json.loads(avloc("evaluate", *options, "--json"))
    value = result["metrics"]["locacc"]["value"]
    assert value == 0.5, f"one of two maps is right; found {value}"
    print("scored:", value)


def film() -> Path:
    """Three seconds of a picture that moves while a tone sounds."""
    import av

    path, rate = Path("clip.mp4"), 16000
    with av.open(str(path), "w") as file:
        video, sound = file.add_stream("mpeg4", rate=10), file.add_stream("aac", rate=rate, layout="mono")
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(30):
            image = np.zeros((48, 64, 3), np.uint8)
            image[10:30, (5 * number) % 40 : (5 * number) % 40 + 20] = 255
            file.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        tone = (0.3 * np.sin(np.arange(3 * rate) * 0.2)).astype(np.float32)[None]
        for start in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(tone[:, start : start + 1024]), "fltp", "mono")
            frame.sample_rate, frame.pts = rate, start
            file.mux(sound.encode(frame))
        for stream in (video, sound):
            file.mux(stream.encode(None))
    return path


def main() -> None:
    import avloc as package

    place = Path(package.__file__).resolve()
    assert "site-packages" in place.parts, f"{place} is not an installed package"
    files = {str(file) for file in importlib.metadata.files("avloc") or ()}
    for wanted in ("avloc/drawing/page.js", "avloc/nn/audioset.txt", "avloc/configs/dsol_music.yaml", "avloc/py.typed"):
        assert wanted in files, f"{wanted} is not in the package"
    assert any(name.endswith("licenses/LICENSE") for name in files), "the licence is not in the package"
    assert avloc("--version").strip() == f"avloc {importlib.metadata.version('avloc')}"
    assert "--out" in avloc("demo", "--help")
    assert "dsol_music" in avloc("recipes")
    score()
    avloc("predict", str(film()), "--weights", "motion", "--out", "found")
    assert Path("found", "clip.mp4").stat().st_size > 1000 and Path("found", "clip.json").exists()
    print("predicted:", sorted(path.name for path in Path("found").iterdir()))


if __name__ == "__main__":
    main()
