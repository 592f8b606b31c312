"""A small world on disk: its layout, its videos, and what happens when it is started again, or cannot be."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from avloc.errors import AvlocError
from avloc.prepare.synthetic import prepare_synthetic
from avloc.synthetic.film import make_film
from avloc.synthetic.plan import CLASSES, counts, planned_videos

VIDEOS = 12


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("synthetic") / "world"
    reported = []
    made = prepare_synthetic(out, VIDEOS, seed=4, jobs=1, progress=lambda *told: reported.append(told))
    assert (made.out, made.videos, made.seconds, made.classes) == (out, VIDEOS, 4.0 * VIDEOS, CLASSES)
    assert made.counts == counts("quick", VIDEOS)
    assert reported[-1] == (VIDEOS, VIDEOS, "") and len(reported) == VIDEOS
    return out


def loaded(path: Path):
    return json.loads(path.read_text())


def lists_of(world: Path) -> dict[str, list[str]]:
    return {path.stem: path.read_text().splitlines() for path in sorted(world.glob("*.txt"))}


def decoded(path: Path) -> tuple[np.ndarray, np.ndarray, int]:
    """Frames (N, H, W, 3), mono waveform, sound rate."""
    with av.open(str(path)) as container:
        frames = np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])
    with av.open(str(path)) as container:
        blocks = list(container.decode(audio=0))
    return frames, np.concatenate([block.to_ndarray() for block in blocks], axis=1)[0], blocks[0].sample_rate


def test_every_list_line_names_a_sound_and_a_video_of_one_stem_that_is_there(world):
    lists = lists_of(world)
    assert {name: len(lines) for name, lines in lists.items()} == counts("quick", VIDEOS)
    stems = []
    for line in (line for lines in lists.values() for line in lines):
        sound, video = line.split(" ")
        assert (sound[-5:], video[-4:]) == (".flac", ".mp4")
        assert sound[:-5] == video[:-4]
        assert len(video) == 22 and video.endswith("_0_1000.mp4")
        assert (world / "videos" / video).is_file()
        stems.append(video[:-4])
    assert len(set(stems)) == len(stems) == len(list((world / "videos").iterdir())) == VIDEOS


def test_labels_name_the_sounding_classes_of_every_video(world):
    lists, settings = lists_of(world), loaded(world / "world.json")
    named = {}
    for path in world.glob("MUSIC_*_videos.json"):
        for label, ids in loaded(path)["videos"].items():
            assert label.split(" ") == sorted(label.split(" ")) and set(label.split(" ")) <= set(CLASSES)
            named |= {f"{video}_0_1000": (path.name.split("_")[1], label.split(" ")) for video in ids}
    assert named == {stem: (video["kind"], video["labels"]) for stem, video in settings["videos"].items()}
    assert set(named) == {line.split(" ")[1][:-4] for lines in lists.values() for line in lines}
    assert (settings["seed"], settings["preset"], settings["classes"]) == (4, "quick", list(CLASSES))


def test_the_truth_has_every_object_of_every_key_frame(world):
    truth, settings = loaded(world / "truth.json"), loaded(world / "world.json")
    assert len(truth) == 16 * VIDEOS
    for key, frame in truth.items():
        stem, second, picture = key.split("/")
        assert int(picture[:5]) - 30 * int(second[-3:]) in (0, 7, 14, 21)
        assert (frame["wdith"], frame["height"]) == (256, 192)
        heard = sorted(box["class"] for box in frame["bbox"] if box["sounding"])
        assert heard == settings["videos"][stem]["labels"]
        for box in frame["bbox"]:
            x, y, w, h = box["normbox"]
            assert 0 <= x < x + w <= 1.000001 and 0 <= y < y + h <= 1.000001
            assert box["category_id"] == (CLASSES.index(box["class"]) if box["class"] in CLASSES else -1)


def test_annotations_in_the_published_schema_hold_the_sounding_boxes_alone(world):
    truth, lists = loaded(world / "truth.json"), lists_of(world)
    categories = loaded(world / "categories.json")
    assert sorted(categories.values()) == sorted(CLASSES)
    for name, list_name in {
        "solotest": "solo_testing",
        "pairtest": "pair_testing",
        "mosaictest": "mosaic_testing",
    }.items():
        found = loaded(world / f"{name}.json")
        assert {key.split("/")[0] for key in found} == {line.split(" ")[1][:-4] for line in lists[list_name]}
        for key, frame in found.items():
            sounding = [box for box in truth[key]["bbox"] if box["sounding"]]
            assert [set(box) for box in frame["bbox"]] == [{"box", "normbox", "category_id"}] * len(sounding)
            assert [box["box"] for box in frame["bbox"]] == [box["box"] for box in sounding]
            assert [categories[str(b["category_id"])] for b in frame["bbox"]] == [box["class"] for box in sounding]


def test_videos_decode_to_what_was_drawn_and_played(world):
    plans = {plan.kind: plan for plan in planned_videos(counts("quick", VIDEOS), 4)}
    for plan in plans.values():
        film = make_film(plan)
        frames, waveform, rate = decoded(world / "videos" / f"{plan.stem}.mp4")
        assert frames.shape == (40, 192, 256, 3)
        for index in (0, 20, 39):
            assert np.abs(frames[index].astype(int) - film.frame(index)).mean() < 9
        played = film.waveform()
        assert rate == 22050 and len(played) <= len(waveform) < len(played) + 2048
        assert np.corrcoef(played, waveform[: len(played)])[0, 1] > 0.95


def test_the_same_seed_gives_the_same_files_whatever_the_number_of_processes(world, tmp_path):
    prepare_synthetic(tmp_path / "again", VIDEOS, seed=4, jobs=2)
    files = sorted(path.relative_to(world) for path in world.rglob("*") if path.is_file())
    again = tmp_path / "again"
    assert files == sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert all((world / name).read_bytes() == (again / name).read_bytes() for name in files)
    _it_resumes(again, world)


def _it_resumes(again: Path, world: Path) -> None:
    lost, kept = sorted((again / "videos").iterdir())[:2]
    before = kept.stat().st_mtime_ns
    lost.unlink()
    (again / "truth.json").unlink()
    (again / "videos" / ".half.mp4").write_bytes(b"of a killed process")
    prepare_synthetic(again, VIDEOS, seed=4, jobs=1)
    assert lost.read_bytes() == (world / "videos" / lost.name).read_bytes()
    assert (again / "truth.json").read_bytes() == (world / "truth.json").read_bytes()
    assert kept.stat().st_mtime_ns == before
    assert len(list((again / "videos").iterdir())) == VIDEOS


@pytest.mark.parametrize(
    ("other", "found"),
    [
        ({"seed": 5}, "seed 4, not 5"),
        ({"preset": "full"}, "preset quick, not full"),
        ({"videos": 13}, "total 12, not 13"),
    ],
)
def test_a_folder_with_another_world_is_refused_in_one_line(world, other, found):
    with pytest.raises(AvlocError, match=found) as refusal:
        prepare_synthetic(world, **({"videos": VIDEOS, "seed": 4} | other))
    assert "\n" not in str(refusal.value) and "world.json" in str(refusal.value)


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(AvlocError, match=r"is not empty and has no world\.json"):
        prepare_synthetic(tmp_path, VIDEOS)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_place_that_cannot_be_a_folder_is_refused_in_one_line(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(AvlocError) as refusal:
        prepare_synthetic(tmp_path / place, VIDEOS)
    assert "\n" not in str(refusal.value) and str(tmp_path / place) in str(refusal.value)


def test_no_process_at_all_is_refused(tmp_path):
    with pytest.raises(AvlocError, match="jobs is 0; expected at least 1"):
        prepare_synthetic(tmp_path / "world", VIDEOS, jobs=0)


def test_an_interrupted_world_holds_whole_videos_only(tmp_path):
    script = (
        "from pathlib import Path; from avloc.prepare.synthetic import prepare_synthetic\n"
        f"if __name__ == '__main__': prepare_synthetic(Path({str(tmp_path / 'world')!r}), 200, jobs=2)\n"
    )
    (tmp_path / "make.py").write_text(script)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, tmp_path / "make.py"], env=environment, stderr=subprocess.DEVNULL)
    videos = tmp_path / "world" / "videos"
    deadline = time.monotonic() + 60
    while len(list(videos.glob("[!.]*.mp4"))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    process.wait(timeout=20)
    made = list(videos.iterdir())
    assert 4 <= len(made) < 200
    assert all(decoded(path)[0].shape == (40, 192, 256, 3) for path in made)
    assert not list((tmp_path / "world").glob("*.txt"))
