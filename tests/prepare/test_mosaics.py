from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avloc.data.clip import Box, Clip
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.mosaics import MosaicReader, Pool, list_mosaics, shared_videos
from avloc.prepare.writing.build import build_store

CLASSES = ("accordion", "cello", "erhu", "flute", "tuba")
SETTINGS = {
    "data": "made",
    "classes": CLASSES,
    "rate": 100,
    "seconds": 1.0,
    "samples": 100,
    "frames_per_clip": 2,
    "size": 32,
    "frames": "raw",
}
BOX = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class SoloReader:
    """A video of class c, number v: colours 40 c + 10 v + frame, waveform 1000 (c + 1) + v, a box in frame 1."""

    boxed: bool = True

    def read(self, item: Item) -> Iterator[Clip]:
        label, number = item.facts["label"], item.facts["number"]
        for second in range(2):
            colours = [40 * label + 10 * number + frame for frame in range(2)]
            boxes = (Box(BOX, 1, label, True), Box((0.0, 0.0, 0.25, 0.25), 1, -1, False)) if self.boxed else ()
            yield Clip(
                id=f"{item.id}/{second:03d}",
                video=item.id,
                split="",
                start=float(second),
                frames=np.stack([np.full((32, 32, 3), colour, np.uint8) for colour in colours]),
                frame_keys=("", ""),
                waveform=np.full(100, 1000 * (label + 1) + number, np.int16),
                labels=(label,) if number != 9 else (label, (label + 1) % 5),
                boxes=boxes,
                annotated=(False, self.boxed),
            )


def solos(folder: Path, counts: dict[str, list[int]], boxed: bool = True) -> Store:
    """Split -> videos of each class."""
    items, splits = {}, {}
    for split, numbers in counts.items():
        splits[split] = []
        for label, count in enumerate(numbers):
            for number in range(count):
                name = f"{split}_{CLASSES[label]}_{number}"
                items[name] = Item(name, name, {"label": label, "number": number})
                splits[split].append(Entry(name))
    build_store(folder, folder.parent, Listing(items, splits), SoloReader(boxed), SETTINGS, jobs=0)
    return Store.open(folder)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return solos(tmp_path_factory.mktemp("solos") / "store", {"one": [2, 2, 2, 2, 2], "two": [3, 2, 2, 2, 1]})


TRAIN = Pool("train", "one", 40, training=True)
TEST = Pool("test", "two", 40, training=False)


def clips(store: Store, pool: Pool, size: int = 64, seed: int = 0) -> list[tuple[dict, Clip]]:
    listing = list_mosaics(store, [pool], seed, 0.5)
    reader = MosaicReader(store.path, size)
    return [(dict(item.facts), clip) for item in listing.items.values() for clip in reader.read(item)]


