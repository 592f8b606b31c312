"""Ways in which a file can be wrong: bytes that changed, files cut short, values that no key should have, hostile names."""

import copy
import json
import random
from typing import Any

#: what text, a number, a name or a date may turn into
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 3.5, -0.0, 1e308, 10**9, 2**63, 10**30, "", " ", "x", "nan", "1e400",
    "../../../x", "/etc/passwd", "a" * 5000, "\x1b[31mred\x1b[0m", "[/red]", "\u202egnp", "é", "日本", "a\nb",
    "a\tb", "\ud800", "%s %d {0}", "..", ".", "con", [], {}, [[]], [None], {"": {}}, {"a": 1}, [1, 2, 3, 4],
    ["a", "b"], [1e400], [-1, -1, -1, -1], float("nan"), float("inf"),
)  # fmt: skip
#: pieces of text that readers of YAML, JSON, XML and CSV may stumble over
TOKENS = (
    b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"&a [*a]", b"*a", b"<<: {a: 1}",
    b"!!python/object:os.system ls", b"!!bool abc", b"!!int x", b"!!timestamp 9999-99-99", b"!!binary x",
    b"!!float x", b"2001-13-45", b"---\n", b"...\n", b"? ", b"- - - -", b"{{{{", b"[" * 3000, b'{"a":' * 3000,
    b"9" * 5000, b"0x" + b"f" * 5000, b"1:2:3:4", b".inf", b".nan", b"~", b"'", b'"', b"`", b"@", b"%TAG",
    b"\t", b"\r", b"\x85", b"\x1b[2J", b"<!DOCTYPE a [<!ENTITY b 'b'>]>",
    b"<?xml version='1.0' encoding='zz'?>", b"]]>", b",,,,", b"\n\n\n", b'"' + b"a" * 140_000, b"NaN",
    b"Infinity", b"-", b"null", b"true", b"1e999", b"\\ud800", b"../", b"/", b"[/red]",
)  # fmt: skip


def bytes_of(content: bytes, chance: random.Random) -> bytes:
    """The content with one to four things wrong; now and then another file altogether."""
    if chance.random() < 0.04:
        return chance.choice([b"", b"\0" * 64, b"text", chance.randbytes(300), content[:1], content + content])
    found = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        _edit(found, chance)
    return bytes(found)


def _edit(found: bytearray, chance: random.Random) -> None:
    # heads and tails of files hold what readers trust
    where = chance.choice([chance.random(), chance.random(), chance.random() ** 4, 1 - chance.random() ** 4])
    at = min(int(where * len(found)), max(len(found) - 1, 0))
    span = chance.choice([1, 2, 4, 8, 64, 1000])
    kind = chance.randrange(9)
    if kind <= 2 and found:
        found[at] ^= 1 << chance.randrange(8)
    elif kind == 3:
        found[at : at + span] = chance.randbytes(min(span, len(found) - at))
    elif kind == 4:
        del found[at:]
    elif kind == 5:
        del found[at : at + span]
    elif kind == 6:
        found[at:at] = found[at : at + span]
    elif kind == 7:
        found[at : at + span] = bytes(min(span, len(found) - at))
    else:
        found[at:at] = chance.choice(TOKENS)


def text_of(content: bytes, chance: random.Random) -> bytes:
    """Text with a token put in, a line doubled, dropped or moved, or bytes that changed."""
    if chance.random() < 0.3:
        return bytes_of(content, chance)
    lines = content.split(b"\n")
    for _ in range(chance.choice([1, 1, 2])):
        at = chance.randrange(len(lines))
        kind = chance.randrange(5)
        if kind == 0:
            lines[at:at] = [lines[at]]
        elif kind == 1 and len(lines) > 1:
            del lines[at]
        elif kind == 2:
            lines[at] = lines[at].replace(b":", b": " + chance.choice(TOKENS), 1)
        elif kind == 3:
            place = chance.randrange(len(lines[at]) + 1)
            lines[at] = lines[at][:place] + chance.choice(TOKENS) + lines[at][place:]
        else:
            head, _, _ = lines[at].partition(b":")
            lines[at] = head + b": " + json.dumps(chance.choice(VALUES)).encode()
    return b"\n".join(lines)


def json_of(content: bytes, chance: random.Random) -> bytes:
    """JSON, or lines of it, with values that no key should have."""
    if chance.random() < 0.25:
        return text_of(content, chance)
    several = content.count(b"\n{") > 0
    values = [json.loads(line) for line in content.splitlines()] if several else [json.loads(content)]
    for _ in range(chance.choice([1, 1, 2, 3])):
        number = chance.randrange(len(values))
        values[number] = value_of(values[number], chance)
    if several and chance.random() < 0.2:
        values.append(copy.deepcopy(chance.choice([*values, any_value(chance)])))
    return b"\n".join(json.dumps(value).encode() for value in values)


def value_of(value: Any, chance: random.Random) -> Any:
    """The value with something within it replaced, dropped, doubled or added."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.08:
        return any_value(chance)
    key = chance.choice(list(value)) if isinstance(value, dict) else chance.randrange(len(value))
    kind = chance.random()
    if kind < 0.6:
        value[key] = value_of(value[key], chance)
    elif kind < 0.75:
        del value[key]
    elif isinstance(value, dict):
        value[str(chance.choice(VALUES))[:2000]] = copy.deepcopy(value[key])
    else:
        value.insert(
            chance.randrange(len(value) + 1), copy.deepcopy(value[key]) if chance.random() < 0.5 else any_value(chance)
        )
    return value


def any_value(chance: random.Random) -> Any:
    """One that nobody else changes."""
    return copy.deepcopy(chance.choice(VALUES))
