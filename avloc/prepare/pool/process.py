"""The process that works on tasks for another: what it is sent, and what it tells meanwhile.

A task is (work, arguments); `work(*arguments, tell)` is called. `tell("at", n)` says that the clock of item n begins (n None:
of no item), `tell("done", failed)` that an item is finished. The result is sent as ("result", value) or ("error", exception).
"""

import os
import pickle
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

Tell = Callable[[str, Any], None]


def serve(descriptor: int, parent: int) -> None:
    """Work on what comes until nothing does; ends with the process that started it, wherever a decoder may hang."""
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Connection(descriptor) as connection:
        while True:
            try:
                work, arguments = connection.recv()
            except (EOFError, ConnectionError):
                return
            except Exception as error:  # what was sent cannot be loaded here: a class of the script that was started
                connection.send(("error", _sendable(error)))
                continue
            try:
                answer = ("result", work(*arguments, lambda what, value: connection.send((what, value))))
            except ConnectionError:
                return
            except Exception as error:
                answer = ("error", _sendable(error))
            try:
                connection.send(answer)
            except ConnectionError:  # nobody is there to hear it
                return


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _sendable(error: Exception) -> Exception:
    error.add_note("".join(traceback.format_exception(error)))
    try:
        return error if isinstance(pickle.loads(pickle.dumps(error)), type(error)) else RuntimeError(*error.__notes__)
    except Exception:
        return RuntimeError(*error.__notes__)
