"""Fetching: a program of the name yt-dlp on the PATH that succeeds, fails in known ways, or hangs; no network."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import avloc
from avloc.errors import DataError
from avloc.prepare.fetch.lists import read_moments
from avloc.prepare.fetch.yt_dlp import meaning
from tests.commands import error_of, printed, shown
from tests.data.making import make_video, tone

FAKE = """#!{python}
import os, shutil, sys, time
words = sys.argv[1:]
with open({calls!r}, "a") as calls:
    print(" ".join(words), file=calls, flush=True)
video = words[-1].partition("v=")[2]
kind = video.strip("_")
said = {{
    "private": "ERROR: [youtube] x: Private video. Sign in if you've been granted access",
    "gone": "WARNING: odd\\nERROR: [youtube] x: Video unavailable",
    "net": "ERROR: [youtube] x: Unable to download API page: <urlopen error [Errno -3] Temporary failure in name resolution>",
    "bell": "ERROR: \\x1b[31mstrange\\x1b[0m " + "y" * 5000,
}}
if os.path.exists({healed!r}):
    said.pop("net")
if kind in said:
    sys.stderr.write(said[kind] + "\\n")
    sys.exit(1)
if kind == "hang":
    with open("clip.mp4.part", "w") as part:
        part.write("half")
    if os.fork() == 0:
        open({child!r}, "w").write(str(os.getpid()))
        time.sleep(600)
    time.sleep(600)
if kind == "slow":
    time.sleep(1.5)
if kind == "nothing":
    sys.exit(0)
out = words[words.index("--output") + 1].replace("%(ext)s", "webm" if kind == "webm" else "mp4")
shutil.copyfile({film!r}, out)
"""


def video(name: str) -> str:
    return name.ljust(11, "_")


@pytest.fixture
def fake(tmp_path, monkeypatch) -> Path:
    """A folder with the program's calls in `calls`, and nothing else on the PATH but it and the system."""
    film = make_video(tmp_path / "film.mp4", 20, sound=tone(2))
    program = tmp_path / "bin" / "yt-dlp"
    program.parent.mkdir()
    told = {name: str(tmp_path / name) for name in ("calls", "healed", "child")}
    program.write_text(FAKE.format(python=sys.executable, film=str(film), **told))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    return tmp_path


def calls(fake: Path) -> list[str]:
    path = fake / "calls"
    return path.read_text().splitlines() if path.exists() else []


def write_list(fake: Path, *lines: str) -> Path:
    (fake / "list.csv").write_text("\n".join(lines) + "\n")
    return fake / "list.csv"


def report(out: Path) -> dict[str, dict]:
    rows = [json.loads(line) for line in (out / "fetch.jsonl").read_text().splitlines()]
    assert len({row["clip"] for row in rows}) == len(rows)
    return {row["clip"]: row for row in rows}


def test_each_clip_is_there_or_has_a_reason(fake):
    names = ["good", "private", "gone", "net", "nothing", "bell"]
    found = avloc.data_fetch(write_list(fake, *(f"{video(name)},30" for name in names), "short,0"), fake / "out")
    assert (found.listed, found.fetched, found.there, found.failed, found.passing) == (7, 1, 0, 6, 3)
    assert (fake / "out" / "good________000030.mp4").stat().st_size > 1000
    rows = report(fake / "out")
    assert list(rows) == [f"{video(name)}_000030" for name in names] + ["short_000000"]
    reasons = {row["id"].strip("_"): (row["reason"], row["final"]) for row in rows.values()}
    assert reasons == {
        "good": ("", False), "private": ("private", True), "gone": ("unavailable", True), "net": ("network", False),
        "nothing": ("no file", False), "bell": ("other", False), "short": ("no YouTube id", True),
    }  # fmt: skip
    assert all(row["detail"].isprintable() and len(row["detail"]) <= 200 for row in rows.values())
    assert found.reasons["private"] == 1 and sorted(os.listdir(fake / "out"))[0] == ".fetch.lock"
    assert len(os.listdir(fake / "out")) == 3  # the lock, the clip, the report


def test_what_yt_dlp_is_asked_for(fake):
    avloc.data_fetch(write_list(fake, f"{video('-dash')},30,42.5"), fake / "out", format="best")
    (line,) = calls(fake)
    assert "--download-sections *30-42.5 --force-keyframes-at-cuts" in line and "--format best" in line
    assert line.endswith(f"-- https://www.youtube.com/watch?v={video('-dash')}")