@pytest.mark.parametrize("pool", [TRAIN, TEST])
def test_four_clips_of_four_classes_stand_row_by_row(store, pool):
    part = store.split(pool.source)
    for recipe, clip in clips(store, pool):
        assert len(set(recipe["classes"])) == 4
        assert clip.frames.shape == (1, 64, 64, 3)
        for cell, (name, frame) in enumerate(zip(recipe["tiles"], recipe["frames"], strict=True)):
            row, column = divmod(cell, 2)
            seen = clip.frames[0, 32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            assert (seen == part.clip(part.ids.index(name)).frames[frame, 0, 0]).all()


def test_the_mean_of_two_scaled_sounds_is_heard(store):
    part = store.split("one")
    gains = []
    for recipe, clip in clips(store, TRAIN):
        heard = [part.clip(part.ids.index(recipe["tiles"][cell])).waveform[0] for cell in recipe["sounding"]]
        expected = (heard[0] * recipe["gains"][0] + heard[1] * recipe["gains"][1]) / 2
        assert abs(clip.waveform - expected).max() <= 0.51
        assert clip.labels == tuple(sorted(CLASSES.index(recipe["classes"][cell]) for cell in recipe["sounding"]))
        gains += recipe["gains"]
    assert 0.5 <= min(gains) < 0.6 and 1.4 < max(gains) <= 1.5


def test_outside_training_gains_are_one(store):
    assert {gain for recipe, _ in clips(store, TEST) for gain in recipe["gains"]} == {1.0}


def test_boxes_move_into_their_cells_and_only_heard_cells_sound(store):
    for recipe, clip in clips(store, TEST):
        assert clip.annotated == (True,) and len(clip.boxes) == 8
        for cell in range(4):
            row, column = divmod(cell, 2)
            instrument, lamp = clip.boxes[2 * cell : 2 * cell + 2]
            assert instrument.label == CLASSES.index(recipe["classes"][cell])
            assert instrument.xyxy == (0.125 + column / 2, 0.25 + row / 2, 0.375 + column / 2, 0.5 + row / 2)
            assert instrument.sounding == (cell in recipe["sounding"])
            assert (lamp.label, lamp.sounding) == (-1, False)


def test_test_mosaics_are_made_of_boxed_frames(store):
    assert {frame for recipe, _ in clips(store, TEST) for frame in recipe["frames"]} == {1}
    assert {frame for recipe, _ in clips(store, TRAIN) for frame in recipe["frames"]} == {0, 1}


def test_without_any_annotation_every_frame_may_be_used(tmp_path):
    store = solos(tmp_path / "store", {"two": [1, 1, 1, 1]}, boxed=False)
    seen = clips(store, TEST)
    assert {frame for recipe, _ in seen for frame in recipe["frames"]} == {0, 1}
    assert not any(clip.annotated[0] for _, clip in seen)


def test_groups_of_test_mosaics_share_no_video(store):
    videos: dict[str, set[str]] = {}
    for recipe, clip in clips(store, TEST):
        videos.setdefault(clip.video, set()).update(name.split("/")[0] for name in recipe["tiles"])
    assert len(videos) == 2  # ten videos, at most three of a class
    assert sum(len(group) for group in videos.values()) == len(set().union(*videos.values())) == 10


def test_every_training_mosaic_is_its_own_video(store):
    assert all(clip.video == clip.id for _, clip in clips(store, TRAIN))


def test_a_clip_of_two_classes_is_no_cell(tmp_path):
    store = solos(tmp_path / "store", {"one": [10, 1, 1, 1, 1]})
    used = {name for recipe, _ in clips(store, TRAIN) for name in recipe["tiles"]}
    assert used and not any(name.startswith("one_accordion_9") for name in used)


def test_the_draw_depends_on_the_seed_and_not_on_the_count(store):
    few = Pool("train", "one", 5, training=True)
    recipes = [dict(item.facts) for item in list_mosaics(store, [TRAIN], 0, 0.5).items.values()]
    assert recipes[:5] == [dict(item.facts) for item in list_mosaics(store, [few], 0, 0.5).items.values()]
    assert recipes != [dict(item.facts) for item in list_mosaics(store, [TRAIN], 1, 0.5).items.values()]
    sounding = [tuple(recipe["sounding"]) for recipe in recipes]
    assert len(set(sounding)) == 6  # every two of the four cells


def test_a_pool_of_three_classes_is_refused_with_its_counts(tmp_path):
    store = solos(tmp_path / "store", {"one": [2, 1, 0, 3]})
    with pytest.raises(DataError, match=r"videos of 3 classes to make mosaics of \(accordion 2, cello 1, flute 3\)"):
        list_mosaics(store, [TRAIN], 0, 0.5)


def test_pools_with_videos_in_common_are_found(store):
    assert shared_videos(store, [TRAIN, TEST]) == {}
    again = Pool("validation", "two", 1, training=False)
    assert shared_videos(store, [TRAIN, TEST, again]) == {("test", "validation"): 10}
