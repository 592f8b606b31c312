"""The pixels of cut-outs in composed stores: what is stored with --masks, and what is scored by it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from avloc.data.clip import Clip
from avloc.data.store import Store
from avloc.engine.predicting import frames_to_score
from tests.prepare.composing import composed, make_backgrounds, make_sounds
from tests.prepare.test_composing_layouts import BLUE, RED, make_coco

COLOURS = (RED, BLUE)  # of cat and owl


@pytest.fixture(scope="module")
def discs(tmp_path_factory) -> dict[str, Path]:
    """Discs of a colour a class, on nothing."""
    root = tmp_path_factory.mktemp("discs")
    for name, colour in zip(("cat", "owl"), COLOURS, strict=True):
        (root / "photos" / name).mkdir(parents=True)
        for number in range(8):
            picture = Image.new("RGBA", (120, 90), (0, 255, 0, 0))
            ImageDraw.Draw(picture).ellipse((20 + number, 10, 90, 70), (*colour, 255))
            picture.save(root / "photos" / name / f"{number}.png")
    return {
        "pictures": root / "photos",
        "sounds": make_sounds(root / "sounds", ["cat", "owl"]),
        "backgrounds": make_backgrounds(root / "places"),
    }


def clips(part: Store) -> list[Clip]:
    return [part.clip(number) for number in range(len(part))]


def test_a_cut_out_is_stored_pixel_by_pixel_beside_its_box(discs, tmp_path):
    composed(discs, tmp_path / "store", count=["test:pair=8"], splits=["test=1"], size=128, masks=True)
    for clip in clips(Store.open(tmp_path / "store").split("test_pair")):
        assert [mask.label for mask in clip.masks] == [box.label for box in clip.boxes]
        assert [mask.sounding for mask in clip.masks] == [box.sounding for box in clip.boxes]
        for mask, box in zip(clip.masks, clip.boxes, strict=True):
            left, top, right, bottom = (round(128 * side) for side in box.xyxy)
            ys, xs = np.nonzero(mask.pixels)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == (left, top, right, bottom)
            assert mask.pixels.sum() / ((right - left) * (bottom - top)) == pytest.approx(np.pi / 4, abs=0.03)
            shown = clip.frames[0][mask.pixels].astype(int)
            assert (np.abs(shown - COLOURS[mask.label]).max(1) < 130).all()  # at its edge it is half the background


def test_without_masks_the_store_is_as_it_was(discs, tmp_path):
    for name, options in (("plain", {}), ("masked", {"masks": True})):
        composed(discs, tmp_path / name, count=["test:pair=4"], splits=["test=1"], **options)
    plain, masked = (Store.open(tmp_path / name) for name in ("plain", "masked"))
    assert "masks" not in plain.settings and not plain.masked and masked.settings["masks"] is True
    for one, other in zip(clips(plain.split("test_pair")), clips(masked.split("test_pair")), strict=True):
        assert (
            (one.frames == other.frames).all() and (one.waveform == other.waveform).all() and one.boxes == other.boxes
        )
        assert not one.masks and len(other.masks) == 2


def test_what_sounds_is_scored_on_its_pixels(discs, tmp_path):
    composed(discs, tmp_path / "store", count=["test:pair=4"], splits=["test=1"], masks=True)
    part = Store.open(tmp_path / "store").split("test_pair")
    truth = frames_to_score(part, "all", 0, "pair").truth
    assert truth.masks is not None
    for number, clip in enumerate(clips(part)):
        (own,) = (mask for mask in clip.masks if mask.sounding)
        assert (truth.masks[number, 0] == own.pixels).all()


@pytest.mark.parametrize("whole", [False, True])
def test_a_segmentation_is_a_mask_and_a_bare_box_is_none(tmp_path, whole):
    world = {"pictures": make_coco(tmp_path / "data"), "sounds": make_sounds(tmp_path / "sounds", ["cat", "owl"])}
    composed(world, tmp_path / "store", count=["test:pair=8"], splits=["test=1"], size=96, whole=whole, masks=True)
    part = Store.open(tmp_path / "store").split("test_pair")
    for clip in clips(part):
        assert {mask.label for mask in clip.masks} == {0}  # cats have polygons, owls have boxes
        for mask in clip.masks:
            # a triangle: the upper right half of the 40x50 pixels of its box
            shown = clip.frames[0][mask.pixels].astype(int)
            assert (np.abs(shown - RED).max(1) < 130).mean() > 0.99
            box = next(box for box in clip.boxes if box.label == 0)
            area = (box.xyxy[2] - box.xyxy[0]) * (box.xyxy[3] - box.xyxy[1]) * 96**2
            assert mask.pixels.sum() / area == pytest.approx(0.5, abs=0.06)
    truth = frames_to_score(part, "all", 0, "pair").truth
    heard = [part.classes.index(name) for name in ("cat", "owl")]
    assert truth.masks is not None and {int(kind) for kind in truth.clip_class} == set(heard)
