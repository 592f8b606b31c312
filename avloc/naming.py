"""Names of clips and files: how they are stored, shown in messages, and abbreviated."""

import difflib
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence

LONGEST = 60  # characters of one name in a message
MESSAGE = 400  # characters of one line of a message
MOST = 40  # suggestions for a name


def whole(text: str, most: int = 999_999_999) -> int | None:
    """The number that decimal digits are, up to `most`; None for other text, also for thousands of digits and "²"."""
    digits = text.strip()
    told = digits.lstrip("0")
    if not digits.isdecimal() or len(told) > len(str(most)):
        return None
    return number if (number := int(told or "0")) <= most else None


def utf8_name(name: str) -> str:
    """The name of a file as text that can be stored: bytes that are not UTF-8 become %E9 and so on.

    If Python reads names in another encoding (LANG=C), a name that is UTF-8 on disk still becomes that text.
    """
    if name.isascii():
        return name
    raw = name.encode("utf-8", "surrogateescape") if _is_escaped(name) else _on_disk(name)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        kept = raw.replace(b"%", b"%25").decode("utf-8", "surrogateescape")
        return re.sub("[\udc80-\udcff]", lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", kept)


def _is_escaped(name: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in name)


def _on_disk(name: str) -> bytes:
    """The bytes of a name; UTF-8 for text that cannot be a file name here."""
    try:
        return os.fsencode(name)
    except UnicodeEncodeError:
        return name.encode("utf-8", "replace")


def printable(text: object, kept: str = "") -> str:
    """Text from files, safe for a terminal: characters that could move its cursor or change its colour or text direction
    are escaped, as \\x1b, and so are undecodable bytes. kept: characters that stay, such as line ends.
    """
    said = str(text)
    return said if said.isprintable() else "".join(letter if letter in kept else _spelled(letter) for letter in said)


def _spelled(letter: str) -> str:
    if letter.isprintable() or letter in _JOINERS or unicodedata.category(letter) not in _UNSAFE:
        return letter
    if "\udc80" <= letter <= "\udcff":
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return repr(letter)[1:-1]


#: control and direction characters, surrogates, line and paragraph separators
_UNSAFE = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_JOINERS = "\u200c\u200d"  # used within words in some scripts, and in emoji


def brief(text: str, most: int = LONGEST) -> str:
    """The text, shortened in the middle if it is longer than `most` characters: start and end tell the most."""
    if len(text) <= most:
        return text
    head = (most - 3) * 2 // 3
    return f"{text[:head]}...{text[len(text) - (most - 3 - head) :]}"


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few names, and dots if there are more."""
    listed = list(names)
    return ", ".join(brief(printable(name)) for name in listed[:most]) + (", ..." if len(listed) > most else "")


def counted(count: int, one: str, several: str) -> str:
    """ "1 clip has" or "3 clips have": a number with the words for one, or for several."""
    return f"{count} {one if count == 1 else several}"


def shortened(value: object, most: int = 60) -> str:
    """A value as Python writes it, cut if it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer with thousands of digits, nested lists
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def as_json(value: object, most: int = 60) -> str:
    """A value of a JSON file as it is written there, cut if it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def first_line(error: BaseException, most: int = 160) -> str:
    """The first line of an error that says something, or else its type: libraries write whole pages."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:most]


def first_double(names: Iterable[str]) -> str | None:
    """The first name that occurs twice; None if all differ."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """The error about an unknown name, with the most similar known one. what: the kind of name."""
    names = list(known)
    near = difflib.get_close_matches(name, names, 1)
    hint = f"did you mean {near[0]!r}? The {what}s are" if near else f"the {what}s are"
    return f"no {what} {brief(name)!r}; {hint} {some(names, MOST)}"


def words(given: Sequence[str]) -> Sequence[str]:
    """The words given for a parameter that takes several: a single text is one word, not its letters."""
    return (given,) if isinstance(given, str) else given
