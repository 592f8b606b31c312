"""One process that has imported what the work needs, and of which every worker is a copy: starting one more costs nothing.

The command itself is never copied, for it may have threads. Over a socket it asks for a copy (F, with the descriptor that
the copy serves; answered by its number) and how one has ended (W and its number; answered by its status as waitpid has it).
An answer repeats what was asked: where Ctrl-C came between the two, the next one is not taken for it.
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
    """The system starts no further process."""


class Template:
    """The side of the command. modules: what the template imports. folder: where the workers work, here where None."""

    def __init__(self, begin: str, modules: Iterable[str], folder: str | None) -> None:
        self.ours, theirs = socket.socketpair()
        told = [json.dumps(sys.path), str(theirs.fileno()), json.dumps(sorted(modules))]
        # a group of its own: Ctrl-C is for the process that shows how to go on; what a decoder prints is no result
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
        """A new worker: what it says and hears, and its number."""
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
        """Its workers must have ended."""
        self.ours.close()
        self.process.kill()
        self.process.wait()


def stand_by(descriptor: int, modules: Iterable[str]) -> None:
    """The side of the template, until the command closes the socket or ends."""
    import gc
    from importlib import import_module

    import cv2

    from avloc.prepare.pool.process import serve

    cv2.setNumThreads(1)
    for module in modules:
        with suppress(Exception):  # a worker that needs it says what is wrong
            import_module(module)
    gc.freeze()  # or each worker's first search for garbage copies all of it
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
        os._exit(status)  # what the template would do at its end is not this one's to do
