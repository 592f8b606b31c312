"""Processes that watch over damaged files, split off from ones that have loaded everything already: each costs little."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from avloc import sealed_hdf5
from avloc.prepare.pool import tasks
from avloc.prepare.pool.template import Template

LIMIT = 5.0  # s of processor time for a file as small as those here


class _Kept(Template):
    def close(self) -> None:
        """Another command may need it."""

    def end(self) -> None:
        super().close()


@contextmanager
def kept_processes() -> Iterator[None]:
    """Within, a command's template of workers serves the next one too, and foreign HDF5 is tried in a copy of this process."""
    kept: dict[Any, _Kept] = {}

    def template(begin: str, modules: Any, folder: str | None) -> _Kept:
        modules = sorted(modules)
        key = (begin, tuple(modules), folder)
        if key not in kept or kept[key].process.poll() is not None:
            kept[key] = _Kept(begin, modules, folder)
        return kept[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tasks, "Template", template)
        patch.setattr(sealed_hdf5, "tried", tried)
        patch.setattr(sealed_hdf5, "LIMIT", LIMIT)
        try:
            yield
        finally:
            for one in kept.values():
                one.end()


def tried(path: Path, ends: bool) -> int:
    """As `avloc.sealed_hdf5.tried`."""
    number = os.fork()
    if not number:
        status = 1
        try:
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 2)
            sealed_hdf5._try(str(path), ends)
            status = 0
        finally:
            os._exit(status)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    except BaseException:  # an input that takes too long
        os.kill(number, signal.SIGKILL)
        os.waitpid(number, 0)
        raise
