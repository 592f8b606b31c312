"""Downloads one clip with yt-dlp, in a process that is killed if it takes too long, and interprets its error messages."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import DataError
from avloc.prepare.fetch.lists import Wanted

PROGRAM = "yt-dlp"
WORK = ".fetch-"  # prefix of the folders of unfinished clips
PARTIAL = (".part", ".ytdl", ".temp", ".log", ".json")
TAIL = 1 << 16  # bytes of its messages that are kept
#: (part of a message, the reason, whether a retry is useless); the first match counts
REASONS: tuple[tuple[str, str, bool], ...] = (
    (r"requested format", "no such format", False),
    (r"not a bot|try again later|too many requests|HTTP Error 429|rate.?limit", "too many requests", False),
    (r"private video|video is private", "private", True),
    (r"account .{0,80}terminated|been removed|removed by|no longer available", "removed", True),
    (r"in your country|geo.?restrict|blocked it in", "blocked in this country", True),
    (r"confirm your age|age.?restricted|inappropriate for some users", "restricted by age", True),
    (r"members.only|join this channel|requires payment|premium", "for members only", True),
    (r"copyright|terms of service|violat", "removed", True),
    (r"this live event|is upcoming|premieres in", "not yet shown", False),
    (r"video unavailable|not available|does not exist|incomplete youtube id", "unavailable", True),
    (r"ffmpeg (is )?not (found|installed)|ffprobe .{0,20}not found", "ffmpeg is not installed", False),
    (r"no space left|disk quota", "disk full", False),
    (r"timed? ?out|unreachable|name resolution|getaddrinfo|connection|network|HTTP Error 5\d\d|ssl", "network", False),
)


@dataclass(frozen=True)
class Outcome:
    """file: the name of the clip, empty if it failed, and the reason. final: a retry is useless."""

    file: str = ""
    reason: str = ""
    detail: str = ""
    final: bool = False


def program() -> str:
    """The path of yt-dlp; DataError if it is not installed."""
    found = shutil.which(PROGRAM)
    if found is None:
        raise DataError(
            f"{PROGRAM} is not installed, or not on the PATH; install it (`pip install yt-dlp`, and ffmpeg) and run this again"
        )
    return found


class Fetcher:
    """Downloads clips into a folder, from several threads; `stop` ends running downloads."""

    def __init__(self, out: Path, timeout: float, format: str) -> None:
        self.out, self.timeout, self.format = out, timeout, format
        self.program = program()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False

    def fetch(self, wanted: Wanted) -> Outcome:
        """The clip gets its name only when it is complete."""
        if not wanted.of_youtube:
            return Outcome(reason="no YouTube id", detail=wanted.id[:80], final=True)
        with tempfile.TemporaryDirectory(prefix=WORK, dir=self.out, ignore_cleanup_errors=True) as folder:
            log = Path(folder, "messages.log")
            status = self._run(wanted, folder, log)
            if status is None:
                return Outcome(reason="took too long", detail=f"more than {self.timeout:g} s")
            if status != 0:
                return meaning(_tail(log), status)
            made = [path for path in Path(folder).iterdir() if path.suffix not in PARTIAL and path.stat().st_size]
            if len(made) != 1:
                return Outcome(reason="no file", detail=f"{PROGRAM} succeeded, but wrote {len(made)} files")
            name = f"{wanted.name}{made[0].suffix}"
            with made[0].open("rb") as file:
                os.fsync(file.fileno())
            os.replace(made[0], self.out / name)
            return Outcome(file=name)

    def _run(self, wanted: Wanted, folder: str, log: Path) -> int | None:
        """The exit status; None if it was killed for taking too long."""
        command = [
            self.program, "--no-playlist", "--no-progress", "--format", self.format,
            "--download-sections", f"*{_seconds(wanted.start)}-{_seconds(wanted.end)}", "--force-keyframes-at-cuts",
            "--merge-output-format", "mp4", "--remux-video", "mp4", "--output", "clip.%(ext)s",
            "--", f"https://www.youtube.com/watch?v={wanted.id}",
        ]  # fmt: skip
        with log.open("wb") as messages:
            process = self._start(command, folder, messages)
            try:
                return process.wait(self.timeout)
            except subprocess.TimeoutExpired:
                return None
            finally:
                _end(process)
                with self._lock:
                    self._running.discard(process)

    def _start(self, command: list[str], folder: str, messages: object) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._stopped:
                raise KeyboardInterrupt
            # a process group, so that the ffmpeg it starts is ended with it
            try:
                process = subprocess.Popen(
                    command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages,  # type: ignore[call-overload]
                    process_group=0,
                )  # fmt: skip
            except OSError as error:
                raise DataError(f"{self.program}: cannot be started ({error.strerror})") from None
            self._running.add(process)
            return process

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Kill the whole group, including what outlives the process itself."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(log.stat().st_size - TAIL, 0))
        return file.read().decode("utf-8", "replace")


def meaning(messages: str, status: int) -> Outcome:
    """Interpret the last error."""
    lines = [line.strip() for line in messages.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    told = (errors or lines or [f"it ended with status {status}"])[-1]
    told = "".join(letter if letter.isprintable() else " " for letter in told)
    text = told.removeprefix("ERROR:").strip()[:200]
    for pattern, reason, final in REASONS:
        if re.search(pattern, told, re.IGNORECASE):
            return Outcome(reason=reason, detail=text, final=final)
    return Outcome(reason="other", detail=text)


def _seconds(time: float) -> str:
    """A time to the millisecond, without zeros at its end."""
    return f"{time:.3f}".rstrip("0").rstrip(".")
