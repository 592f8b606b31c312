"""Faults of the machine, in one line each: no memory, no disk space, too many open files, a closed terminal."""

import errno
import os
import re
import signal
import sys
import threading
from typing import Any

from avloc.files import system_error

LOWER = "lower train.batch_size or train.workers, set train.resident: false, or use fewer --jobs"
AGAIN_AFTER = 0.05  # s
_MEMORY = ("can't allocate memory", "std::bad_alloc", "Insufficient memory", "MDB_MAP_FULL", "Cannot allocate memory")
# of a library that does not fit into memory
_LIBRARY = ("failed to map segment from shared object", "annot allocate memory")
_GPU = ("CUDA out of memory", "STATUS_ALLOC_FAILED", "CUDA error: out of memory")
# what a process finds in the middle of a collective operation if another one is gone
_PEERS = ("gloo/transport", "Connection closed by peer", "Connection reset by peer")
_DISTRIBUTED = ("DistBackendError", "DistNetworkError", "DistStoreError")
_OTHER = (
    "another process of this command ended, and its own message says why (without one it was killed, usually because "
    "memory ran out); run the command again: finished work is kept"
)
_REMEDIES = {
    errno.EMFILE: "raise the limit of open files (ulimit -n), or lower train.workers",
    errno.ENFILE: "the machine has too many open files; close other programs",
    errno.ENOSPC: "free space, or choose another folder",
    errno.EDQUOT: "the quota is used up; free space, or choose another folder",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), or choose another disk",
    errno.ENAMETOOLONG: "give another path",
    errno.ELOOP: "give another path",
    errno.ENOTDIR: "give another path",
    errno.EROFS: "the disk is read-only; choose another folder",
    errno.EAGAIN: "the system cannot start another process or thread; use fewer --jobs, or raise ulimit -u",
}
_AGAIN = "the file itself may be fine; run the command again"
_TOLD = {
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
    errno.ETIMEDOUT,
    errno.EHOSTDOWN,
    errno.ENOTCONN,
}


def fault_of(error: BaseException) -> str | None:
    """The resource that ran out, and what to reduce; None for any other error, which is a bug in avloc."""
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or any(words in text for words in _GPU):
        return "the GPU is out of memory; lower train.batch_size, or use train.precision: bf16"
    if isinstance(error, ImportError) and any(words in text for words in _LIBRARY):
        return "this machine is out of memory: the libraries that avloc needs cannot be loaded; close other programs"
    if isinstance(error, FileNotFoundError) and _is_nowhere():
        return "the current folder was removed; change to another one (cd), and repeat the command there"
    if system_error(error) == errno.ENOMEM or (_foreign(error) and any(words in text for words in _MEMORY)):
        return f"this machine is out of memory; {LOWER}"
    if isinstance(error, RuntimeError) and "DataLoader worker" in text and "exited unexpectedly" in text:
        return f"a process that reads clips was killed, usually because memory ran out; {LOWER}"
    if isinstance(error, RuntimeError) and (
        type(error).__name__ in _DISTRIBUTED or any(words in text for words in _PEERS)
    ):
        return _OTHER
    if isinstance(error, RuntimeError) and "can't start new thread" in text:
        return _REMEDIES[errno.EAGAIN]
    number = getattr(error, "errno", None) if isinstance(error, OSError) else None
    number = number if number is not None else system_error(error)
    hidden = re.search(r"Too many open files|\(24\)", text) if isinstance(error, RuntimeError) else None
    number = errno.EMFILE if hidden else number
    if number not in _REMEDIES and number not in _TOLD:
        return None
    where = getattr(error, "filename", None)
    place = f"{os.fsdecode(where)}: " if isinstance(where, str | bytes) else ""
    return f"{place}{os.strerror(number)}; {_REMEDIES.get(number, _AGAIN)}"


def _is_nowhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _foreign(error: BaseException) -> bool:
    """Whether it comes from a library that has no exception class for a lack of memory."""
    return isinstance(error, RuntimeError) or type(error).__module__.split(".")[0] in ("cv2", "lmdb", "av")


def open_streams() -> None:
    """Give stdin, stdout and stderr that the caller closed (`>&-`) to /dev/null.

    Otherwise the next file that is opened would get the number of the stream, and the messages of libraries be written into it.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115, open to the end


def tell_of_the_end() -> None:
    """Say in a line why this process ends when torchrun ends it, because another one did.

    A process that computes gets the signal after its current operation; torchrun kills it after 30 seconds.
    """
    own = os.getpid()

    def ended(number: int, frame: Any) -> None:
        if os.getpid() == own:  # not a worker that inherited this
            os.write(2, f"avloc: ended by a signal (SIGTERM): {_OTHER}\n".encode())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, ended)


def repeat_if_lost(found: "sys.UnraisableHookArgs") -> None:
    """What Python calls with an exception that nothing can catch, as in a function that native code calls. Ctrl-C there would
    be lost, and the command go on, so this process sends it to itself again."""
    if not issubclass(found.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(found)
        return
    again = threading.Timer(AGAIN_AFTER, os.kill, (os.getpid(), signal.SIGINT))
    again.daemon = True
    again.start()


class Forgiving:
    """A stream whose errors are ignored: the reader of a training's progress must not be able to end the training."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            self._stream.write(text)
        except (OSError, ValueError):  # a full disk, a closed terminal, a closed stream
            return 0
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            return
