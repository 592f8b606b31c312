"""Videos, pictures and folders as people have them: eight channels, sizes that change, turned photographs, files in the way."""

import json
import os
import shutil

import av
import cv2
import numpy as np
import pytest

import avloc
from avloc.engine.earlier_results import unfinished
from avloc.engine.inputs import find_inputs
from avloc.errors import AvlocError
from avloc.files import write_json
from avloc.prepare.media.channels import Mixer
from avloc.prepare.streams.loudness import Loudness
from avloc.prepare.streams.source import open_video, read_picture
from tests.data.making import make_video, painted, tone


@pytest.fixture
def video(tmp_path):
    return make_video(tmp_path / "in/clip.mp4", 10, sound=tone(1.0))


def predicted(path, out, **more):
    return avloc.predict([path], weights="motion", out=out, **more)


@pytest.mark.parametrize("way", ["../in/clip.mp4", "link/clip.mp4"])
def test_an_input_is_never_overwritten(tmp_path, video, monkeypatch, way):
    before = video.read_bytes()
    (tmp_path / "in/link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path / "in")
    with pytest.raises(AvlocError, match="itself would be overwritten; give another folder with --out"):
        predicted(way, tmp_path / "in")
    assert video.read_bytes() == before


@pytest.mark.parametrize(
    "mine", ["clip.csv", "clip.h5", "clip.frames/notes.txt", "clip.frames/000000.00.jpg", "index.html"]
)
@pytest.mark.parametrize("earlier", [False, True])
def test_a_file_of_the_user_is_never_overwritten(tmp_path, video, mine, earlier):
    out = tmp_path / "out"
    if earlier:
        predicted(video, out)
    (out / mine).parent.mkdir(parents=True, exist_ok=True)
    if earlier and mine == "clip.csv":
        (out / "clip.json").unlink()  # now nothing says whose the rest is
    (out / mine).write_text("mine")
    with pytest.raises(AvlocError, match="was not written by `avloc predict` and would be overwritten"):
        predicted(video, out, every=0.25)
    assert (out / mine).read_text() == "mine"


def test_stills_of_an_earlier_call_are_replaced_unless_something_was_put_beside_them(tmp_path, video):
    stills = tmp_path / "out/clip.frames"
    predicted(video, tmp_path / "out", frames=True)
    predicted(video, tmp_path / "out", frames=True, every=0.25)
    assert len(list(stills.iterdir())) == 4
    (stills / "notes.txt").write_text("mine")
    with pytest.raises(AvlocError, match=r"clip\.frames: was not written"):
        predicted(video, tmp_path / "out")
    assert (stills / "notes.txt").read_text() == "mine"


def test_what_a_killed_call_left_is_replaced(tmp_path, video):
    out = tmp_path / "out"
    out.mkdir()
    (out / "clip.csv").write_text("half of a table")
    unfinished(out, "clip").touch()
    predicted(video, out)
    assert sorted(path.name for path in out.iterdir()) == ["clip.csv", "clip.json", "clip.mp4", "index.html"]


def test_the_result_of_another_video_of_the_same_name_is_kept(tmp_path, video, monkeypatch):
    other, out = make_video(tmp_path / "other/clip.mp4", 6), tmp_path / "out"
    monkeypatch.chdir(tmp_path / "in")
    predicted("clip.mp4", out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    monkeypatch.chdir(tmp_path / "other")
    for way in ("clip.mp4", other):
        with pytest.raises(AvlocError, match=r"clip\.json: is the result of another input, clip\.mp4, .* with --out"):
            predicted(way, out)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_a_video_that_changed_or_moved_replaces_its_own_result(tmp_path, video, monkeypatch):
    out = tmp_path / "out"
    predicted(video, out)
    make_video(video, 6)
    assert predicted(video, out).overlays[0].fresh
    (tmp_path / "in").rename(tmp_path / "moved")
    assert not predicted(tmp_path / "moved/clip.mp4", out).overlays[0].fresh
    told = json.loads((out / "clip.json").read_text())
    del told["places"]  # as an earlier version wrote it
    write_json(out / "clip.json", told)
    monkeypatch.chdir(tmp_path)
    assert predicted("moved/clip.mp4", out, every=0.25).overlays[0].fresh


def test_files_of_earlier_settings_do_not_stay(tmp_path, video):
    predicted(video, tmp_path / "out", maps=True, frames=True)
    predicted(video, tmp_path / "out", every=0.25)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "clip.csv",
        "clip.json",
        "clip.mp4",
        "index.html",
    ]


def test_overlays_of_earlier_calls_are_no_inputs(tmp_path, video, monkeypatch):
    monkeypatch.chdir(tmp_path / "in")
    predicted(".", "first", frames=True, maps=True)
    make_video(tmp_path / "in/first/own.mp4", 4)
    (tmp_path / "in/notes.txt").write_text("a note")
    for words in (["."], ["**/*.mp4"], [".", "first"]):
        found = find_inputs(words, None, tmp_path / "second")
        assert [one.path.name for one in found.found] == ["clip.mp4", "own.mp4"]
        assert found.passed.endswith("1 overlay from earlier calls skipped")
    assert "overlay" not in find_inputs(["."], None, tmp_path / "in/first").passed
    assert [one.path.name for one in find_inputs(["*"], None, tmp_path / "second").found] == [
        "clip.mp4",
        "own.mp4",
        "notes.txt",
    ]
    (tmp_path / "in/first/own.mp4").unlink()
    with pytest.raises(AvlocError, match=r"first.clip\.mp4: was written by `avloc predict`, and no other video"):
        find_inputs(["first"], None, tmp_path / "second")
    assert [one.name for one in find_inputs(["first/clip.mp4"], None, tmp_path / "second").found] == ["clip"]


def test_names_as_long_as_a_file_system_allows_are_shortened_and_stay_different(tmp_path, video):
    names = ["v" * 251, "v" * 250 + "w", "é" * 125, "short"]
    for name in names:
        shutil.copy(video, tmp_path / f"in/{name}.mp4")
    for _ in range(2):  # the second call finds them again
        found = predicted(tmp_path / "in", tmp_path / "out", frames=True, maps=True)
        assert not found.failed and len({one.name for one in found.overlays}) == 5
    assert not any(one.fresh for one in found.overlays)
    told = {json.loads(one.json.read_text())["source"]: one.name for one in found.overlays}
    assert told[str(tmp_path / "in/short.mp4")] == "short"
    long = told[str(tmp_path / f"in/{names[0]}.mp4")]
    assert long.startswith("v" * 200) and len(long) == 230


def test_a_name_that_is_not_utf8_can_have_its_maps(tmp_path, video):
    name = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    try:
        video.rename(name)
    except OSError:
        pytest.skip("this file system has no such names")
    done = predicted(name, tmp_path / "out", maps=True).overlays[0]
    assert done.name == "caf%E9" and done.video.with_suffix(".h5").exists()


def test_a_page_links_to_results_in_folders_below_it(tmp_path, video):
    predicted(video, tmp_path / "out/x")
    predicted(video, tmp_path / "out")
    page = (tmp_path / "out/index.html").read_text()
    assert 'src="./x/clip.mp4"' in page
    assert 'src="./clip.mp4"' in page


def test_a_file_that_is_given_in_two_ways_counts_once(tmp_path, video, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = find_inputs(["in/clip.mp4", str(video), "in/../in/clip.mp4", "in"], None, tmp_path / "out")
    assert [one.name for one in found.found] == ["clip"]


def test_words_that_name_nothing_are_refused(tmp_path, video):
    with pytest.raises(AvlocError, match="an empty word was given"):
        find_inputs([""], None, tmp_path / "out")
    with pytest.raises(AvlocError, match=r"clip\.mp4 itself would be overwritten; give another folder with --out"):
        find_inputs([tmp_path / "in"], None, tmp_path / "in")
    with pytest.raises(AvlocError, match="motion: has no stage 7"):
        avloc.load("motion", stage=7)
    with pytest.raises(AvlocError, match="every"):
        avloc.predict(store=tmp_path, every=0.1)


def test_eight_planar_channels_are_mixed():
    packed = av.AudioFrame.from_ndarray(np.tile(np.arange(8, dtype=np.float32) / 8, 16)[None], "flt", "7.1")
    packed.rate = 16000
    (frame,) = av.AudioResampler(format="fltp").resample(packed)
    assert frame.format.is_planar
    assert Mixer()(frame) == pytest.approx(np.full(16, 3.5 / 8))


def test_a_stream_that_changes_its_size_keeps_the_first(tmp_path):
    for name, size in (("a", (128, 96)), ("b", (256, 192))):
        make_video(tmp_path / f"{name}.ts", [painted(n, *size) for n in range(5)], sound=tone(0.5))
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
    with open_video(joined, None) as source:
        assert {picture.image.shape for picture in source.pictures()} == {(96, 128, 3)}


def test_a_photograph_is_turned_as_its_camera_says(tmp_path):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20] = 255
    content = cv2.imencode(".jpg", picture)[1].tobytes()
    tag = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"  # orientation 6: turned by 90 degrees
    (tmp_path / "p.jpg").write_bytes(content[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + content[2:])
    found = read_picture(tmp_path / "p.jpg")
    assert found.shape == (40, 20, 3)
    assert found[:15].min() > 200
    assert found[25:].max() < 50


def test_a_sound_that_begins_a_moment_late_is_no_pause():
    loudness = Loudness(8000)
    loudness.add(np.concatenate([np.zeros(160), 16000 * np.sin(np.arange(16000))]).astype(np.int16))
    assert not loudness.quiet_at(0.0, -60)
    assert loudness.quiet(-60, 2.0) == []


def test_a_picture_without_a_sound_among_videos_is_counted_and_named(tmp_path, video):
    cv2.imwrite(str(tmp_path / "in/still.jpg"), np.zeros((20, 40, 3), np.uint8))
    found = avloc.predict([video, tmp_path / "in/still.jpg"], weights="motion", out=tmp_path / "out")
    assert [one.name for one in found.overlays] == ["clip"]
    assert (
        "still.jpg: a picture (it has no sound; give it alone: with --sound FILE, in Python as image"
        in found.failed[0].message
    )


@pytest.mark.parametrize("name", ["still.jpg", "still.PNG", "still.webp", "still", "still.mp4"])
def test_a_picture_without_a_sound_is_refused_in_python_too(tmp_path, name):
    kind = ".png" if "png" in name.lower() else ".webp" if "webp" in name else ".jpg"
    (tmp_path / name).write_bytes(cv2.imencode(kind, np.zeros((20, 40, 3), np.uint8))[1].tobytes())
    with pytest.raises(
        AvlocError, match=r"a picture .it has no sound; give it alone: .* in Python as image=..., sound=..."
    ):
        avloc.load("motion").predict(tmp_path / name)
    with pytest.raises(AvlocError, match="a picture"):
        avloc.predict([tmp_path / name], weights="motion", out=tmp_path / "out")
