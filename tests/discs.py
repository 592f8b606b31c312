"""A small disc of its own for a test, which nothing can leave mounted, not even a test run that is killed."""

import ctypes
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

_MOUNTS = 0x00020000  # CLONE_NEWNS


@contextmanager
def little_disc(place: Path, size: str) -> Iterator[Path]:
    """A file system of this size ("1m") at a new folder; the test is skipped where none can be mounted."""
    place.mkdir()
    if not own_mounts() or _mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", place):
        pytest.skip("no file system can be mounted here: only root may")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody, not even root, may write below a folder that is there."""
    if not own_mounts() or _mount("--bind", folder, folder):
        pytest.skip("no file system can be mounted here: only root may")
    try:
        assert _mount("-o", "remount,bind,ro", folder) == 0
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def enlarge(disc: Path, size: str = "64m") -> None:
    assert _mount("-o", f"remount,size={size}", disc) == 0


@cache
def own_mounts() -> bool:
    """Whether this process, and those that it starts, now have mounts that end with them."""
    if shutil.which("mount") is None or ctypes.CDLL(None, use_errno=True).unshare(_MOUNTS):
        return False
    return _mount("--make-rprivate", "/") == 0


def _mount(*words: object) -> int:
    return subprocess.run(["mount", *map(str, words)], capture_output=True, check=False).returncode
