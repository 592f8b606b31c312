"""A worker process: the tasks it receives and the messages it sends.

A task is (work, arguments); `work(*arguments, tell)` is called. `tell("at", n)` starts the time limit of item n (None:
no item), and `tell("done", failed)` reports a finished item. The result is sent as ("result", value) or ("error",
exception).
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
    """Work on tasks until there are no more; ends with its parent process, even if a decoder hangs."""
    import cv2

    cv2.setNumThreads(1)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with Connection(descriptor) as connection:
        while True:
            try:
                work, arguments = connection.recv()
            except (EOFError, ConnectionError):
                return
            except Exception as error:  # the task cannot be loaded here: it uses a class of the main script
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
            except ConnectionError:  # the parent is gone
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
