"""What can be told of an H.264 packet without decoding it: whether a decoder can begin there, whether others build on it."""

from typing import Any

SLICES = (
    1,
    2,
    5,
)  # types of units that hold a part of a picture; 5 is the first of a sequence that needs nothing before
IDR = 5


def nal_length(extradata: bytes | None) -> int:
    """Bytes of the number that says how long a unit is; 0 where units are not counted but marked by start codes."""
    return (extradata[4] & 3) + 1 if extradata and len(extradata) > 4 and extradata[0] == 1 else 0


def begins_anew(packet: Any, length: int) -> bool:
    """Whether the packet is an IDR picture. False where that cannot be told, which only costs time."""
    header = _first_slice(memoryview(packet), length)
    return header is not None and header & 31 == IDR


def is_built_on(packet: Any, length: int) -> bool:
    """Whether other pictures may refer to this one. True where that cannot be told."""
    header = _first_slice(memoryview(packet), length)
    return header is None or bool(header >> 5 & 3)


def _first_slice(content: memoryview, length: int) -> int | None:
    """The header byte of the first unit that holds a part of the picture."""
    at = 0
    while length and at + length < len(content):
        header = content[at + length]
        if header & 31 in SLICES:
            return header
        at += length + int.from_bytes(content[at : at + length], "big")
    return None
