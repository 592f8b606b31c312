"""Reads from H.264 packets, without decoding, where a decoder can start, which pictures are reference pictures, and
which are lost.

ITU-T H.264, 7.3 and 7.4: the header of a unit, the sequence parameter set, and the first fields of a slice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

SLICES = (1, 2, 5)  # types of units that contain a part of a picture
IDR = 5  # this picture and all later ones need no earlier one
SETS = (7, 8)  # of parameters
HIGH = (100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135)  # profiles with more fields for colours
HEAD = 24  # bytes of a slice that contain its first fields


class Head(NamedTuple):
    """The first bytes of a packet's first slice. sets: it contains parameter sets."""

    content: bytes
    sets: bool

    @property
    def begins_anew(self) -> bool:
        return self.content[:1] != b"" and self.content[0] & 31 == IDR

    @property
    def is_built_on(self) -> bool:
        """Whether other pictures may refer to this one; True if unknown."""
        return self.sets or not self.content or bool(self.content[0] >> 5 & 3)


def head_of(packet: memoryview, length: int) -> Head:
    """length: see `nal_length`. Empty if there is no slice."""
    sets = False
    at = length if length else _after_start_code(packet, 0)
    while 0 <= at < len(packet):
        kind = packet[at] & 31
        if kind in SLICES:
            return Head(bytes(packet[at : at + HEAD]), sets)
        sets |= kind in SETS
        if length:
            at += int.from_bytes(packet[at - length : at], "big") + length
        else:
            at = _after_start_code(packet, at)
    return Head(b"", sets)


def nal_length(extradata: bytes | None) -> int:
    """Bytes of the field with a unit's length; 0 if units are separated by start codes instead."""
    return (extradata[4] & 3) + 1 if extradata and len(extradata) > 4 and extradata[0] == 1 else 0


def _after_start_code(content: memoryview, at: int) -> int:
    """Where the next unit starts; -1 if there is none."""
    found = bytes(content[at:]).find(b"\0\0\1")
    return -1 if found < 0 else at + found + 3


@dataclass(frozen=True)
class Numbering:
    """How a sequence numbers its reference pictures: with `bits`, after `plane` bits for a colour plane.

    fields: pictures can be fields, two of which have the same number.
    """

    bits: int
    plane: int
    fields: bool


def numbering(extradata: bytes | None) -> Numbering | None:
    """None if the numbers tell nothing: they may have gaps, or the sequence is not as expected."""
    for unit in _units(extradata or b""):
        if unit and unit[0] & 31 == 7:
            try:
                return _numbering_of(_Bits(unit[1:]))
            except IndexError:
                return None
    return None


def lost(heads: Sequence[Head], order: Numbering) -> list[int]:
    """Positions of packets before which a reference picture is lost."""
    places, before = [], None
    for place, head in enumerate(heads):
        try:
            number = _number_of(head, order)
        except IndexError:
            number = None
        if number is None:  # broken: restart the check after it
            before = None
            continue
        if before is not None and not head.begins_anew:
            allowed = {(before + 1) % (1 << order.bits)} | ({before} if order.fields else set())
            if number not in allowed:
                places.append(place)
        if head.content[0] >> 5 & 3:
            before = number
    return places


def _number_of(head: Head, order: Numbering) -> int | None:
    """frame_num of a slice."""
    if not head.content:
        return None
    if head.begins_anew:
        return 0
    bits = _Bits(head.content[1:])
    for _ in range(3):  # first macroblock, type, picture parameter set
        bits.golomb()
    bits.take(order.plane)
    return bits.take(order.bits)


def _units(extradata: bytes) -> list[bytes]:
    """The units of an avcC box, or between start codes."""
    if not nal_length(extradata):
        return extradata.split(b"\0\0\1")
    units, at = [], 6
    for _ in range(extradata[5] & 31 if len(extradata) > 5 else 0):
        size = int.from_bytes(extradata[at : at + 2], "big")
        units.append(extradata[at + 2 : at + 2 + size])
        at += 2 + size
    return units


def _numbering_of(bits: "_Bits") -> Numbering | None:
    profile = bits.take(8)
    bits.take(16)
    bits.golomb()  # id of the parameter set
    plane = 0
    if profile in HIGH:
        if bits.golomb() == 3:  # 4:4:4
            plane = 2 * bits.take(1)
        bits.golomb()
        bits.golomb()
        bits.take(1)
        if bits.take(1):  # scaling matrices, which are practically never used
            return None
    length = bits.golomb() + 4
    kind = bits.golomb()
    if kind == 0:
        bits.golomb()
    elif kind == 1:
        bits.take(1)
        bits.golomb()
        bits.golomb()
        for _ in range(bits.golomb()):
            bits.golomb()
    bits.golomb()  # reference pictures
    if bits.take(1):  # numbers may have gaps
        return None
    bits.golomb()  # width
    bits.golomb()  # height
    return Numbering(length, plane, fields=not bits.take(1))


class _Bits:
    """Reads bits one by one; IndexError at the end."""

    def __init__(self, content: bytes) -> None:
        self.content = content.replace(b"\0\0\3", b"\0\0")  # removes the bytes inserted to avoid start codes
        self.at = 0

    def take(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self.content[self.at >> 3] >> 7 - (self.at & 7) & 1
            self.at += 1
        return value

    def golomb(self) -> int:
        zeros = 0
        while not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)
