"""The masks of a store are the ground truth of its frames: for single maps, maps of classes, and a whole run."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc.annotations.truth import Truth
from avloc.data.clip import Clip, Mask
from avloc.data.store import Store
from avloc.engine.predicting import frames_to_score
from avloc.errors import DataError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from avloc.protocols.units import units_of
from avloc.scoring import score
from tests.engine.tiny import CLASSES, FRAMES, RATE, SIZE, TinyReader, make_tiny_store, tiny_config, write_config

H = 24


def block(left: int, top: int, side: int = 8) -> np.ndarray:
    mask = np.zeros((H, H), bool)
    mask[top : top + side, left : left + side] = True
    return mask


#: frame 0: class 0 in two pieces and class 1; frame 1: class 1 by its box alone, and a silent mask; frame 2: silent
SEEN = {
    0: [(0, True, block(0, 0)), (0, True, block(0, 16)), (1, True, block(12, 4))],
    1: [(0, False, block(12, 12))],
    2: [],
    3: [(2, True, block(6, 6))],
}


@dataclass(frozen=True)
class Shapes:
    def read(self, item: Item) -> Iterator[Clip]:
        from avloc.data.clip import Box

        number = item.facts["number"]
        yield Clip(
            id=item.id, video=item.id, split="", start=0.0, frames=np.zeros((1, H, H, 3), np.uint8), frame_keys=("",),
            waveform=np.full(100, 1000, np.int16), labels=(0,),
            boxes=(Box((0.25, 0.5, 0.5, 1.0), 0, 1, True),) if number == 1 else (),
            annotated=(number < 4,),
            masks=tuple(Mask(0, label, sounds, pixels) for label, sounds, pixels in SEEN.get(number, [])),
        )  # fmt: skip


@pytest.fixture(scope="module")
def part(tmp_path_factory) -> Store:
    path = tmp_path_factory.mktemp("shapes") / "s"
    items = {f"clip{n}": Item(f"clip{n}", "", {"number": n}) for n in range(5)}
    told = {
        "data": "made", "classes": ("a", "b", "c"), "rate": 100, "seconds": 1.0, "samples": 100, "frames_per_clip": 1,
        "size": H, "frames": "raw", "masks": True,
    }  # fmt: skip
    build_store(path, path.parent, Listing(items, {"test": [Entry(name) for name in items]}), Shapes(), told, jobs=0)
    return Store.open(path).split("test")


@pytest.fixture(scope="module")
def truth(part) -> Truth:
    return frames_to_score(part, "all", 0, "test").truth


def test_each_class_of_a_frame_has_one_mask(truth):
    assert truth.ids == ["clip0#0", "clip1#0", "clip2#0", "clip3#0"]  # the fifth is not annotated
    assert truth.mask_class.tolist() == [[0, 1], [1, -1], [-1, -1], [2, -1]]
    assert (truth.masks[0, 0] == (block(0, 0) | block(0, 16))).all() and (truth.masks[0, 1] == block(12, 4)).all()
    assert truth.sounding.tolist() == [True, True, False, True]
    assert truth.reported_class.tolist() == [0, 1, -1, 2]


def test_a_class_with_a_box_and_no_mask_is_marked_by_its_box(truth):
    expected = np.zeros((H, H), bool)
    expected[12:24, 6:12] = True
    assert (truth.masks[1, 0] == expected).all()


def test_one_map_a_frame_is_scored_on_all_that_sounds(truth):
    whole = truth.masks.any(axis=1).astype(float)
    assert score("slavc", whole, truth, resamples=0).counts["negatives"] == 1
    # ez-vsl marks half of the pixels, and so all of what sounds: 3 of 9 parts of frame 0
    sloped = whole + np.linspace(0, 0.5, H * H).reshape(H, H)
    ciou = score("ez-vsl", sloped, truth, resamples=0)
    row = next(row for row in ciou.per_clip if row["id"] == "clip0#0")
    assert row["ciou"] == pytest.approx(192 / 288, rel=0.01)


def test_maps_of_classes_are_scored_on_the_mask_of_their_class(truth):
    maps = np.zeros((4, 3, H, H), np.float32)
    for frame, labels in enumerate(truth.mask_class):
        for place, label in enumerate(labels):
            if label >= 0:
                maps[frame, label] = truth.masks[frame, place]
    right = score("dsol-duet", maps, truth, assignment=np.eye(3), resamples=0)
    turned = score("dsol-duet", maps[:, [1, 2, 0]], truth, assignment=np.eye(3), resamples=0)
    metric = next(iter(right.metrics))
    assert right.metrics[metric].value > turned.metrics[metric].value
    units = units_of(truth, "class")
    assert units.clip.tolist() == [0, 0, 1, 3] and units.label.tolist() == [0, 1, 1, 2]


def test_a_part_of_the_truth_keeps_its_masks_and_classes(truth):
    part = truth.take([3, 0])
    assert part.mask_class.tolist() == [[2, -1], [0, 1]] and (part.masks[1] == truth.masks[0]).all()
    with pytest.raises(DataError, match="classes of masks"):
        replace(truth, masks=truth.masks[:, :1])


@dataclass(frozen=True)
class Squares:
    """The tiny clips with a mask for each box, which is its upper half."""

    plain: TinyReader

    def read(self, item: Item) -> Iterator[Clip]:
        for clip in self.plain.read(item):
            masks = []
            for box in clip.boxes:
                left, top, right, bottom = (round(value * SIZE) for value in box.xyxy)
                pixels = np.zeros((SIZE, SIZE), bool)
                pixels[top : (top + bottom) // 2, left:right] = True
                masks.append(Mask(box.frame, box.label, box.sounding, pixels))
            yield replace(clip, masks=tuple(masks))


def test_a_run_is_scored_on_masks_where_its_store_has_them(tmp_path):
    """The same weights on the same frames: half the truth gives another score, and all ones shows the area of the masks."""
    boxes = make_tiny_store(tmp_path / "boxes")
    splits = Store.open(boxes).settings["splits"]
    rows = [json.loads(line) for line in (boxes / "manifest.jsonl").read_text().splitlines()]
    items = {row["id"]: Item(row["id"], row["source"], {"number": int(row["id"][6:11])}) for row in rows}
    entries = {split: [Entry(row["id"]) for row in rows if row["split"] == split] for split in splits}
    told = {
        "data": "made", "classes": CLASSES, "rate": RATE, "seconds": 1.0, "samples": RATE, "frames_per_clip": FRAMES,
        "size": SIZE, "frames": "raw", "masks": True,
    }  # fmt: skip
    masks = tmp_path / "masks"
    build_store(masks, tmp_path, Listing(items, entries), Squares(TinyReader()), told, jobs=0)
    config = tiny_config(boxes)
    del config["stage2"], config["evaluate"]["multi"]
    config["stage1"]["train"]["epochs"] = 1
    config["evaluate"] = {
        name: {"store": str(store), "split": "test", "protocol": "avloc", "stage": 1, "axes": {"size": SIZE}}
        for name, store in (("boxes", boxes), ("masks", masks))
    }
    path = write_config(Path(tmp_path / "c.yaml"), config)
    avloc.train_stage1(path, tmp_path / "run")
    found = avloc.evaluate(run=tmp_path / "run", config=path, resamples=0).sets
    ones = {name: one.comparisons["all ones"].metrics for name, one in found.items()}
    metric = next(name for name in ones["boxes"] if name.startswith(("iou", "ciou")))
    assert ones["masks"][metric].value == pytest.approx(ones["boxes"][metric].value / 2, rel=0.05)
    assert found["masks"].result.counts == found["boxes"].result.counts
