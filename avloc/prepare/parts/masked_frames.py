"""Clips of single frames with pixel masks and the sound around them, for AVSBench and AVATAR."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.mask_files import box_of, squared
from avloc.data.clip import Box, Clip, Mask
from avloc.files import file_size
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import WHOLE, Heard
from avloc.prepare.parts.account import BROKEN, UNHEARD, Account
from avloc.prepare.parts.items import Clips, Item
from avloc.prepare.parts.moments import Moments, read_picture
from avloc.prepare.parts.watching import heard_of, watched

Corners = tuple[float, float, float, float]


@dataclass
class Marked:
    """What sounds in one frame: (class, pixels (h, w) of the annotated picture, box or None for the smallest around them).

    known: whether the frame is annotated; an annotated frame without objects is silent. shape: (width, height) of the
    annotated picture, None if the masks do not tell.
    """

    known: bool
    objects: list[tuple[int, NDArray[np.bool_], Corners | None]] = field(default_factory=list)
    shape: tuple[int, int] | None = None


def frame_clip(
    root: Path, item: Item, moments: Moments, marked: Marked, labels: Sequence[int], sounds: Path | None = None
) -> Clips:
    """The clip of one picture and of the sound around facts["time"] (s), and what was repaired in it.

    facts: picture (relative to the root), path (a video with the sound) or sound (a file), bytes, time, video. labels:
    sounding classes without a mask. sounds: folder of path and sound, by default the root.
    """
    facts = item.facts
    if facts["picture"] is None:
        raise MediaError(item.path, "missing frame")
    shown = read_picture(root, facts["picture"])
    _check_shape(item.path, shown, marked.shape)
    picture = moments.square(shown)
    if facts["path"] is None and facts["sound"] is None:
        raise MediaError(item.path, "missing sound")
    told, decoding = str(facts["bytes"]), moments.decoding
    either = tuple(facts.get("either", ()))
    heard = _heard(sounds or root, facts["path"], facts["sound"], either, told, moments.rate, decoding.channels)
    start, waveform = around(item.path, heard.waveform, moments, facts["time"])
    account = Account([heard.within(start, start + moments.seconds)], None, decoding)
    if not account.keep(item.id, 0.0, moments.seconds, []):
        raise account.refusal(item.path, MediaError(item.path, BROKEN))
    masks, boxes = [], []
    for label, pixels, corners in marked.objects:
        small = squared(pixels, moments.size)
        masks.append(Mask(0, label, True, small))
        corners = corners or box_of(pixels)
        if corners is not None:
            boxes.append(Box(corners, 0, label, True))
    yield Clip(
        id=item.id,
        video=facts["video"],
        split="",
        start=start,
        frames=picture[None],
        frame_keys=(item.id,),
        waveform=waveform,
        labels=tuple(sorted({*labels, *(mask.label for mask in masks)})),
        boxes=tuple(boxes),
        annotated=(marked.known,),
        masks=tuple(masks),
    )
    return account.notes()


def _check_shape(path: str, shown: NDArray[np.uint8], wanted: tuple[int, int] | None) -> None:
    """A picture may have been scaled after it was annotated, but another aspect ratio means another picture."""
    height, width = shown.shape[:2]
    if (
        wanted is not None
        and abs(width * wanted[1] - height * wanted[0]) > max(width * wanted[1], height * wanted[0]) / 50
    ):
        told = f"{width} x {height}, annotated was {wanted[0]} x {wanted[1]}"
        raise MediaError(path, "picture of another shape than its annotation", told)


def around(path: str, sound: NDArray[np.int16], moments: Moments, time: float) -> tuple[float, NDArray[np.int16]]:
    """Where the stretch of sound with `time` (s) in its middle begins (s), and the stretch: (samples,).

    At the ends of the recording the stretch is shifted inside; a shorter recording is refused or repeated.
    """
    if time > len(sound) / moments.rate + WHOLE:
        ends = f"it ends at {len(sound) / moments.rate:.2f} s, before the frame of {time:.2f} s"
        raise MediaError(path, UNHEARD, ends)
    last = len(sound) - moments.samples
    if last < 0:
        return 0.0, moments.middle(path, sound)
    start = min(max(round(time * moments.rate - moments.samples / 2), 0), last)
    return start / moments.rate, sound[start : start + moments.samples]


@lru_cache(maxsize=2)
def _heard(
    root: Path, path: str | None, sound: str | None, either: tuple[str, ...], told: str, rate: int, channels: str
) -> Heard:
    """The whole sound of the video, or of the file next to it if the video has none; it is kept for the next frame of
    the video.

    either: several sounds that match. told: the sizes of the files, so that a replaced file is read again.
    """
    with watched(root, path) as film:
        return heard_of(film, root, {"sound": sound, **({"either": either} if either else {})}, rate, channels)


def size_of(root: Path, *paths: str | None) -> list[Any]:
    """The size of each file in bytes, None if it does not exist: part of an item's facts."""
    return [file_size(root / path) if path else None for path in paths]
