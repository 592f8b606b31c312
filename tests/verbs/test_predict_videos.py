"""`avloc predict clip.mp4`: an overlay with the video's own sound, and files that say when and where something sounds."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

import avloc
from avloc.engine.inputs import Input
from avloc.engine.loaded import load
from avloc.engine.overlaid import How, identity
from avloc.engine.overlay_file import overlay_one
from avloc.predictions import read_predictions
from avloc.prepare.media.picture import probe, read_frames
from avloc.prepare.media.sound import read_sound
from tests.commands import error_of, printed, shown
from tests.data.making import MEDIA, make_sound, make_video, tone
from tests.discs import little_disc
from tests.engine.running import torchrun
from tests.engine.test_finding import RATE, blinking
from tests.prepare import film

pytestmark = pytest.mark.slow

ODD = MEDIA / "odd"


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> Path:
    """A folder with a video that is silent in the middle, one in a folder of its own, a broken one, and a text."""
    folder = tmp_path_factory.mktemp("clips")
    images, sound = blinking(4.0, quiet=(1.6, 2.9))
    make_video(folder / "left.mp4", images, 20, sound=sound[None], sound_rate=RATE)
    make_video(folder / "deep" / "mute.mkv", 10)
    (folder / "broken.mp4").write_text("This is no video.")
    (folder / "notes.txt").write_text("a note")
    return folder


@pytest.fixture(scope="module")
def done(clips, tmp_path_factory):
    out = tmp_path_factory.mktemp("done") / "out"
    return printed("predict", clips, "--weights", "motion", "--out", out, "--frames", "--maps", "--masks")


def test_a_folder_is_done_and_what_cannot_be_used_is_named(done):
    assert [one["name"] for one in done["overlays"]] == ["left", "deep/mute"]
    (failed,) = done["failed"]
    assert failed["reason"] == "not a media file" and "broken.mp4" in failed["message"]
    assert done["passed"] == "1 file skipped: 1 .txt"
    out = Path(done["out"])
    assert sorted(path.name for path in out.iterdir()) == [
        "deep", "index.html", "left.csv", "left.frames", "left.h5", "left.json", "left.mp4",
    ]  # fmt: skip


def test_the_overlay_has_the_size_the_rate_and_the_sound_of_the_video(done, clips):
    video = Path(done["overlays"][0]["video"])
    about, own = probe(video), probe(clips / "left.mp4")
    assert (about.width, about.height, about.frame_rate, about.sound_rate) == (96, 64, 20, RATE)
    assert about.duration == pytest.approx(own.duration, abs=0.1)
    mine, theirs = read_sound(video, RATE), read_sound(clips / "left.mp4", RATE)
    length = min(len(mine), len(theirs))
    assert abs(len(mine) - len(theirs)) <= 1100 and np.abs(mine[:length].astype(int) - theirs[:length]).max() <= 2


def test_the_heat_is_on_what_moves_with_the_sound_and_nowhere_while_it_is_silent(done, clips):
    video = Path(done["overlays"][0]["video"])
    (loud, quiet), (loud_before, quiet_before) = (
        read_frames(path, [0.8, 2.2], 96).astype(int) for path in (video, clips / "left.mp4")
    )
    changed = np.abs(loud - loud_before).mean(2)[:80]  # above the strip
    assert changed[24:72, 8:40].mean() > 4 * changed[24:72, 60:88].mean()
    assert np.abs(quiet - quiet_before).mean(2)[:80].mean() < 3


def test_the_json_says_when_and_where(done):
    told = json.loads(Path(done["overlays"][0]["json"]).read_text())
    assert (told["format"], told["version"], told["size"], told["seconds"]) == ("avloc.predict", 1, [96, 64], 4.0)
    (quiet,) = told["silent"]
    assert quiet == pytest.approx([1.6, 2.9], abs=0.15) and told["silent_seconds"] == pytest.approx(1.3, abs=0.2)
    assert [moment["time"] for moment in told["moments"]] == [0.5 * n for n in range(8)]
    silent = [moment for moment in told["moments"] if moment["silent"]]
    assert [moment["time"] for moment in silent] == [2.0, 2.5]
    assert all(moment["boxes"] == [] and moment["sounding"] is False and "score" not in moment for moment in silent)
    box = told["moments"][1]["boxes"][0]
    assert box["box"][2] < 0.5 and box["sounding"] and 0 < box["score"] <= 1
    counts = box["mask"]["counts"]
    mask = np.repeat(np.arange(len(counts)) % 2, counts).reshape(told["size"], order="C").T
    assert mask.shape == (64, 96) and mask[:, :44].sum() > 200 > mask[:, 50:].sum()


def test_the_table_has_a_row_for_each_box_and_each_moment_without(done):
    told = json.loads(Path(done["overlays"][0]["json"]).read_text())
    with open(done["overlays"][0]["table"]) as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(max(len(moment["boxes"]), 1) for moment in told["moments"])
    assert [row["time"] for row in rows if row["silent"] == "yes"] == ["2", "2.5"]


def test_the_maps_are_read_as_predictions_and_a_still_is_kept_of_each(done):
    maps = read_predictions(Path(done["out"]) / "left.h5")
    assert maps.ids == [f"left@{0.5 * n:g}" for n in range(8)] and maps.maps.shape == (8, 1, 28, 28)
    assert not maps.maps[[4, 5]].any() and maps.maps[1].max() > 0.2
    stills = sorted(path.name for path in (Path(done["out"]) / "left.frames").iterdir())
    assert stills[:2] == ["000000.00.jpg", "000000.50.jpg"] and len(stills) == 8
    assert cv2.imread(str(Path(done["out"]) / "left.frames" / stills[1])).shape == (64, 96, 3)


@pytest.mark.parametrize("rate", [1, 2, 25])
def test_a_still_shows_the_picture_that_is_on_display(tmp_path, rate):
    greys = [np.full((32, 48, 3), 20 + 200 * n // (3 * rate), np.uint8) for n in range(3 * rate)]
    path = make_video(tmp_path / "clip.mp4", greys, rate, sound=tone(3.0))
    avloc.predict([path], weights="motion", out=tmp_path / "out", view="none", frames=True, every=0.3)
    stills = sorted((tmp_path / "out/clip.frames").iterdir())
    assert [float(path.stem) for path in stills] == pytest.approx([0.3 * n for n in range(10)])
    for still in stills:
        shown = greys[int(float(still.stem) * rate + 1e-6)]
        assert cv2.imread(str(still)).mean() == pytest.approx(shown.mean(), abs=3)


def test_a_still_between_two_pictures_has_the_map_of_its_own_time(tmp_path):
    """With one picture a second, the overlay never shows the maps in between; the stills do."""
    images, sound = blinking(3.0)
    path = make_video(tmp_path / "clip.mp4", images[::20], 1, sound=sound[None], sound_rate=RATE)
    avloc.predict([path], weights="motion", out=tmp_path / "out", frames=True, every=0.5)
    first, second = (cv2.imread(str(tmp_path / f"out/clip.frames/00000{time}.jpg")) for time in ("1.00", "1.50"))
    assert np.abs(first.astype(int) - second).mean(2)[:48].max() > 10  # above the strip


def test_the_page_has_a_player_for_each_and_names_what_failed(done):
    page = Path(done["page"]).read_text()
    assert page.count("<video") == 2 and 'src="./deep/mute.mp4"' in page and "broken.mp4: not a media file" in page
    assert "no sound track" in page and "<script" not in page


def test_the_key_of_the_page_has_the_colours_of_the_overlays(clips, tmp_path):
    page = tmp_path / "index.html"
    printed("predict", clips / "left.mp4", "--weights", "motion", "--out", tmp_path, "--colours", "hot", "--every", "2")
    assert page.read_text().count("linear-gradient(90deg, #000000") == 1  # hot begins with black, inferno nearly so
    about = tmp_path / "left.json"
    about.write_text(about.read_text().replace('"hot"', '"another"'))
    printed("predict", clips / "deep/mute.mkv", "--weights", "motion", "--out", tmp_path, "--every", "2")
    assert 'style="background: linear-gradient(90deg, #000004' in page.read_text() and "#000000" not in page.read_text()


def test_what_is_finished_is_skipped_and_other_settings_do_it_again(done, clips):
    out = Path(done["out"])
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    again = printed("predict", clips, "--weights", "motion", "--out", out, "--frames", "--maps", "--masks")
    assert [one["fresh"] for one in again["overlays"]] == [False, False]
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.mp4")}
    assert [one | {"fresh": True} for one in again["overlays"]] == done["overlays"]
    other = printed("predict", clips / "left.mp4", "--weights", "motion", "--out", out, "--every", "1")
    assert other["overlays"][0]["fresh"] and other["overlays"][0]["maps"] == 4


def test_two_at_a_time_make_the_same_files(done, clips, tmp_path):
    printed("predict", clips, "--weights", "motion", "--out", tmp_path, "--jobs", "2", "--every", "1")
    printed("predict", clips, "--weights", "motion", "--out", tmp_path / "one", "--every", "1")
    for name in ("left.json", "left.csv", "deep/mute.json"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "one" / name).read_bytes()


def test_parts_of_the_work_make_the_whole(clips, tmp_path):
    found = [
        printed("predict", clips, "--weights", "motion", "--out", tmp_path, "--shard", f"{part}/3", "--every", "2")
        for part in (1, 2, 3)
    ]
    names = [one["name"] for part in found for one in part["overlays"]]
    assert sorted(names) == ["deep/mute", "left"] and sum(len(part["failed"]) for part in found) == 1
    assert (tmp_path / "index.html").read_text().count("<video") == 2
    for part in ("4/3", "²/3", f"1/{'9' * 5000}"):
        assert f"shard is '{part[:3]}" in error_of("predict", clips, "--weights", "motion", "--shard", part)


def test_two_processes_share_the_files_and_the_first_tells_of_all(clips, tmp_path):
    words = ("predict", clips, "--weights", "motion", "--every", "1", "--out")
    alone = printed(*words, tmp_path / "alone")
    both = json.loads(torchrun("-m", "--", "avloc", *words, tmp_path / "both", "--json").stdout)
    assert [one["name"] for one in both["overlays"]] == [one["name"] for one in alone["overlays"]]
    assert both["failed"] == alone["failed"]
    page = (tmp_path / "both" / "index.html").read_text()
    assert page.count("<video") == 2 and page.count("broken.mp4") == 1
    for name in ("left.csv", "deep/mute.csv"):
        assert (tmp_path / "both" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()


def test_the_terminal_shows_a_line_for_each(clips, tmp_path):
    text = shown("predict", clips, "--weights", "motion", "--out", tmp_path, "--every", "2")
    assert "left.mp4" in text and "1 could not be used: 1 not a media file" in text and "no sound track" in text
    assert "motion is not calibrated" in text and "index.html" in text and "1 file skipped" in text


def test_a_picture_with_a_sound_needs_a_method_that_does_without_motion(tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), np.full((40, 60, 3), 90, np.uint8))
    make_sound(tmp_path / "sound.m4a", 2.0)
    line = error_of("predict", tmp_path / "photo.png", "--sound", tmp_path / "sound.m4a", "--weights", "motion")
    assert "motion needs a moving picture" in line
    assert "give its sound with --sound FILE" in error_of("predict", tmp_path / "photo.png", "--weights", "motion")


@pytest.mark.parametrize("kind", ["mp4", "mkv", "webm", "ts"])
@pytest.mark.parametrize("begin", ["together", "sound late", "picture late"])
def test_in_the_overlay_each_second_shows_and_sounds_as_in_the_film(tmp_path, kind, begin):
    """Each second has its own grey and its own tone; both must still be those of one second."""
    starts = {"together": (0.0, 0.0), "sound late": (0.0, 0.3), "picture late": (0.3, 0.0)}[begin]
    made = film.Film(seconds=4.0, picture_from=starts[0], sound_from=starts[1])
    path = made.make(tmp_path / f"clock.{kind}")
    out = avloc.predict([path], weights="motion", out=tmp_path / "out", every=1.0, view="none").overlays[0]
    times = [0.7, 1.5, 2.5, 3.5]
    frames = read_frames(out.video, times, 48)[:, :24]
    sound = read_sound(out.video, RATE)
    for second, (at, frame) in enumerate(zip(times, frames, strict=True)):
        assert film.second_shown(frame) == second, (kind, begin)
        piece = sound[round((at - 0.2) * RATE) : round((at + 0.2) * RATE)]
        assert film.second_heard(piece) == second, (kind, begin)


def test_a_sound_that_mp4_does_not_hold_is_coded_anew_in_time(tmp_path):
    path = film.Film(seconds=3.0, codecs=("libx264", "pcm_s16le")).make(tmp_path / "clock.mkv")
    out = avloc.predict([path], weights="motion", out=tmp_path / "out").overlays[0]
    told = json.loads(out.json.read_text())
    assert told["sound_copied"] is False
    with av.open(str(out.video)) as made:
        assert made.streams.audio[0].codec_context.name.startswith("aac")
    mine, theirs = read_sound(out.video, RATE).astype(float), read_sound(path, RATE).astype(float)
    assert len(mine) == pytest.approx(len(theirs), abs=1100)
    # the tones of AAC are those of the film to within a sample or so
    shifts = [np.dot(mine[2000:40000], theirs[2000 + by : 40000 + by]) for by in range(-20, 21)]
    assert abs(int(np.argmax(shifts)) - 20) <= 2


def test_a_gap_in_the_sound_stays_a_gap_in_the_overlay(tmp_path):
    path = film.Film(seconds=4.0).make(tmp_path / "whole.mkv")
    packets = {"audio": (1.0, 2.5)}
    gap = film.remux(path, tmp_path / "gap.mkv", lambda kind, n, packet: not (
        kind == "audio" and packets["audio"][0] < packet.pts * packet.time_base < packets["audio"][1]
    ))  # fmt: skip
    out = avloc.predict([gap], weights="motion", out=tmp_path / "out").overlays[0]
    assert out.silent_seconds == pytest.approx(1.5, abs=0.2)
    sound = read_sound(out.video, RATE)
    assert film.second_heard(sound[round(3.3 * RATE) : round(3.7 * RATE)]) == 3
    assert np.abs(sound[round(1.3 * RATE) : round(2.3 * RATE)]).max() < 400


def test_the_second_sound_track_is_heard_where_it_is_asked_for(tmp_path):
    first = make_video(tmp_path / "one.mkv", 20, sound=tone(2.0))
    quiet = make_video(tmp_path / "two.mkv", 20, sound=tone(2.0, loudness=0.0))
    with av.open(str(first)) as one, av.open(str(quiet)) as two, av.open(str(tmp_path / "both.mkv"), "w") as both:
        taken = [*one.streams.video, *one.streams.audio], list(two.streams.audio)
        out = {id(stream): both.add_stream_from_template(stream) for part in taken for stream in part}
        for source, streams in zip((one, two), taken, strict=True):
            for packet in source.demux(streams):
                if packet.size:
                    packet.stream = out[id(next(s for s in streams if s.index == packet.stream_index))]
                    both.mux(packet)
    place = tmp_path / "both.mkv"
    (heard,) = avloc.predict([place], weights="motion", out=tmp_path / "a").overlays
    (other,) = avloc.predict([place], weights="motion", out=tmp_path / "b", track=2).overlays
    assert (heard.sound_tracks, heard.silent_seconds, other.silent_seconds) == (2, 0, 2.0)
    assert np.abs(read_sound(other.video, RATE)).max() < 50 < 5000 < np.abs(read_sound(heard.video, RATE)).max()
    line = error_of("predict", place, "--weights", "motion", "--track", "3", "--out", tmp_path / "c")
    assert "no sound track 3 (it has 2)" in line


@pytest.mark.skipif(not ODD.is_dir(), reason="no ../shared/media/odd")
def test_every_odd_file_has_an_overlay_or_a_reason(tmp_path):
    found = avloc.predict(ODD, weights="motion", out=tmp_path, view="boxes", every=1.0)
    assert len(found.overlays) + len(found.failed) == 6 and not found.failed
    size = {one.name: (probe(one.video).width, probe(one.video).height) for one in found.overlays}
    assert size["video_90"] == (320, 568) and size["video_180"] == (568, 320)
    assert size["-video-with-dash-"] == (2, 2)  # of one pixel, made even
    assert {one.name: one.broken for one in found.overlays}["corrupted"] > 0


def test_a_very_short_and_a_very_small_video_have_overlays(tmp_path):
    short = make_video(tmp_path / "short.mp4", 2, sound=tone(0.2))
    small = make_video(
        tmp_path / "small.mp4", [np.full((2, 2, 3), n, np.uint8) for n in range(0, 200, 10)], sound=tone(2.0)
    )
    found = avloc.predict([short, small], weights="motion", out=tmp_path / "out")
    assert [one.seconds for one in found.overlays] == [0.2, 2.0] and not found.failed


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ([], "no input"),
        (["nowhere.mp4"], "nowhere.mp4: missing file"),
        (["text.mp4"], "text.mp4: not a media file"),
        (["sound.m4a"], "sound.m4a: no picture"),
        (["empty"], "empty: no videos in it (1 file skipped: 1 .txt)"),
        (["*.webm"], "no file matches this pattern"),
        (["text.mp4", "nowhere.mp4"], "none of 2 files can be used"),
        (["clip.mp4", "--sound", "sound.m4a"], "--sound only works with one picture"),
        (["clip.mp4", "--every", "0"], "every is 0"),
        (["clip.mp4", "--opacity", "2"], "opacity is 2"),
        (["clip.mp4", "--quiet-below", "5"], "quiet_below is 5"),
        (["clip.mp4", "--own-sound"], "--own-sound only works with a store"),
        (
            ["clip.mp4", "--config", "see_and_hear_music"],
            "--config only works with a store, not with videos and pictures: give --run or --weights",
        ),
        (["clip.mp4", "--run", "here"], "give --run or --weights, not both"),
        (["clip.mp4", "--out", "."], "would be overwritten"),
        (["clip.mp4", "--set", "stage1.train.lr=1"], "stage1.train.lr: a trained model keeps its other settings"),
        (["clip.mp4", "--set", "inference.precision=int8"], "--set inference.precision"),
        (["clip.mp4", "--set", "inference"], "expected key=value"),
    ],
)
def test_what_cannot_be_done_is_answered_in_one_line(tmp_path, monkeypatch, words, line):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "a.txt").write_text("")
    make_sound(tmp_path / "sound.m4a", 0.5)
    make_video(tmp_path / "clip.mp4", 4)
    before = sorted(tmp_path.rglob("*"))
    assert line in error_of("predict", *words, *(["--weights", "motion"] if words else []))
    assert [path for path in sorted(tmp_path.rglob("*")) if path not in before] in ([], [tmp_path / "avloc-predict"])


def test_two_inputs_of_one_name_do_not_overwrite_one_another(tmp_path):
    for place in ("a/clip.mp4", "b/clip.mp4", "b/clip.mkv"):
        make_video(tmp_path / place, 4)
    inputs = [tmp_path / "a" / "clip.mp4", tmp_path / "b" / "clip.mp4", tmp_path / "b" / "clip.mkv"]
    found = avloc.predict([*inputs, inputs[0]], weights="motion", out=tmp_path / "out")
    assert len({one.video for one in found.overlays}) == 3 and all(one.video.exists() for one in found.overlays)


def test_paths_may_come_on_stdin(tmp_path):
    for name in ("one.mp4", "two words.mp4"):
        make_video(tmp_path / name, 4)
    program = [sys.executable, "-m", "avloc", "predict", "-", "--weights", "motion", "--out", "out", "--json"]
    text = "one.mp4\n\ntwo words.mp4\n"
    found = subprocess.run(program, input=text, capture_output=True, text=True, check=True, cwd=tmp_path, env=here())
    assert [one["name"] for one in json.loads(found.stdout)["overlays"]] == ["one", "two words"]


def here() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(avloc.__file__).parents[1])}


def test_the_default_without_its_files_says_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("AVLOC_WEIGHTS", str(tmp_path / "none"))
    make_video(tmp_path / "clip.mp4", 4)
    line = error_of("predict", tmp_path / "clip.mp4", "--out", tmp_path / "out")
    assert "avloc weights fetch yamnet" in line and "--weights motion, which needs no files" in line


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_one_line(tmp_path):
    make_video(tmp_path / "clip.mp4", 4)
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "cannot be written" in error_of(
        "predict", tmp_path / "clip.mp4", "--weights", "motion", "--out", tmp_path / "locked" / "out"
    )


def test_a_file_in_the_place_of_the_output_folder_is_one_line(tmp_path):
    make_video(tmp_path / "clip.mp4", 4)
    (tmp_path / "taken").write_text("")
    for out in (tmp_path / "taken", tmp_path / "taken" / "deep"):
        line = error_of("predict", tmp_path / "clip.mp4", "--weights", "motion", "--out", out)
        assert f"{out}: cannot be written (" in line and "give another folder with --out" in line


def test_after_an_interruption_finished_files_stay_and_the_half_one_goes(tmp_path):
    make_video(tmp_path / "a.mp4", 4)
    images, sound = blinking(20.0)
    make_video(tmp_path / "b.mp4", images * 2, 20, sound=np.tile(sound, 2)[None], sound_rate=RATE)
    program = [
        sys.executable,
        "-m",
        "avloc",
        "predict",
        "a.mp4",
        "b.mp4",
        "--weights",
        "motion",
        "--out",
        "out",
        "--every",
        "0.1",
    ]
    process = subprocess.Popen(program, cwd=tmp_path, env=here(), stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "out").glob(".b.mp4*")) and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130 and "interrupted" in said
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "a.json", "a.mp4"]


def test_a_disc_that_fills_is_one_line_and_leaves_nothing_half_written(tmp_path):
    random = np.random.default_rng(0)
    images = [random.integers(0, 255, (96, 128, 3), dtype=np.uint8) for _ in range(40)]
    make_video(tmp_path / "noise.mp4", images, 20, sound=tone(2.0))
    with little_disc(tmp_path / "disc", "64k") as disc:
        line = error_of("predict", tmp_path / "noise.mp4", "--weights", "motion", "--out", disc)
        assert "noise.mp4: cannot be written (No space left on device); free space" in line
        assert list(disc.iterdir()) == []


def test_what_the_calibration_says_comes_from_elsewhere_has_no_map(clips, tmp_path):
    """A calibrated model that takes nothing in view for the source of any sound."""

    class Strict:
        needs_fits = False

        def sounding(self, maps, fits=None):
            return np.array([False] * len(maps))

        def __repr__(self) -> str:
            return "Strict()"

    model = replace(load("motion", device="cpu"), calibration=Strict())
    one = Input(clips / "left.mp4", "left")
    done = overlay_one(model, one, tmp_path, How(), identity(model), lambda *_: None)
    assert done.elsewhere_seconds == 3.0 and done.heard == {}
    told = json.loads(done.json.read_text())
    assert told["calibrated"] and all(moment["sounding"] is False and not moment["boxes"] for moment in told["moments"])
    drawn, before = (read_frames(path, [0.8], 96).astype(int)[0, :80] for path in (done.video, clips / "left.mp4"))
    assert np.abs(drawn - before).mean() < 3
