"""Pixel masks in a store: kept bit by bit, covered by the digest, absent from stores that have none."""

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import avloc
from avloc.data.clip import Clip, Mask
from avloc.data.masks import packed, unpacked
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.parts.items import Item
from avloc.prepare.writing.build import build_store
from tests.commands import invoke, shown
from tests.data.making import SETTINGS, MadeReader, content, made_listing


def mask_of(number: int, second: int) -> np.ndarray:
    """(16, 16), another one for each clip."""
    return np.random.default_rng([number, second]).random((16, 16)) < 0.3


@dataclass(frozen=True)
class Masked:
    """The clips of `MadeReader`; clip n has n % 3 masks on its second frame, the last of them silent."""

    def read(self, item: Item) -> Iterator[Clip]:
        number = item.facts["number"]
        for second, clip in enumerate(MadeReader().read(item)):
            masks = tuple(
                Mask(1, number % 2, part == 0, np.roll(mask_of(number, second), part)) for part in range(number % 3)
            )
            yield replace(clip, masks=masks)


def make(folder: Path, kind: str = "hdf5", **changed: object) -> Path:
    told = {**SETTINGS, "store": kind, "masks": True, **changed}
    build_store(folder / "store", folder, made_listing(), Masked(), told, block=3, jobs=0)
    return folder / "store"


@pytest.fixture(scope="module", params=["hdf5", "lmdb"])
def store(request, tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("masks"), request.param)


def test_masks_come_back_bit_by_bit_with_their_clip(store):
    part = Store.open(store).split("all")
    assert part.masked and len(part.masks) == sum(int(name[4:6]) % 3 for name in part.ids)
    for index, name in enumerate(part.ids):
        number, second = int(name[4:6]), int(name[-3:])
        masks = part.clip(index).masks
        assert [(mask.frame, mask.label, mask.sounding) for mask in masks] == [
            (1, number % 2, part == 0) for part in range(number % 3)
        ]
        for shift, mask in enumerate(masks):
            assert (mask.pixels == np.roll(mask_of(number, second), shift)).all()


def test_the_table_tells_whose_masks_they_are_and_reads_pixels_when_asked(store):
    part = Store.open(store).split("even")
    table = part.masks
    assert (np.diff(table.clip) >= 0).all() and (table.frame == 1).all()
    rows = np.random.default_rng(0).permutation(len(table))
    expected = [part.clip(int(table.clip[row])).masks for row in rows]
    first = np.searchsorted(table.clip, table.clip)
    for pixels, masks, row in zip(table.pixels(rows), expected, rows, strict=True):
        assert (pixels == masks[row - first[row]].pixels).all()
    again = pickle.loads(pickle.dumps(part))
    assert (again.masks.pixels(rows) == table.pixels(rows)).all()


