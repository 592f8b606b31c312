"""The origin of a store's clips: the synthetic world, composed pictures and sounds, or recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from avloc.errors import AvlocError
from avloc.files import read_json

Origin = Literal["synthetic", "composed", "recorded"]

#: their names in a sentence
WORDS: dict[str, str] = {
    "synthetic": "the synthetic world",
    "composed": "composed pictures and sounds",
    "recorded": "recordings",
}


def origin_of(settings: Mapping[str, Any]) -> Origin:
    """From a store's settings. Early stores do not record it and are recognised by their source, if it exists."""
    noted = settings.get("origin")
    if noted == "synthetic" or noted == "composed" or noted == "recorded":
        return noted
    if settings.get("data") == "composed":
        return "composed"
    source = settings.get("source")
    return origin_at(Path(source)) if isinstance(source, str) and source else "recorded"


def origin_at(path: Path) -> Origin:
    """Of a file, a folder or a store: a folder of the synthetic world contains world.json."""
    try:
        if any((folder / "world.json").is_file() for folder in (path, path.parent, path.parent.parent)):
            return "synthetic"
        if (path / "store.json").is_file():
            settings = read_json(path / "store.json")
            # a store that names itself as its source is a mistake
            return origin_of({**settings, "source": _other(settings.get("source"), path)})
    except (AvlocError, OSError, TypeError, ValueError):
        pass
    return "recorded"


def _other(source: Any, path: Path) -> str:
    return source if isinstance(source, str) and Path(source) != path else ""
