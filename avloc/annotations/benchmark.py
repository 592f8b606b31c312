"""A benchmark as a value: how to read it, which files it needs, and how it is scored by default."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.annotations.files import Files
from avloc.annotations.truth import Truth


@dataclass(frozen=True)
class Benchmark:
    """A test set: how to read it and how it is scored by default."""

    name: str
    title: str
    read: Callable[[Files], Truth]
    #: files or folders, in the order they are looked for
    needs: str
    #: how boxes are written in the file
    boxes: str
    #: what an id of the predictions refers to
    ids: str
    clips: int
    protocol: str
    metrics: tuple[str, ...]
    origin: str
    sources: int = 1
    #: converts the files of the distribution into one file that is faster to read, and returns the number of entries
    convert: Callable[[Path, Path], int] | None = None
    #: axes that a protocol takes on this benchmark, because the release behaves differently on it
    axes: dict[str, dict[str, Any]] = field(default_factory=dict)
