"""Docstrings of the Python API: what they say of each parameter as a list, for mkdocstrings.

The code has ``name: meaning. other, another: meaning.`` in one paragraph, or a line for each.
"""

import re
from collections.abc import Iterable
from typing import Any

import griffe


class ListedParameters(griffe.Extension):
    """Changes the docstrings of functions and classes while they are read."""

    def on_function_instance(self, *, func: Any, **_: Any) -> None:
        _list(func, [parameter.name for parameter in func.parameters])

    def on_class_members(self, *, cls: Any, **_: Any) -> None:
        made = cls.members.get("__init__")
        arguments = [parameter.name for parameter in made.parameters] if made is not None else []
        _list(cls, [*cls.members, *arguments])


def _list(obj: Any, names: Iterable[str]) -> None:
    if obj.docstring is not None:
        obj.docstring.value = listed(obj.docstring.value, names)


def listed(text: str, names: Iterable[str]) -> str:
    """The docstring with a list in each paragraph that explains some of the names."""
    paragraphs = re.split(r"\n[ \t]*\n", text)
    return "\n\n".join(_listed(one, entries_of(one, names)) for one in paragraphs)


def entries_of(text: str, names: Iterable[str]) -> list[re.Match[str]]:
    """Where a text explains names: ``name: ``, or ``name, other: ``, at the start of a sentence or of a line."""
    known = "|".join(map(re.escape, names)) or "(?!)"
    return list(re.finditer(rf"(?:(?<=[.;] )|(?<=[.;]\n)|^)[ \t]*((?:(?:{known})(?:,\s)?)+):\s", text, re.M))


def _listed(text: str, marks: list[re.Match[str]]) -> str:
    if not marks:
        return text
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    lines = []
    for mark, end in zip(marks, ends, strict=True):
        names = ", ".join(f"`{name}`" for name in re.findall(r"\w+", mark[1]))
        lines.append(f"- {names}: {' '.join(text[mark.end() : end].split()).rstrip(';')}")
    before = text[: marks[0].start()].strip()
    return "\n".join([*([before, ""] if before else []), *lines])
