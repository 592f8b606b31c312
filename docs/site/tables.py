"""Markdown tables out of plain words."""

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; empty where there are no rows."""
    lines = [f"| {' | '.join(cell(one) for one in row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}", *lines, ""]) if lines else ""


def cell(text: str) -> str:
    """Text that stays within its cell: one line, bars escaped, and < outside of code shown as it is."""
    pieces = re.split(r"(`+[^`]*`+)", " ".join(text.split()))
    plain = [one if one.startswith("`") else one.replace("<", "&lt;") for one in pieces]
    return "".join(plain).replace("|", "\\|")


def code(text: object) -> str:
    return f"`{text}`"


def sentence(text: str) -> str:
    """With a capital letter, unless its first word is a name such as fp32, and a full stop."""
    text = " ".join(text.split()).rstrip(".;,")
    name = bool(re.match(r"\S*\d", text))
    return f"{text[:1] if name else text[:1].upper()}{text[1:]}." if text else ""
