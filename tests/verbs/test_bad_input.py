"""Bad files of every kind, full discs, interruptions: what comes of them through the command line, and that nothing is lost."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import avloc
from avloc.cli.app import app
from avloc.errors import AvlocError
from avloc.predictions import write_predictions
from avloc.prepare.writing.build import build_store
from tests import discs
from tests.data.making import (
    MEDIA,
    REPOSITORY,
    SETTINGS,
    MadeReader,
    content,
    made_listing,
    make_music,
    make_video,
    tone,
)
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

NAMES = ("with spaces", 'it\'s "quoted"', "ünïcödé 日本", "-dash", "a;b&c|d$e", "new\nline", "%d", "colon: here")


def command(*words: str | Path, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "avloc", *map(str, words)], capture_output=True, text=True, **options)


def fates(store: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (store / "manifest.jsonl").read_text("utf-8").splitlines()]
    return {row["id"]: row.get("reason", row["status"]) for row in rows}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> bytes:
    return make_video(tmp_path_factory.mktemp("good") / "good.mp4", 20, sound=tone(2)).read_bytes()


def test_every_bad_kind_of_file_is_counted_with_its_reason(tmp_path, good):
    root = tmp_path / "v"
    for name in ("good", *NAMES):
        (root / "some" / "where").mkdir(parents=True, exist_ok=True)
        (root / "some" / "where" / f"{name}.mp4").write_bytes(good)
    (root / "empty.mp4").touch()
    (root / "text.mp4").write_text("dear diary")
    (root / "cut early.mp4").write_bytes(good[:400])
    (root / "cut late.mp4").write_bytes(good[: len(good) // 2])
    make_video(root / "mute.mp4", 20)
    make_video(root / "silent.mp4", 20, sound=np.zeros((1, 44100), np.float32))
    make_video(root / "short.mp4", 1, rate=100, sound=tone(0.01))
    (root / "folder.mp4").mkdir()
    (root / "loop.mp4").symlink_to("loop.mp4")
    (root / "gone.mp4").symlink_to("nowhere.mp4")
    (root / "around").symlink_to(root)
    told = ["prepare", "folder", "--source", str(root), "--out", str(tmp_path / "s"), "--seconds", "1", "--size", "32"]
    found = CliRunner().invoke(app, [*told, "--jobs", "2", "--json"])
    assert found.exit_code == 0, found.output
    usable = {f"some/where/{name}": "ok" for name in ("good", *NAMES)}
    assert fates(tmp_path / "s") == {
        **usable, "silent": "ok", "empty": "not a media file", "text": "not a media file", "cut early": "not a media file",
        "cut late": "not a media file", "mute": "no sound track", "short": "sound too short", "loop": "missing file",
        "gone": "missing file",
    }  # fmt: skip
    checked = CliRunner().invoke(app, ["data", "check", str(tmp_path / "s"), "--json"])
    problems = json.loads(checked.stdout)["problems"]
    assert checked.exit_code == 1 and len(problems) == 2
    assert "1 of 10 clips have a silent sound: silent" in problems[0] and "8 of 10 clips are the same" in problems[1]


@pytest.mark.parametrize("target", ["itself.mp4", "nowhere.mp4"])
def test_links_to_nothing_cost_their_video_alone_in_listed_sets_too(tmp_path, target):
    music = make_music(tmp_path / "music", {"solo_testing": ["flute", "cello"]})
    lost = music.root / "videos" / f"{music.lists['solo_testing'][0]}.mp4"
    lost.unlink()
    lost.symlink_to(lost.name if target == "itself.mp4" else target)
    prepared = avloc.prepare_music(music.root, tmp_path / "s", size=16, jobs=0)
    assert (prepared.ok, prepared.reasons) == (1, {"missing file": 1})


def test_a_folder_or_store_whose_name_begins_with_a_dash_is_found(tmp_path, good):
    (tmp_path / "-v").mkdir()
    (tmp_path / "-v" / "-.mp4").write_bytes(good)
    found = command(
        "prepare", "folder", "--source=-v", "--out=-s", "--seconds=1", "--size=32", "--jobs=1",
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert fates(tmp_path / "-s") == {"-": "ok"}


def test_real_odd_files_are_taken_or_named(tmp_path):
    if not MEDIA.exists():
        pytest.skip("the real clips lie in ../shared, which is not here")
    odd = tmp_path / "odd"
    shutil.copytree(MEDIA / "odd", odd)
    for path in list(odd.iterdir()):
        shutil.copy(MEDIA / "trumpet.ogg", path.with_suffix(".ogg"))  # none of them has a sound of its own
    told = [
        "prepare",
        "folder",
        "--source",
        str(odd),
        "--out",
        str(tmp_path / "s"),
        "--seconds",
        "0.04",
        "--short",
        "repeat",
    ]
    found = CliRunner().invoke(app, [*told, "--every", "--size", "32", "--jobs", "1"])
    assert found.exit_code == 0, found.output
    assert fates(tmp_path / "s") == {
        "-video-with-dash-": "ok", "corrupted": "ok", "no_duration": "ok", "unordered": "ok", "video_180": "ok",
        "video_90": "ok",
    }  # fmt: skip
    rows = {row["id"]: row for row in map(json.loads, (tmp_path / "s" / "manifest.jsonl").open(encoding="utf-8"))}
    # one packet of 50 is broken, and what is shown from then on builds on it
    left_out = rows["corrupted"]["left_out"]
    assert {clip["reason"] for clip in left_out} == {"too much is broken"} and left_out[0]["start"] > 2.8


def as_nobody(source: Path, out: Path) -> None:
    if os.getuid() == 0:  # root may read everything
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    avloc.prepare_folder(source, out, seconds=1.0, size=32, jobs=0)


def test_files_that_may_not_be_read_are_counted(good):
    with tempfile.TemporaryDirectory() as name:
        root, out = Path(name) / "v", Path(name) / "s"
        for folder in (root, out):
            folder.mkdir()
        for path in (Path(name), out):
            path.chmod(0o777)
        for stem in ("open", "closed"):
            (root / f"{stem}.mp4").write_bytes(good)
        (root / "closed.mp4").chmod(0)
        avloc.prepare_folder(root, Path(name) / "first", seconds=1.0, size=32, jobs=0)  # all modules are there now
        process = get_context("fork").Process(target=as_nobody, args=(root, out))
        process.start()
        process.join()
        assert process.exitcode == 0
        assert fates(out) == {"open": "ok", "closed": "may not be read"}


@pytest.fixture
def little_disc(tmp_path):
    """A file system of 1 MiB; `grow` gives it more."""
    with discs.little_disc(tmp_path / "disc", "1m") as disc:
        yield disc


def fill(disc: Path, left: int) -> None:
    """Leave so many bytes."""
    (disc / "ballast").write_bytes(bytes(shutil.disk_usage(disc).free - left))


def grow(disc: Path) -> None:
    discs.enlarge(disc)


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_a_full_disc_is_one_line_and_nothing_finished_is_lost(little_disc, tmp_path, good, kind):
    root = tmp_path / "v"
    root.mkdir()
    for number in range(40):
        (root / f"{number:02d}.mp4").write_bytes(good)
    told = [
        "prepare",
        "folder",
        "--source",
        str(root),
        "--seconds",
        "1",
        "--size",
        "96",
        "--frames",
        "raw",
        "--store",
        kind,
    ]
    run = [*told, "--jobs", "2", "--out"]
    full = CliRunner().invoke(app, [*run, str(little_disc / "s")])
    assert full.exit_code == 2, full.output
    last = full.stderr.strip().splitlines()[-1]
    said = ["No space left on device"] + ["Input/output error"] * (kind == "lmdb")  # of LMDB's after a part was written
    assert any(f"cannot be written ({why}); free space or choose another folder" in last for why in said)
    assert not list((little_disc / "s" / "shards").glob(".*"))
    refused = CliRunner().invoke(app, ["data", "check", str(little_disc / "s")])
    assert refused.exit_code == 2 and "was not finished" in refused.stderr
    grow(little_disc)
    assert CliRunner().invoke(app, [*run, str(little_disc / "s")]).exit_code == 0
    assert CliRunner().invoke(app, [*run, str(tmp_path / "whole")]).exit_code == 0
    assert content(little_disc / "s") == content(tmp_path / "whole")


def test_a_disc_that_is_full_from_the_start_is_one_line(little_disc, tmp_path, good):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.mp4").write_bytes(good)
    fill(little_disc, 0)
    told = ["prepare", "folder", "--source", str(tmp_path / "v"), "--out", str(little_disc / "s"), "--seconds", "1"]
    found = CliRunner().invoke(app, [*told, "--jobs", "0"])
    assert found.exit_code == 2 and "No space left on device" in found.stderr and len(found.stderr.splitlines()) == 1


def test_a_full_disc_does_not_spoil_a_world(little_disc):
    fill(little_disc, 30_000)
    told = ["prepare", "synthetic", "--videos", "12", "--out", str(little_disc / "w"), "--jobs", "2"]
    full = CliRunner().invoke(app, told)
    assert full.exit_code == 2, full.output
    assert "cannot be written (No space left on device)" in full.stderr.strip().splitlines()[-1]
    assert not list((little_disc / "w" / "videos").glob(".*"))


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """A configuration, and beside it the run that nothing disturbed."""
    folder = tmp_path_factory.mktemp("training")
    settings = tiny_config(make_tiny_store(folder / "store"))
    settings["stage1"]["train"]["epochs"] = 2
    config = write_config(folder / "tiny.yaml", settings)
    avloc.train_stage1(config, folder / "run")
    return config


@pytest.mark.parametrize("left", [10_000, 200_000])
def test_a_disc_that_fills_while_training_costs_nothing_that_was_finished(little_disc, training, left):
    fill(little_disc, left)
    told = ["train-stage1", "--config", str(training), "--run", str(little_disc / "run")]
    full = CliRunner().invoke(app, told)
    assert full.exit_code == 2, full.output
    assert "cannot be written (No space left on device); free space" in full.stderr.strip().splitlines()[-1]
    assert not list((little_disc / "run").rglob(".*"))
    grow(little_disc)
    assert CliRunner().invoke(app, told).exit_code == 0
    for weights in (training.parent / "run" / "stage1").glob("*.safetensors"):
        ours, theirs = load_file(little_disc / "run" / "stage1" / weights.name), load_file(weights)
        assert list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_disc_that_fills_while_predictions_are_written_is_one_line(little_disc):
    maps = np.random.default_rng(0).random((50, 1, 64, 64))
    fill(little_disc, 100_000)
    with pytest.raises(AvlocError, match=r"p\.h5: cannot be written \(No space left on device\)") as caught:
        write_predictions(little_disc / "p.h5", [str(n) for n in range(50)], maps)
    assert "\n" not in str(caught.value) and [path.name for path in little_disc.iterdir()] == ["ballast"]


def test_two_commands_do_not_prepare_one_store(tmp_path, good):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.mp4").write_bytes(good)
    (tmp_path / "s").mkdir()
    told = ["prepare", "folder", "--source", str(tmp_path / "v"), "--out", str(tmp_path / "s"), "--seconds", "1"]
    with open(tmp_path / "s" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = CliRunner().invoke(app, [*told, "--jobs", "0"])
    assert found.exit_code == 2 and "another command is preparing this store" in found.stderr
    assert CliRunner().invoke(app, [*told, "--jobs", "0"]).exit_code == 0


def slowly(out: Path) -> None:
    build_store(out, out.parent, made_listing(40), MadeReader(slow=0.002), SETTINGS, block=3, jobs=0)


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random_moments_it_ends_in_the_same_store(tmp_path, seed):
    """Forked, so that a round takes no longer than the work, which takes about as long as a round may; on a busy machine
    it takes longer, so rounds grow.
    """
    build_store(tmp_path / "whole", tmp_path, made_listing(40), MadeReader(), SETTINGS, block=3, jobs=0)
    moments, rounds = random.Random(seed), 0
    while not (tmp_path / "s" / "store.json").exists():
        process = get_context("fork").Process(target=slowly, args=(tmp_path / "s",))
        process.start()
        time.sleep(moments.uniform(0.0, 0.4 + rounds / 20))
        process.kill()
        process.join()
        rounds += 1
        assert rounds < 200
    build_store(tmp_path / "s", tmp_path, made_listing(40), MadeReader(), SETTINGS, block=3, jobs=0)
    assert content(tmp_path / "s") == content(tmp_path / "whole")
    assert not avloc.data_check(tmp_path / "s").broken


def test_interrupted_it_says_how_to_go_on_and_does(tmp_path, good):
    root = tmp_path / "v"
    root.mkdir()
    for number in range(70):
        (root / f"{number:03d}.mp4").write_bytes(good)
    told = ["prepare", "folder", "--source", str(root), "--out", str(tmp_path / "s"), "--seconds", "1", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "avloc", *told],
        stderr=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    end = time.monotonic() + 60
    while not list((tmp_path / "s" / "shards").glob("0*")) and time.monotonic() < end:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err and err.strip().splitlines()[-1].startswith(
        "avloc: interrupted; nothing is lost, resume with"
    )
    again = CliRunner().invoke(app, [*told, "--json"])
    assert again.exit_code == 0 and json.loads(again.stdout)["kept"] >= 16