def test_the_next_run_goes_on_and_tries_what_may_pass(fake):
    listed = write_list(fake, *(f"{video(name)}_000010" for name in ("good", "private", "net")))
    avloc.data_fetch(listed, fake / "out", jobs=1)
    before = (fake / "out" / "good________000010.mp4").stat().st_mtime_ns
    (fake / "healed").touch()
    found = avloc.data_fetch(listed, fake / "out", jobs=1)
    assert [line.rpartition("=")[2].strip("_") for line in calls(fake)] == ["good", "private", "net", "net"]
    assert (found.fetched, found.there, found.failed, found.passing) == (1, 1, 1, 0)
    assert (fake / "out" / "good________000010.mp4").stat().st_mtime_ns == before
    again = avloc.data_fetch(listed, fake / "out", again=True)
    assert (again.fetched, again.there, again.failed) == (0, 2, 1) and len(calls(fake)) == 5
    (fake / "out" / "good________000010.mp4").unlink()
    assert avloc.data_fetch(listed, fake / "out").fetched == 1  # it was removed, so it is fetched again


def test_a_clip_that_hangs_is_ended_with_what_it_started_and_costs_only_itself(fake):
    listed = write_list(fake, f"{video('hang')},0", f"{video('good')},0")
    found = avloc.data_fetch(listed, fake / "out", jobs=1, timeout=3)
    assert (found.fetched, found.reasons) == (1, {"took too long": 1}) and found.passing == 1
    child = int((fake / "child").read_text())
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and alive(child):
        time.sleep(0.05)
    assert not alive(child)
    assert sorted(os.listdir(fake / "out")) == [".fetch.lock", "fetch.jsonl", "good________000000.mp4"]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_another_ending_is_kept_and_found_again(fake):
    listed = write_list(fake, f"{video('webm')},5")
    assert avloc.data_fetch(listed, fake / "out").fetched == 1
    assert (fake / "out" / "webm________000005.webm").exists()
    assert avloc.data_fetch(listed, fake / "out").there == 1 and len(calls(fake)) == 1


def test_without_yt_dlp_one_line_says_so(fake, monkeypatch):
    monkeypatch.setenv("PATH", str(fake))
    line = error_of("data", "fetch", write_list(fake, f"{video('good')},0"), "--out", fake / "out")
    assert "yt-dlp is not installed, or not on the PATH" in line
    # what is there needs no program
    (fake / "out" / "good________000000.mp4").write_bytes(b"x")
    assert printed("data", "fetch", fake / "list.csv", "--out", fake / "out")["there"] == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_run_leaves_whole_clips_and_the_next_ends_as_if_nothing_had_happened(fake, how):
    names = [f"good{number}" for number in range(4)]
    listed = write_list(fake, *(f"{video(name)},1" for name in names), f"{video('slow')},1", f"{video('hang')},1")
    program = "import avloc, sys; avloc.data_fetch(sys.argv[1], sys.argv[2], jobs=1)"
    command = [sys.executable, "-c", program, str(listed), str(fake / "out")]
    root = str(Path(avloc.__file__).parents[1])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": root}, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (fake / "child").exists():
        time.sleep(0.05)
    process.send_signal(how)
    process.wait(30)
    child = int((fake / "child").read_text())
    if how is signal.SIGINT:
        assert not alive(child)
    else:
        os.killpg(os.getpgid(child), signal.SIGKILL)
    with (fake / "out" / "fetch.jsonl").open("a") as lines:
        lines.write('{"clip": "half')  # a machine that stopped while it wrote
    write_list(fake, *(f"{video(name)},1" for name in names), f"{video('slow')},1")
    found = avloc.data_fetch(listed, fake / "out", jobs=2)
    assert (found.there, found.fetched, found.failed) == (5, 0, 0)
    avloc.data_fetch(listed, fake / "fresh", jobs=2)
    assert (fake / "fresh" / "fetch.jsonl").read_bytes() == (fake / "out" / "fetch.jsonl").read_bytes()
    assert sorted(os.listdir(fake / "fresh")) == sorted(os.listdir(fake / "out"))


def test_two_commands_do_not_fetch_into_one_folder(fake):
    import fcntl

    (fake / "out").mkdir()
    with open(fake / "out" / ".fetch.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another command is fetching into this folder"):
            avloc.data_fetch(write_list(fake, f"{video('good')},0"), fake / "out")


