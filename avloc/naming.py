"""Names of clips and files in messages: a few of many, and one that stands there twice."""

import difflib
from collections.abc import Iterable


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and dots where there are more."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")


def shortened(value: object, most: int = 60) -> str:
    """A value as Python writes it, cut where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists within lists
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def first_double(names: Iterable[str]) -> str | None:
    """The first name that stood there before; None where all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The error about a name that is none of those known, with the one nearest to it. what: one of them in words."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? The {what}s are" if near else f"the {what}s are"
    return f"no {what} {name!r}; {hint} {', '.join(names)}"
