"""`avloc data show`: a picture of one clip."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from avloc.options import POSITIONAL, verb
from avloc.verbs.data_check import find_clip

if TYPE_CHECKING:
    from avloc.data.clip import Box, Clip, Mask
    from avloc.data.store import Store
    from avloc.drawing.panels import Picture

ACROSS, GAP = 4, 10  # frames per row, px between them
SETTINGS = 4  # labelled axis values of a stored spectrogram: as many as fit


@dataclass(frozen=True)
class Shown:
    """file: the picture. split: where the clip was found. labels: classes that sound. boxes, masks: in all its frames."""

    file: Path
    split: str
    labels: tuple[str, ...]
    boxes: int
    masks: int = 0


@verb
def data_show(
    store: Annotated[Path, "a prepared store", POSITIONAL],
    clip: Annotated[str, "id of a clip", POSITIONAL],
    split: Annotated[str | None, "split to look in; default: all of them"] = None,
    out: Annotated[Path | None, "PNG file to write; default: CLIP.png in the current folder"] = None,
) -> Shown:
    """Draw a clip: its frames with boxes, its waveform and its log-mel spectrogram, or the stored spectrogram."""
    from avloc.drawing.colours import OTHER, SILENT, SOUNDING
    from avloc.drawing.panels import Row, panel
    from avloc.drawing.pictures import SIZE
    from avloc.files import write_bytes
    from avloc.prepare.writing.watched import read_clip

    part, number = find_clip(store, clip, split)
    found = read_clip(part, number)
    names = tuple(part.classes[label] for label in found.labels)
    pictures = list(_frames(part, found))
    rows = [Row("", pictures[start : start + ACROSS]) for start in range(0, len(pictures), ACROSS)]
    width = max(2, min(len(pictures), ACROSS)) * (SIZE + GAP) - GAP
    about = f"{part.split_name} of {part.path.name}, {part.seconds:g} s from {found.start:.2f} s of {found.video}"
    rows[0] = Row(about, rows[0].pictures)
    marked: list[Box | Mask] = [*found.boxes, *found.masks]
    objects = [one for one in marked if one.label >= 0]
    meanings = (
        ("sounds", SOUNDING, any(one.sounding for one in objects)),
        ("silent", SILENT, not all(one.sounding for one in objects)),
        ("of no class", OTHER, len(objects) < len(marked)),
    )
    legend = [(name, colour) for name, colour, there in meanings if there]
    title = f"{clip}: {', '.join(names) or 'no label'}"
    content = panel(title, [*rows, Row("", [_sound(part, found, width)])], legend)
    out = out if out is not None else Path(re.sub(r"[^\w.-]+", "_", clip).lstrip("-.") + ".png")
    write_bytes(out, content)
    return Shown(out, part.split_name or "", names, len(found.boxes), len(found.masks))


def _frames(store: "Store", clip: "Clip") -> "Iterator[Picture]":
    import numpy as np

    from avloc.drawing.outlines import with_outlines
    from avloc.drawing.panels import Picture
    from avloc.drawing.pictures import scaled, truth_colours, with_boxes

    for pick, frame in enumerate(clip.frames):
        mine = [box for box in clip.boxes if box.frame == pick]
        labels, sounding = np.array([box.label for box in mine], int), np.array([box.sounding for box in mine], bool)
        tags = [store.classes[label] if label >= 0 else "" for label in labels]
        corners = np.array([box.xyxy for box in mine]).reshape(-1, 4)
        drawn = [mask for mask in clip.masks if mask.frame == pick]
        told = np.array([mask.label for mask in drawn], int), np.array([mask.sounding for mask in drawn], bool)
        image = with_outlines(scaled(frame), [mask.pixels for mask in drawn], truth_colours(*told))
        image = with_boxes(image, corners, truth_colours(labels, sounding), tags)
        words = f"{len(mine)} boxes, {int(sounding.sum())} of what sounds" if clip.annotated[pick] else "not annotated"
        words += f", {len(drawn)} masks" if store.masked and clip.annotated[pick] else ""
        key = clip.frame_keys[pick].removeprefix(f"{clip.video}/")
        yield Picture(f"Frame {pick}  {key if key != clip.id else ''}".rstrip(), image, words, f"Frame {pick}")


def _sound(store: "Store", clip: "Clip", width: int) -> "Picture":
    import numpy as np

    from avloc.drawing.panels import Picture
    from avloc.drawing.sound import level_range, sound_picture

    if clip.spectrogram is not None and store.spectrograms is not None:
        low, high = level_range(clip.spectrogram)
        known = [f"{key} {value}" for key, value in store.spectrograms.settings.items()]
        words = (
            f"colours from {low:.4g} to {high:.4g}; as stored: {store.spectrograms.view}, {', '.join(known[:SETTINGS])}"
        )
        times, bands = clip.spectrogram.shape
        title = f"Spectrogram  {times} x {bands}, no waveform"
        return Picture(title, sound_picture(clip.spectrogram, store.rate, width), words, "The stored spectrogram")
    loudest = int(np.abs(clip.waveform.astype(np.int32)).max())
    words = (
        f"{len(clip.waveform) / store.rate:.2f} s at {store.rate} Hz, loudest {loudest / 32767:.3f} of full scale; "
        f"above the waveform, scaled to its peak, below its log-mel spectrogram, 0 to {store.rate / 2000:g} kHz"
    )
    return Picture("Sound", sound_picture(clip.waveform, store.rate, width), words, "Waveform and log-mel spectrogram")
