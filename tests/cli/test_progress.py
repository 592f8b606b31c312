"""What is shown while a store is prepared, with a terminal and without one."""

import os
import pty
import re
import subprocess
import sys

import pytest

from avloc.cli import show
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
    found = subprocess.run(told, capture_output=True, text=True, cwd=REPOSITORY)
    lines = [line for line in found.stderr.splitlines() if line.startswith("prepare folder: ")]
    assert len(lines) == 1 and re.fullmatch(r"prepare folder: 4 done, 1 failed, 0 left, [\d.]+/s", lines[0])


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
