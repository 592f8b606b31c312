"""Names of clips and files in messages: a few of many, and one that stands there twice."""

from collections.abc import Iterable


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and dots where there are more."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def first_double(names: Iterable[str]) -> str | None:
    """The first name that stood there before; None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
