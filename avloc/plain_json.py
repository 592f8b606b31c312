"""JSON that others may have written: nothing in it is lost or too large for a number, and any problem is one error."""

import json
import re
from typing import Any

DIGITS = 308  # the largest float has 309
_LONG = re.compile(rf"\d{{{DIGITS + 1}}}")


class NotJson(ValueError):
    """The problem in one line. line: its line, counted from 1; None if it is unknown."""

    def __init__(self, what: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(what)


def plain_json(text: str | bytes) -> Any:
    """The value of a document; NotJson for anything else.

    That includes a key that an object has twice with different values, of which Python would drop the first, and a whole
    number that no float can hold.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
    except UnicodeDecodeError:
        raise NotJson("not UTF-8") from None
    # Python's own reader of numbers is faster, and long ones are rare
    number = _whole_number if _LONG.search(text) else None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=number)
    except json.JSONDecodeError as error:
        raise NotJson(error.msg, error.lineno) from None
    except RecursionError:
        raise NotJson("nested too deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double = next((key for key, value in pairs if value != found[key]), None)
        if double is not None:
            raise NotJson(f"the key {double!r:.60} is given twice, with different values")
    return found


def _whole_number(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise NotJson(f"a whole number of {len(digits)} digits")
    return int(digits)
