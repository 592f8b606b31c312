"""A process that has imported what the work needs; every worker is a fork of it, so starting one costs almost nothing.

The command itself is never forked, because it may have threads. Over a socket it requests a fork (F, with the
descriptor that the fork serves; the answer is its process id) and the exit status of one (W and its process id; the
answer is the status of waitpid). An answer repeats its request, so that after a Ctrl-C between the two it is not taken
for another's.
"""

import json
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe

from avloc.errors import DataError

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DIED = "a worker process died, perhaps because memory ran out; finished work is kept: run the command again with fewer jobs"
_ASKED, _ANSWERED = struct.Struct("!cq"), struct.Struct("!cqq")


class NoWorkers(DataError):
    """The system cannot start another process."""


class Template:
    """The side of the command. modules: what the template imports. folder: working folder of the workers, None: this one."""

    def __init__(self, begin: str, modules: Iterable[str], folder: str | None) -> None:
        self.ours, theirs = socket.socketpair()
        told = [json.dumps(sys.path), str(theirs.fileno()), json.dumps(sorted(modules))]
        # its own process group: only the main process handles Ctrl-C; what a decoder prints must not get into the results
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", begin, *told], env={**os.environ, **dict.fromkeys(THREADS, "1")},
                pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=2, process_group=0, cwd=folder,
            )  # fmt: skip
        except OSError as error:
            self.ours.close()
            raise NoWorkers(f"no worker process can be started ({error}); --jobs 0 works without one") from None
        finally:
            theirs.close()

    def fork(self) -> tuple[Connection, int]:
        """Start a worker: its connection and its process id."""
        ours, theirs = Pipe()
        try:
            number = self._ask(b"F", theirs.fileno(), [theirs.fileno()])
        except OSError:
            ours.close()
            raise DataError(DIED) from None
        finally:
            theirs.close()
        return ours, number

    def ended(self, number: int) -> int:
        """The status of a worker that has ended or was killed."""
        try:
            return os.waitstatus_to_exitcode(self._ask(b"W", number))
        except OSError:
            raise DataError(DIED) from None

    def _ask(self, what: bytes, number: int, descriptors: Sequence[int] = ()) -> int:
        socket.send_fds(self.ours, [_ASKED.pack(what, number)], descriptors)
        while True:
            answer = b""
            while len(answer) < _ANSWERED.size:
                part = self.ours.recv(_ANSWERED.size - len(answer))
                if not part:
                    raise ConnectionError
                answer += part
            *asked, value = _ANSWERED.unpack(answer)
            if asked == [what, number]:
                if value < 0:
                    raise OSError(-value, os.strerror(-value))
                return value

    def close(self) -> None:
        """Call this after its workers have ended."""
        self.ours.close()
        self.process.kill()
        self.process.wait()


def stand_by(descriptor: int, modules: Iterable[str]) -> None:
    """The template's side, until the command closes the socket or ends."""
    import gc
    from importlib import import_module

    import cv2

    from avloc.prepare.pool.process import serve

    cv2.setNumThreads(1)
    for module in modules:
        with suppress(Exception):  # a worker that needs it reports what is wrong
            import_module(module)
    gc.freeze()  # otherwise each worker's first garbage collection would copy all of it
    asked = socket.socket(fileno=descriptor)
    while True:
        try:
            message, descriptors, *_ = socket.recv_fds(asked, _ASKED.size, 1)
        except ConnectionError:
            return
        if not message:
            return
        what, number = _ASKED.unpack(message)
        value = os.waitpid(number, 0)[1] if what == b"W" else _copy(asked, descriptors[0], serve)
        with suppress(ConnectionError):
            asked.sendall(_ANSWERED.pack(what, number, value))


def _copy(asked: socket.socket, descriptor: int, serve: object) -> int:
    parent = os.getpid()
    try:
        number = os.fork()
    except OSError as error:
        os.close(descriptor)
        return -(error.errno or 1)
    if number:
        os.close(descriptor)
        return number
    status = 1
    try:
        asked.close()
        serve(descriptor, parent)  # type: ignore[operator]
        status = 0
    finally:
        os._exit(status)  # skip the exit handlers of the template
