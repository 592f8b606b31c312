"""Clips as a shard keeps them, and what it says about them, read back to be taken over or checked."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from avloc.data.clip import Box, Clip
from avloc.data.shard_form import COLUMNS, Form
from avloc.prepare.writing.kept import Stored


def clips_about(shard: Any, row: int, count: int) -> list[Clip]:
    """The clips from `row` on of an open shard, without frames and sound; OSError or ValueError where it is damaged."""
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


def stored_clips(shard: Any, form: Form, row: int, count: int) -> Iterator[Stored]:
    """The clips whole; errors as `clips_about` has them."""
    for n, about in enumerate(clips_about(shard, row, count), row):
        yield Stored([shard.frame(n, pick) for pick in range(form.frames)], shard.sound(n), about)