def test_a_store_without_masks_is_written_as_before(tmp_path):
    """No column, no setting, and the digests that stores had before there were masks."""
    build_store(tmp_path / "s", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    plain = Store.open(tmp_path / "s")
    assert not plain.masked and not len(plain.masks) and plain.clip(0).masks == ()
    assert "masks" not in json.loads((tmp_path / "s" / "store.json").read_text())
    with h5py.File(tmp_path / "s" / "shards" / "00000.h5", locking=False) as file:
        assert "masks" not in file
    lines = [json.loads(line) for line in (tmp_path / "s" / "manifest.jsonl").read_text().splitlines()]
    told = {line["id"]: line.get("sha256") for line in lines}
    assert told["item03"] == "17cc968bbb54161c16ca065e859589193362c6127e4a9f321e808f7235ac38ac"


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_merged_parts_are_the_whole_store(tmp_path, kind):
    whole = make(tmp_path, kind)
    told = {**SETTINGS, "store": kind, "masks": True}
    for part in ("1/2", "2/2"):
        out = tmp_path / part[0]
        build_store(out, tmp_path, made_listing(), Masked(), told, block=3, jobs=0, shard=part)
    avloc.data_merge([tmp_path / "2", tmp_path / "1"], tmp_path / "merged")
    assert Store.open(tmp_path / "merged").fingerprint == Store.open(whole).fingerprint
    assert avloc.data_check(tmp_path / "merged").splits["all"].masks == len(Store.open(whole).split("all").masks)
    if kind == "hdf5":
        assert content(tmp_path / "merged") == content(whole)


def test_check_counts_masks_and_finds_a_changed_one(tmp_path):
    path = make(tmp_path)
    found = avloc.data_check(path)
    part = Store.open(path).split("all")
    assert found.splits["all"].masks == len(part.masks) and not found.splits["all"].changed
    # frame 1 of each clip is annotated; it is silent where neither box nor mask sounds
    silent = sum(int(name[4:6]) % 4 == 0 and int(name[4:6]) % 3 == 0 for name in part.ids)
    assert found.splits["all"].silent_frames == silent
    del part  # or the file could not be opened for writing
    with h5py.File(path / "shards" / "00000.h5", "r+") as file:
        file["masks/label"][0] = 1 - file["masks/label"][0]
    changed = avloc.data_check(path).splits["all"].changed
    assert changed == ["item01"]


def test_bits_that_are_no_mask_cost_their_item_alone(tmp_path):
    path = make(tmp_path)
    with h5py.File(path / "shards" / "00000.h5", "r+") as file:
        file["masks/bits"][:4] = 255
    found = avloc.data_check(path).splits["all"]
    assert found.changed == ["item01"] and found.verified > 5
    broken = Store.open(path).split("all")
    with pytest.raises(DataError, match=r"00000.h5: broken or of another store \(a mask"):
        broken.masks.pixels(range(len(broken.masks)))


def test_a_shard_that_lost_its_masks_is_named(tmp_path):
    path = make(tmp_path)
    with h5py.File(path / "shards" / "00001.h5", "r+") as file:
        del file["masks/end"]
    assert "00001.h5" in avloc.data_check(path).broken[0]


def test_an_empty_mask_is_counted_as_wrong(tmp_path):
    @dataclass(frozen=True)
    class Hollow:
        def read(self, item: Item) -> Iterator[Clip]:
            for clip in MadeReader().read(item):
                yield replace(clip, masks=(Mask(1, 0, True, np.zeros((16, 16), bool)),))

    build_store(tmp_path / "s", tmp_path, made_listing(2), Hollow(), {**SETTINGS, "masks": True}, jobs=0)
    found = avloc.data_check(tmp_path / "s")
    assert found.splits["all"].hollow == ["item01/000", "item01/001", "item00/000"]
    assert "all: 3 of 3 clips have a mask without any pixel" in "\n".join(found.problems)


def test_masks_of_another_size_or_in_a_store_of_none_are_a_mistake_of_the_recipe(tmp_path):
    with pytest.raises(ValueError, match="its settings have no masks"):
        build_store(tmp_path / "s", tmp_path, made_listing(), Masked(), SETTINGS, jobs=0)

    @dataclass(frozen=True)
    class Small:
        def read(self, item: Item) -> Iterator[Clip]:
            for clip in MadeReader().read(item):
                yield replace(clip, masks=(Mask(1, 0, True, np.ones((8, 8), bool)),))

    with pytest.raises(ValueError, match=r"a mask of \(8, 8\) for a store of 16 x 16 pixels"):
        build_store(tmp_path / "t", tmp_path, made_listing(), Small(), {**SETTINGS, "masks": True}, jobs=0)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_any_mask_survives_packing(size, seed, share):
    pixels = np.random.default_rng(seed).random((size, size)) < share
    assert (unpacked(packed(pixels), size) == pixels).all()


def test_a_bomb_of_zeros_is_not_unpacked():
    import zlib

    with pytest.raises(ValueError, match="a mask of 33 bytes, not 32"):
        unpacked(zlib.compress(bytes(10**7)), 16)


def test_show_draws_the_outlines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = make(tmp_path)
    text = shown("data", "show", path, "item02/000", "--split", "all")
    assert "2 boxes, 2 masks" in text
    drawn = cv2.imread(str(next(tmp_path.glob("item02*.png"))))
    assert drawn is not None
    assert "all: 30 masks; in 2 of 22 frames nothing sounds" in invoke("data", "check", path).stdout


def test_an_outline_lies_inside_its_mask_and_spares_the_middle():
    from avloc.drawing.colours import SOUNDING
    from avloc.drawing.outlines import with_outlines

    mask = np.zeros((8, 8), bool)
    mask[2:6, 2:6] = True
    image = with_outlines(np.full((80, 80, 3), 100, np.uint8), [mask], [SOUNDING])
    full = np.kron(mask, np.ones((10, 10), bool))
    edge = (image == SOUNDING).all(axis=2)
    assert edge.sum() == 40 * 40 - 36 * 36 and (edge <= full).all()
    assert (image[40, 40] == 100).all() and (image[5, 5] == 100).all()
