"""What is shown while a store is prepared, with a terminal and without one."""

import logging
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from avloc.cli import shown_progress as show
from tests.commands import printed
from tests.data.making import REPOSITORY, make_video, tone


@pytest.fixture
def told(tmp_path) -> list[str]:
    for number in range(3):
        make_video(tmp_path / "v" / f"{number}.mp4", 10, sound=tone(1))
    (tmp_path / "v" / "text.mp4").write_text("no video")
    words = ["prepare", "folder", "--source", str(tmp_path / "v"), "--out", str(tmp_path / "s"), "--seconds", "1"]
    return [sys.executable, "-m", "avloc", *words, "--size", "32", "--jobs", "1"]


def test_a_terminal_shows_one_bar_with_done_failed_left_and_the_time_to_come(told):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        told, stderr=theirs, stdout=subprocess.PIPE, cwd=REPOSITORY, env=os.environ | {"COLUMNS": "120"}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        shown += part
    out, _ = process.communicate()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert process.returncode == 0 and b"1 x not a media file" in out
    assert re.search(r"prepare folder ━+ 4 done, 1 failed, 0 left(, [\d.]+/s)? ETA 0:00:00", plain)


def test_without_a_terminal_there_is_a_line_at_the_end(told):
    started = time.monotonic()
    found = subprocess.run(told, capture_output=True, text=True, cwd=REPOSITORY)
    others = (time.monotonic() - started) // 10  # one every ten seconds, on a busy machine
    lines = [line for line in found.stderr.splitlines() if line.startswith("prepare folder: ")]
    assert 1 <= len(lines) <= 1 + others
    assert re.fullmatch(r"prepare folder: 4 done, 1 failed, 0 left, [\d.]+/s", lines[-1])


def test_lines_count_the_rate_of_this_run_alone(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    with show.progress("prepare", many=True) as shown:
        shown(1000, 5158, "40 failed")  # of an earlier run
        now[0] = 120.0
        shown(1100, 5158, "41 failed")
        now[0] = 125.0
        shown(1120, 5158, "41 failed")
    assert capsys.readouterr().err.splitlines() == ["prepare: 1,100 done, 41 failed, 4,058 left, 5.0/s, ETA 0:13:32"]


def test_things_that_take_alike_have_a_pace_and_a_time_to_come(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    with show.progress("train") as shown:
        shown(2, 12, "loss 2")  # of an earlier run
        now[0] = 120.0
        shown(4, 12, "loss 1")
        now[0] = 131.0
        shown(26, 52, "")
    assert capsys.readouterr().err.splitlines() == [
        "train: 4/12 loss 1, 10.0 s each, ETA 0:01:20",
        "train: 26/52 1.3 s each, ETA 0:00:34",
    ]


def test_steps_that_differ_have_no_pace(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    with show.progress("demo", alike=False) as shown:
        shown(0, 10, "generate")
        now[0] = 120.0
        shown(1, 10, "prepare")
    assert capsys.readouterr().err == "demo: 1/10 prepare\n"


@pytest.mark.parametrize("before", [True, False], ids=["before the command", "after it"])
def test_quiet_hides_the_progress_but_not_what_failed(told, before):
    place = 3 if before else len(told)
    words = [*told[:place], "--quiet", *told[place:]]
    found = subprocess.run(words, capture_output=True, text=True, cwd=REPOSITORY)
    assert found.returncode == 0
    assert "prepare folder: " not in found.stderr and "not a media file" in found.stderr


def test_verbose_may_stand_before_or_after_the_command():
    for words, level in (
        (["recipes"], logging.WARNING),
        (["--verbose", "recipes"], logging.INFO),
        (["recipes"], logging.WARNING),  # it is said for one command
        (["recipes", "--verbose"], logging.INFO),
        (["recipes", "-v"], logging.INFO),
        (["recipes", "--quiet"], logging.WARNING),
        (["-q", "recipes"], logging.WARNING),
        (["recipes", "-q"], logging.WARNING),
    ):
        printed(*words)
        assert logging.getLogger("avloc").level == level
        assert bool({"--quiet", "-q"} & {*words}) == show.QUIET
    printed("recipes")
    assert not show.QUIET


def test_quiet_and_verbose_together_are_refused(told):
    found = subprocess.run([*told, "--quiet", "--verbose"], capture_output=True, text=True, cwd=REPOSITORY)
    assert found.returncode == 2 and found.stderr.count("\n") == 1 and "contradict" in found.stderr


def test_what_torch_hub_says_of_a_download_is_not_on_stdout(capsys, monkeypatch):
    from avloc.nn import pretrained

    def download(*arguments: object, **options: object) -> dict[str, object]:
        print("Downloading: something")
        return {}

    monkeypatch.setattr(pretrained, "kept", lambda name: Path("nowhere"))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", download)
    pretrained.imagenet()
    told = capsys.readouterr()
    assert told.out == "" and "Downloading" in told.err


def test_a_second_count_of_the_same_command_has_a_rate_of_its_own(capsys, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    with show.progress("prepare", many=True) as shown:
        shown(50, 140, "looking")
        now[0] = 130.0
        shown(0, 140, "")
        now[0] = 140.0
        shown(20, 140, "")
    assert capsys.readouterr().err.splitlines()[-1] == "prepare: 20 done, 120 left, 2.0/s, ETA 0:01:00"
