"""Masks of AVSBench and palettes: which pixels count, and under which id."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from avloc.annotations.mask_files import box_of, read_mask, squared
from avloc.annotations.reading import read_benchmark
from avloc.errors import DataError
from avloc.scoring import score
from tests.data.making import REPOSITORY, write_image

CASE = REPOSITORY.parent / "shared" / "cases" / "28_avsbench_masks" / "ms3_data"


def square(side: int = 60) -> np.ndarray:
    mask = np.zeros((224, 224), np.uint8)
    mask[20 : 20 + side, 40 : 40 + side] = 255
    return mask


def made(root: Path) -> Path:
    """Ten frames of two videos of MS3, the last three silent."""
    for number in range(10):
        video = "aaa_10_15" if number < 5 else "bbb_0_5"
        write_image(
            root / "gt_masks" / "test" / video / f"{video}_{number % 5 + 1}.png", square(60 if number < 7 else 0)
        )
    write_image(root / "gt_masks" / "train" / "zzz" / "zzz_1.png", square())
    (root / "gt_masks" / "test" / "aaa_10_15" / "._aaa_10_15_1.png").write_bytes(b"of a Mac")
    return root


@pytest.mark.parametrize("where", ["", "gt_masks"])
def test_masks_of_a_tree_are_the_truth_of_the_benchmark(tmp_path, where):
    truth = read_benchmark("avsbench-ms3", made(tmp_path) / where)
    assert len(truth) == 10 and truth.ids[0] == "aaa_10_15/aaa_10_15.mp4_1" and truth.videos[9] == "bbb_0_5"
    assert truth.sounding.tolist() == [True] * 7 + [False] * 3
    assert (truth.masks[0, 0] == (square() > 0)).all()
    result = score("kaist", truth.masks[:, 0].astype(float), truth, resamples=0)
    assert result.metrics["locacc"].value == pytest.approx(0.7)  # kaist counts silent frames as misses


def test_the_same_tree_of_a_public_report_is_read():
    if not CASE.is_dir():
        pytest.skip(f"{CASE} is not there")
    truth = read_benchmark("avsbench-ms3", CASE)
    assert len(truth) == 10 and truth.sounding.sum() == 7 and truth.masks.sum() == 7 * 8100


def test_categories_of_s4_are_classes(tmp_path):
    write_image(tmp_path / "gt_masks" / "test" / "dog" / "v" / "v_10.png", square())
    write_image(tmp_path / "gt_masks" / "test" / "dog" / "v" / "v_2.png", square())
    truth = read_benchmark("avsbench-s4", tmp_path)
    assert truth.ids == ["dog/v/v_2", "dog/v/v_10"] and truth.classes == ("dog",)


def test_a_mask_that_lies_elsewhere_is_named(tmp_path):
    write_image(tmp_path / "gt_masks" / "test" / "v" / "w_1.png", square())
    with pytest.raises(DataError, match=r"w_1\.png: not the path of a mask of avsbench-ms3"):
        read_benchmark("avsbench-ms3", tmp_path)
    (tmp_path / "e" / "gt_masks").mkdir(parents=True)
    with pytest.raises(DataError, match="contains no mask"):
        read_benchmark("avsbench-ms3", tmp_path / "e")


@pytest.mark.parametrize("kind", ["grey", "colours", "with alpha", "16 bits"])
def test_every_pixel_that_is_not_black_counts(tmp_path, kind):
    grey = square()
    grey[grey > 0] = 1
    image = {
        "grey": grey,
        "colours": cv2.merge([grey * 0, grey * 0, grey * 128]),
        "with alpha": cv2.merge([grey, grey, grey, np.full_like(grey, 255)]),
        "16 bits": grey.astype(np.uint16) * 300,
    }[kind]
    write_image(tmp_path / "m.png", image)
    assert (read_mask(tmp_path / "m.png") == (grey > 0)).all()


def test_what_is_no_picture_is_refused(tmp_path):
    (tmp_path / "m.png").write_bytes(b"")
    with pytest.raises(DataError, match="not a readable mask"):
        read_mask(tmp_path / "m.png")


def test_masks_are_scaled_by_the_nearest_centre_and_boxes_fit_closely():
    mask = np.zeros((4, 8), bool)
    mask[1:3, 2:6] = True
    assert box_of(mask) == (0.25, 0.25, 0.75, 0.75) and box_of(mask & False) is None
    assert squared(mask, 4).astype(int).tolist() == [[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]]
    wide = squared(np.random.default_rng(0).random((224, 224)) < 0.5, 448)
    assert (squared(wide, 224) == wide[1::2, 1::2]).all()
