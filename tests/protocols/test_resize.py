"""Resizing equals OpenCV's exactly and PyTorch's to the last bits."""

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from making import heat_maps

from avloc.protocols.resize import resize


@pytest.mark.parametrize("size", [224, 256, 100])
@pytest.mark.parametrize("align", [True, False])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resizing_is_that_of_torch(mode, align, size):
    maps = heat_maps()
    expected = F.interpolate(torch.from_numpy(maps)[:, None], size=(size, size), mode=mode, align_corners=align)[
        :, 0
    ].numpy()
    found = resize(maps, size, size, mode, align)
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() < 1e-5
    assert ((found == 0) == (expected == 0)).all(), "flat zeros stay zeros, so ties stay ties"


@pytest.mark.parametrize(("kind", "flag"), [("cv2-linear", cv2.INTER_LINEAR), ("cv2-cubic", cv2.INTER_CUBIC)])
def test_resizing_is_that_of_opencv_bit_for_bit(kind, flag):
    maps = heat_maps()
    found = resize(maps, 224, 448, kind)
    assert all(
        (one == cv2.resize(heat, (448, 224), interpolation=flag)).all() for one, heat in zip(found, maps, strict=True)
    )


def test_opencv_linear_is_torch_bilinear_with_half_pixel_centres():
    maps = heat_maps()
    assert np.abs(resize(maps, 224, 224, "cv2-linear") - resize(maps, 224, 224, "bilinear")).max() < 1e-5


def test_maps_of_the_wanted_size_stay_as_they_are():
    maps = heat_maps(size=32)
    assert (resize(maps, 32, 32, "none") == maps).all()
    with pytest.raises(ValueError, match="32x32 with resize 'none'"):
        resize(maps, 64, 64, "none")


def test_one_cell_becomes_a_constant_map():
    assert (resize(np.full((1, 1, 1), 2, np.float32), 8, 8, "bicubic", True) == 2).all()
