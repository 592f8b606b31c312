"""Reads stored clips and their annotation from a shard, to be taken over or checked."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from avloc.data import masks
from avloc.data.clip import Box, Clip, Mask
from avloc.data.shard_form import COLUMNS, Form
from avloc.prepare.writing.kept import Stored, stored_as


def clips_about(shard: Any, row: int, count: int) -> list[Clip]:
    """The clips from `row` on of an open shard, without frames, sound and masks; OSError or ValueError if it is damaged."""
    columns = {name: shard.column(name, row, row + count) for name in COLUMNS if not name.startswith("boxes/")}
    if any(len(column) < count for column in columns.values()):
        raise ValueError(f"it has fewer than {row + count} clips")
    marked = shard.column("boxes/clip")
    clips = []
    for n in range(count):
        first, last = np.searchsorted(marked, [row + n, row + n + 1]).tolist()
        boxes = [shard.column(f"boxes/{name}", first, last).tolist() for name in ("xyxy", "frame", "label", "sounding")]
        clips.append(
            Clip(
                id=columns["ids"][n].decode(),
                video=columns["videos"][n].decode(),
                split="",
                start=float(columns["starts"][n]),
                frames=np.empty(0, np.uint8),
                frame_keys=tuple(key.decode() for key in columns["keys"][n]),
                waveform=np.empty(0, np.int16),
                labels=tuple(np.flatnonzero(columns["labels"][n]).tolist()),
                boxes=tuple(Box(tuple(box[0]), *box[1:]) for box in zip(*boxes, strict=True)),
                annotated=tuple(columns["annotated"][n].tolist()),
            )
        )
    return clips


def masks_marked(shard: Any, form: Form, row: int, count: int) -> tuple[int, list[list[Mask]]]:
    """The shard's index of the first mask of the clips, and the masks of each clip, without pixels."""
    if not form.masked:
        return 0, [[] for _ in range(count)]
    edges = np.searchsorted(shard.column("masks/clip"), np.arange(row, row + count + 1)).tolist()
    parts = [shard.column(f"masks/{name}", edges[0], edges[-1]).tolist() for name in ("frame", "label", "sounding")]
    bare = np.empty((0, 0), bool)
    found = [Mask(frame, label, sounds, bare) for frame, label, sounds in zip(*parts, strict=True)]
    return edges[0], [found[start - edges[0] : stop - edges[0]] for start, stop in pairwise(edges)]


def with_masks(shard: Any, form: Form, row: int, clips: Sequence[Clip]) -> list[Clip]:
    """The clips with their masks; errors as in `clips_about`."""
    number, marked = masks_marked(shard, form, row, len(clips))
    whole = []
    for clip, own in zip(clips, marked, strict=True):
        pixels = [masks.read_one(shard, number + n, form.frame[0]) for n in range(len(own))]
        number += len(own)
        whole.append(replace(clip, masks=tuple(map(_filled, own, pixels))))
    return whole


def _filled(mask: Mask, pixels: Any) -> Mask:
    return replace(mask, pixels=pixels)


def stored_clips(shard: Any, form: Form, row: int, count: int, settings: Mapping[str, Any]) -> Iterator[Stored]:
    """The complete clips; errors as in `clips_about`."""
    for n, clip in enumerate(with_masks(shard, form, row, clips_about(shard, row, count)), row):
        frames = [shard.frame(n, pick) for pick in range(form.frames)]
        yield stored_as(frames, shard.sound(n), clip, settings)
