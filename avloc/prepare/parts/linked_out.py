"""Files of a source that are links to somewhere else: they are reported, and not read unless links are followed."""

from collections.abc import Mapping
from pathlib import Path

from avloc.errors import DataError
from avloc.links import OPTION, bounds, target

LINKED_OUT = f"its link points outside the folder ({OPTION} reads it)"


def linked_out(source: Path, what: str, paths: Mapping[str, Path]) -> list[str]:
    """The names whose paths lead out of the given folders. what: a description of the names.

    DataError if these are more than half: then it is a folder of links, and the user has to ask for it.
    """
    limits = bounds()
    out = [name for name, path in paths.items() if limits.lead_out(path)]
    refuse_most(source, what, [paths[name] for name in out], len(paths))
    return out


def refuse_most(source: Path, what: str, out: list[Path], count: int, remedy: str = f"add {OPTION}") -> None:
    if 2 * len(out) > count:
        raise DataError(
            f"{source}: {len(out)} of {count} {what} are links to outside the folder, such as {target(out[0])}; {remedy} "
            "to read them"
        )
