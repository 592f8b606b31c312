"""Commands in processes of their own that need not load everything anew: one process has loaded it and splits off each."""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

#: what commands load; a test of a kill has its moments in what they do, not in the loading
LOADED = (
    "torch",
    "cv2",
    "av",
    "h5py",
    "lmdb",
    "safetensors.torch",
    "torchvision",
    "sklearn.cluster",
    "matplotlib.pyplot",
    "avloc.engine.training",
    "avloc.cli.app",
)


@dataclass(frozen=True)
class Around:
    """What is odd about a process. env: variables, None for one that is not set. closed: streams by number. full: streams that
    take nothing. encoding: of stdout and stderr. nowhere: its folder is removed.
    """

    env: dict[str, str | None] = field(default_factory=dict)
    closed: tuple[int, ...] = ()
    full: tuple[int, ...] = ()
    encoding: str = ""
    nowhere: bool = False


class Starter:
    """Starts commands; `close` ends the process that splits them off."""

    def __init__(self) -> None:
        code = "from tests.fuzz.started import serve; serve()"
        self._server = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(
        self, words: list[object], log: Path, limits: dict[int, int] | None = None, kept: Path | None = None,
        around: Around = Around(),
    ) -> int:  # fmt: skip
        """The number of the process. log: for all that it prints. limits: by resource, of memory beyond what is in use. kept:
        where it keeps pretrained weights."""
        asked = {
            "words": [str(word) for word in words],
            "log": str(log),
            "limits": limits or {},
            "kept": str(kept or ""),
            "around": asdict(around),
        }
        number: int = self._ask(asked)
        return number

    def wait(self, number: int, seconds: float) -> int | None:
        """The status that it ended with, minus the signal that ended it; None where it works still."""
        status: int | None = self._ask({"wait": number, "seconds": seconds})
        return status

    def close(self) -> None:
        self._server.stdin.close()
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            self._server.kill()

    def _ask(self, what: dict[str, object]) -> int | None:
        self._server.stdin.write(json.dumps(what) + "\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())


def serve() -> None:
    """Split off a process for each line of stdin, or wait for one; the answers go to stdout."""
    for name in LOADED:
        __import__(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _wait(asked["wait"], asked["seconds"]) if "wait" in asked else _split(**asked)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    os._exit(0)  # nothing of what was loaded is worth waiting for


def _wait(number: int, seconds: float) -> int | None:
    end = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(number, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            return None
        time.sleep(0.005)


def _split(words: list[str], log: str, limits: dict[str, int], kept: str, around: dict[str, Any]) -> int:
    number = os.fork()
    if number:
        return number
    status = 1
    try:
        os.setsid()
        for stream, mode in ((0, os.O_RDONLY), (1, os.O_WRONLY | os.O_CREAT), (2, os.O_WRONLY | os.O_CREAT)):
            os.dup2(os.open(log if stream else os.devnull, mode | os.O_APPEND * (stream > 0)), stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for what, most in limits.items():
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            most += used if int(what) == resource.RLIMIT_AS else 0
            resource.setrlimit(int(what), (most, most))
        sys.argv = ["avloc", *words]
        os.environ |= {"AVLOC_WEIGHTS": kept} if kept else {}
        _surround(Around(**around))
        status = _command()
    finally:
        os._exit(status)


def _surround(around: Around) -> None:
    for name, value in around.env.items():
        os.environ.pop(name, None)
        os.environ.update({} if value is None else {name: value})
    if "TMPDIR" in around.env:
        tempfile.tempdir = None
    if "TZ" in around.env:
        time.tzset()
    if around.nowhere:
        folder = tempfile.mkdtemp()
        os.chdir(folder)
        os.rmdir(folder)
    for number in around.full:
        os.dup2(os.open("/dev/full", os.O_WRONLY), number)
    if around.encoding:
        for number, name in ((1, "stdout"), (2, "stderr")):
            setattr(sys, name, open(number, "w", encoding=around.encoding, closefd=False))  # noqa: SIM115
    for number in around.closed:
        os.close(number)
        setattr(sys, ("stdin", "stdout", "stderr")[number], None)


def _command() -> int:
    from avloc.cli import main

    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
    return 0
