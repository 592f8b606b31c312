"""AVSBench: frames with pixel masks of the sounding objects, in three parts (S4, MS3 and AVSS).

Zhou et al., ECCV 2022 and IJCV 2024 (OpenNLPLab/AVSBench@f7414af).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Unpack

from avloc.annotations.mask_files import AVSS_CLASSES, read_classes, read_mask
from avloc.errors import DataError
from avloc.naming import some, utf8_name
from avloc.options import verb
from avloc.prepare.layouts.avsbench_shots import Shot, Shots
from avloc.prepare.layouts.avsbench_trees import read_tree
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Clips, Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED
from avloc.prepare.parts.masked_frames import Marked, frame_clip, size_of
from avloc.prepare.parts.moments import Moments, refuse_ambiguous
from avloc.prepare.parts.options import Channel, Frames, Out, Rate, Repair, Short, Source, Splits, StoreKind
from avloc.prepare.parts.recipe import Recipe, moments_of
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared

logger = logging.getLogger(__name__)

FRAME = 224  # px, as published: masks of this size are stored pixel by pixel


def list_avsbench(
    source: Path, subset: str | None, annotations: Path | None, splits: Sequence[str] | None
) -> tuple[Shots, Listing]:
    """Each frame is an item; splits are those of the csv, in its order."""
    shots = read_tree(source, subset, annotations)
    classes = shots.classes or UNNAMED
    chosen = list(shots.splits) if splits is None else list(dict.fromkeys(splits))
    for split in chosen:
        if split not in shots.splits:
            raise DataError(f"{source}: no split {split!r}; its csv has {', '.join(shots.splits) or 'no rows'}")
    for split in chosen:
        _report_unmarked(split, shots.splits[split])
    items: dict[str, Item] = {}
    for split in chosen:
        for shot in shots.splits[split]:
            item = _item(shots, shot, classes)
            if items.setdefault(item.id, item).facts != item.facts:
                raise DataError(
                    f"{source}: {shot.video} is in two splits with different files; remove one ({shot.where})"
                )
    entries = {split: [Entry(shot.key, shot.where) for shot in shots.splits[split]] for split in chosen}
    return shots, Listing(items, entries, shots.joins(chosen))


def _item(shots: Shots, shot: Shot, classes: Sequence[str]) -> Item:
    facts = {
        "picture": shot.picture,
        "mask": shot.mask,
        "sound": shot.sound,
        "path": None,
        "bytes": size_of(shots.root, shot.picture, shot.mask, shot.sound),
        "time": shot.second + 0.5,
        "video": shot.video,
        "labels": [classes.index(label) for label in shot.labels],
        **({"ambiguous": [utf8_name(name) for name in shot.ambiguous[:2]]} if shot.ambiguous else {}),
    }
    return Item(shot.key, shot.picture or f"{shot.key}.png", facts)


def _report_unmarked(split: str, shots: Sequence[Shot]) -> None:
    """Log frames that cannot be scored: those without a mask. (Training videos have one for the first frame only.)"""
    missing = [shot.key for shot in shots if shot.mask is None and shot.picture is not None]
    if missing and split != "train":
        text = "%s: %d of %d frames have no mask and cannot be scored: %s"
        logger.warning(text, split, len(missing), len(shots), some(missing))


@dataclass(frozen=True)
class FrameReader:
    """subset: how the masks are written."""

    root: Path
    moments: Moments
    subset: str

    def read(self, item: Item) -> Clips:
        mask, labels = item.facts["mask"], item.facts["labels"]
        refuse_ambiguous(item.path, item.facts)
        marked = Marked(mask is not None)
        if mask is not None:
            marked = self._marked(mask, labels)
            labels = [label for label, *_ in marked.objects]  # of this frame, not of its whole video
        return (yield from frame_clip(self.root, item, self.moments, marked, labels))

    def _marked(self, mask: str, labels: Sequence[int]) -> Marked:
        try:
            if self.subset != "avss":
                pixels = read_mask(self.root / mask)
                return Marked(True, [(labels[0] if labels else 0, pixels, None)] if pixels.any() else [])
            numbers = read_classes(self.root / mask)
        except DataError as error:
            raise MediaError(mask, "broken mask", str(error).partition(": ")[2]) from None
        if numbers.max() > AVSS_CLASSES:
            told = f"class {numbers.max()}; expected 0 to {AVSS_CLASSES}"
            raise MediaError(mask, "mask of an unknown class", told)
        present = sorted(set(numbers.ravel().tolist()) - {0})
        return Marked(True, [(number - 1, numbers == number, None) for number in present])


@verb
def prepare_avsbench(
    source: Source,
    out: Out = Path("data/avsbench"),
    subset: Annotated[
        Literal["s4", "ms3", "avss"] | None, "which part it is; default: detected from its csv file"
    ] = None,
    annotations: Annotated[Path | None, "folder of the csv file; default: SOURCE"] = None,
    splits: Splits = None,
    seconds: Annotated[float, "seconds of sound stored with each frame, around the middle of its second"] = 1.0,
    rate: Rate = 16000,
    short: Short = "fail",
    size: Annotated[int, "side of the stored frames and masks in pixels; the aspect ratio is not kept"] = FRAME,
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    channels: Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """AVSBench (S4, MS3, AVSS) with its pixel masks: each frame with the sound of its second. docs/data/avsbench.md

    SOURCE is the folder of one part, or contains it:

    \b
    s4    s4_meta_data.csv, s4_data/visual_frames, gt_masks, audio_wav
    ms3   ms3_meta_data.csv, ms3_data/visual_frames, gt_masks, audio_wav
    avss  metadata.csv, label2idx.json, and the folders v1s, v1m and v2

    The splits are those of the csv file. A frame without a mask is stored without annotation; an empty mask means a silent
    frame. Pickled spectrograms are never read.
    """
    moments = moments_of(size, rate, seconds, short, decoding=Decoding(repair, channels=channels))
    shots, listing = list_avsbench(source, subset, annotations, splits or None)
    reader = FrameReader(shots.root, moments, shots.subset)
    facts = {"subset": shots.subset, "short": short, "masks": True}
    classes = shots.classes or UNNAMED
    return Recipe("avsbench", shots.root, classes, listing, reader, moments, facts, block=64).prepare(
        out, frames, store, **work
    )