@pytest.mark.parametrize("text", ['{"a": 1}', "[]", "[" * 100_000], ids=["object", "list", "deep"])
def test_a_report_of_something_else_is_refused(fake, text):
    (fake / "out").mkdir()
    (fake / "out" / "fetch.jsonl").write_text(f"{text}\n{text}\n")
    with pytest.raises(DataError, match=r"fetch\.jsonl:1: not a line written by `avloc data fetch`"):
        avloc.data_fetch(write_list(fake, f"{video('good')},0"), fake / "out")


def test_the_command_prints_counts_and_prepare_finds_the_clips(fake):
    listed = write_list(fake, f"{video('good')},0,dog barking,test", f"{video('gone')},0,dog barking,test")
    text = shown("data", "fetch", listed, "--out", fake / "out", "--jobs", 1)
    assert "1 clip fetched, 0 already there, 1 failed" in text and "1 x unavailable" in text
    listed.rename(fake / "vggsound.csv")
    prepared = printed(
        "prepare", "vggsound", "--source", fake / "out", "--annotations", fake, "--at", 1, "--seconds", 1, "--jobs", 0,
        "--out", fake / "s",
    )  # fmt: skip
    assert prepared["splits"] == {"test": 1}


def test_lists_of_all_published_kinds(tmp_path):
    path = tmp_path / "l.csv"
    cases = {
        "abcdefghijk,30,playing piano,train": [("abcdefghijk", 30, 40, "abcdefghijk_000030")],
        "# Segments csv\n# YTID, start_seconds\n--abcdefghi, 30.000, 40.000, \"/m/05zppz\"": [
            ("--abcdefghi", 30, 40, "--abcdefghi_000030")
        ],
        "video_id,label,modality\nabc_efghijk_000012,a,A\nabc_efghijk_000012,b,V": [
            ("abc_efghijk", 12, 22, "abc_efghijk_000012")
        ],
        "\ufeffabcdefghijk_30_35.5\r\n": [("abcdefghijk", 30, 35.5, "abcdefghijk_000030")],
        "abcdefghijk,1.25": [("abcdefghijk", 1.25, 11.25, "abcdefghijk_1.25")],
    }  # fmt: skip
    for text, expected in cases.items():
        path.write_text(text, encoding="utf-8")
        assert [(one.id, one.start, one.end, one.name) for one in read_moments(path, 10)] == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,1\nabcdefghijk\n", "l.csv:2: found 'abcdefghijk'"),
        ("a,1\na,5,3\n", "l.csv:2: found 'a,5,3'"),
        ("a,1\na,-5\n", "l.csv:2"),
        ("a,1\na,nan\n", "l.csv:2"),
        ("a,1,5\na,1,6\n", "ends at 6 s, in l.csv:1 at 5 s"),
        ("id,start\n", "contains no clip"),
        ("", "contains no clip"),
    ],
)
def test_a_line_of_another_form_is_named(tmp_path, text, message):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(DataError) as caught:
        read_moments(tmp_path / "l.csv", 10)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("message", "reason", "final"),
    [
        ("ERROR: [youtube] x: Private video. Sign in if you've been granted access to this video", "private", True),
        ("ERROR: [youtube] x: Video unavailable. This video has been removed by the uploader", "removed", True),
        ("ERROR: [youtube] x: Video unavailable. The uploader has not made this video available in your country",
         "blocked in this country", True),
        ("ERROR: [youtube] x: Sign in to confirm your age. This video may be inappropriate", "restricted by age", True),
        ("ERROR: [youtube] x: Sign in to confirm you're not a bot. Use --cookies", "too many requests", False),
        ("ERROR: unable to download video data: HTTP Error 429: Too Many Requests", "too many requests", False),
        ("ERROR: unable to download video data: HTTP Error 503: Service Unavailable", "network", False),
        ("ERROR: [youtube] x: Read timed out.", "network", False),
        ("ERROR: Postprocessing: ffmpeg not found. Please install", "ffmpeg is not installed", False),
        ("ERROR: [youtube] x: Requested format is not available", "no such format", False),
        ("ERROR: [youtube] x: Join this channel to get access to members-only content", "for members only", True),
        ("ERROR: [youtube] x: Video unavailable. This content isn't available, try again later.", "too many requests", False),
        ("WARNING: only this", "other", False),
        ("", "other", False),
    ],
)  # fmt: skip
def test_messages_of_yt_dlp_become_reasons(message, reason, final):
    found = meaning(message, 1)
    assert (found.reason, found.final) == (reason, final)
