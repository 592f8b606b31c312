"""Where the clips of a store come from: the synthetic world, pictures and sounds composed together, or recordings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from avloc.errors import AvlocError
from avloc.files import read_json

Origin = Literal["synthetic", "composed", "recorded"]

#: what each is called in a sentence
WORDS: dict[str, str] = {
    "synthetic": "the synthetic world",
    "composed": "composed pictures and sounds",
    "recorded": "recordings",
}


def origin_of(settings: Mapping[str, Any]) -> Origin:
    """Of a store, by its settings. Stores prepared before avloc noted the origin tell it by their source, while that exists."""
    noted = settings.get("origin")
    if noted == "synthetic" or noted == "composed" or noted == "recorded":
        return noted
    if settings.get("data") == "composed":
        return "composed"
    source = settings.get("source")
    return origin_at(Path(source)) if isinstance(source, str) and source else "recorded"


def origin_at(path: Path) -> Origin:
    """Of a file, a folder or a store: a folder of the synthetic world holds world.json."""
    try:
        if any((folder / "world.json").is_file() for folder in (path, path.parent, path.parent.parent)):
            return "synthetic"
        if (path / "store.json").is_file():
            settings = read_json(path / "store.json")
            # of itself, a store can only say so by mistake
            return origin_of({**settings, "source": _other(settings.get("source"), path)})
    except (AvlocError, OSError, TypeError, ValueError):
        pass
    return "recorded"


def _other(source: Any, path: Path) -> str:
    return source if isinstance(source, str) and Path(source) != path else ""
