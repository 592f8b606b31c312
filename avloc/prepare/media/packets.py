"""The packets of a file, read once: when each is shown or heard, and where decoding can start."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import av
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream
from numpy.typing import NDArray

from avloc.prepare.media.h264 import Head, head_of, lost, nal_length, numbering

NONE = int(np.iinfo(np.int64).min)  # a missing time stamp
KEPT = 64 << 20  # bytes of packets kept in memory; those of a larger file are read a second time
PATIENCE = 20  # errors in a row after which reading stops


@dataclass
class Track:
    """Metadata of the packets of one stream, in the order of the file: (N,) each.

    base: s per tick. pts, dts: ticks, NONE if missing. duration: ticks, 0 if missing. discard: outside the edit list.
    anew: a decoder can start here. order: position among the packets of all streams. heads: for H.264, the first bytes
    of each picture, else empty. lost: positions before which a reference picture is lost. repeats: packets without
    bytes: the picture before is still shown (Theora, AVI). skip: samples at the beginning that prime the decoder.
    changed: whether `settle` has changed a stamp.
    """

    base: Fraction
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    duration: NDArray[np.int64]
    key: NDArray[np.bool_]
    discard: NDArray[np.bool_]
    anew: NDArray[np.bool_]
    order: NDArray[np.int64]
    heads: list[Head] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    skip: int = 0
    changed: bool = False

    @cached_property
    def tick(self) -> float:
        """s per tick."""
        return float(self.base)

    def seconds(self, ticks: NDArray[np.int64] | int) -> NDArray[np.float64]:
        """NaN if the time stamp is missing."""
        ticks = np.asarray(ticks, np.int64)
        return np.where(ticks == NONE, np.nan, ticks.astype(np.float64) * self.tick)

    def only_count(self) -> None:
        """Drop all time stamps but the first: AVI has none, and those generated for it can repeat."""
        if len(self) > 1:
            self.pts[1:], self.dts[1:] = NONE, NONE
            self.changed = True

    def __len__(self) -> int:
        return len(self.pts)


@dataclass
class _Rows:
    """A track that is being read. lists: arrays, because lists for a video of ten hours would take a gigabyte."""

    stream: Stream
    lists: tuple["array[int]", ...] = field(default_factory=lambda: tuple(array("q") for _ in range(7)))
    heads: list[Head] = field(default_factory=list)
    repeats: list[int] = field(default_factory=list)
    skip: int = 0

    def track(self) -> Track:
        pts, dts, duration, key, discard, anew, order = self.lists
        return Track(
            base=self.stream.time_base or Fraction(1, 90_000),
            pts=np.array(pts, np.int64),
            dts=np.array(dts, np.int64),
            duration=np.array(duration, np.int64),
            key=np.array(key, bool),
            discard=np.array(discard, bool),
            anew=np.array(anew, bool),
            order=np.array(order, np.int64),
            heads=self.heads,
            repeats=self.repeats,
            skip=self.skip,
        )


def demuxed(container: InputContainer, streams: Sequence[Stream]) -> Iterator[Packet]:
    """The packets of some streams. Unreadable ones are skipped, unless nothing follows them."""
    failed = 0
    while failed <= PATIENCE:
        try:
            for packet in container.demux(*streams):
                # otherwise it only flushes a decoder
                if packet.size or packet.pts is not None or packet.dts is not None:
                    failed = 0
                    yield packet
            return
        # PyAV raises the latter for a stream that starts in the middle of the file
        except (av.error.FFmpegError, IndexError):
            failed += 1


def read_tracks(container: InputContainer, streams: Sequence[Stream]) -> tuple[list[Track], list[Packet] | None]:
    """The tracks of the streams, and their packets in the order of the file; None if they are too large to keep."""
    if not streams:  # PyAV takes none as all
        return [], []
    rows = {stream.index: _Rows(stream) for stream in streams}
    of_h264 = {
        stream.index: nal_length(stream.codec_context.extradata)
        for stream in streams
        if stream.codec_context is not None and stream.codec_context.name == "h264"
    }
    kept: list[Packet] | None = []
    size = 0
    for order, packet in enumerate(demuxed(container, streams)):
        row = rows[packet.stream_index]
        pts, dts, duration, key, discard, anew, place = row.lists
        if not packet.size:
            row.repeats.append(len(pts))
        key.append(packet.is_keyframe)
        discard.append(packet.is_discard)
        if row.stream.index in of_h264:
            row.heads.append(head_of(memoryview(packet), of_h264[row.stream.index]))
            anew.append(row.heads[-1].begins_anew)
            key[-1] |= anew[-1]  # some containers do not flag it
        else:
            anew.append(key[-1])
        if not pts and row.stream.type == "audio":
            row.skip = _primed(packet)
        pts.append(NONE if packet.pts is None else packet.pts)
        dts.append(NONE if packet.dts is None else packet.dts)
        duration.append(packet.duration or 0)
        place.append(order)
        size += packet.size
        if kept is not None:
            kept.append(packet)
            if size > KEPT:
                kept = None
    tracks = [rows[stream.index].track() for stream in streams]
    for stream, track in zip(streams, tracks, strict=True):
        if track.heads and _has_holes(track) and (numbers := numbering(stream.codec_context.extradata)):
            track.lost = lost(track.heads, numbers)
    return tracks, kept


def _has_holes(track: Track) -> bool:
    """Whether the time stamps are irregular, as they are after a lost picture."""
    steps = np.diff(np.sort(track.pts[track.pts != NONE]))
    return bool(len(steps) and steps.max() > 1.5 * np.median(steps))


def _primed(packet: Packet) -> int:
    """Samples at its start that the packet tells the decoder to drop."""
    if not packet.has_sidedata("skip_samples"):
        return 0
    said = bytes(packet.get_sidedata("skip_samples"))
    return int.from_bytes(said[:4], "little") if len(said) >= 4 else 0
