"""Strongly changed frames, step by step beside Pillow's."""

import numpy as np
import torch
from PIL import Image, ImageEnhance

from avloc.data.views import AugmentedFrameView, FrameView

OFF = dict.fromkeys(("recolour", "blur", "flip", "upside_down", "shift", "grey"), 0.0)
STILL = {**OFF, "turn": False, "size": 32, "resize": 32, "mean": (0, 0, 0), "std": (1, 1, 1)}


def frames(count: int = 3, side: int = 32) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, side, side, 3)).astype(np.uint8))


def seen(given: torch.Tensor, seed: int = 0, **options) -> torch.Tensor:
    """(B, H, W, 3) in levels."""
    view = AugmentedFrameView(**STILL | options)
    return 255 * view(given, torch.Generator().manual_seed(seed)).permute(0, 2, 3, 1)


def test_with_nothing_to_change_and_in_tests_it_is_the_plain_view():
    torch.testing.assert_close(seen(frames()), frames().float(), atol=1e-3, rtol=0)
    plain = FrameView(size=24, resize=28, interpolation="bicubic")
    assert torch.equal(AugmentedFrameView(size=24, resize=28)(frames()), plain(frames()))


def test_colours_change_as_pillow_changes_them():
    steps = {"brightness": ImageEnhance.Brightness, "contrast": ImageEnhance.Contrast, "saturation": ImageEnhance.Color}
    for name, step in steps.items():
        none = {"brightness": (1, 1), "contrast": (1, 1), "saturation": (1, 1), "hue": (0, 0)}
        found = seen(frames(), recolour=1.0, **none | {name: (0.25, 0.25)})
        for image, ours in zip(frames().numpy(), found.numpy(), strict=True):
            assert np.abs(np.asarray(step(Image.fromarray(image)).enhance(0.25), float) - ours).max() <= 2


def test_turns_are_of_right_angles_each_as_often_and_moves_leave_black():
    many = frames(1).expand(400, -1, -1, -1)
    turned = seen(many, turn=True).round().to(torch.uint8)
    counts = [int((turned == many[0].rot90(quarters, (0, 1))).flatten(1).all(1).sum()) for quarters in range(4)]
    assert sum(counts) == 400 and min(counts) > 70
    moved = seen(frames(50).clamp(min=1), shift=0.2)
    rows = (moved == 0).all(3).all(2).sum(1)
    assert rows.max() == 6 and rows.min() == 0  # of 32 rows a fifth, in whole pixels


def test_shares_are_shares():
    many = frames(1).expand(400, -1, -1, -1)
    grey = seen(many, grey=0.2)
    share = (grey.amax(3) - grey.amin(3)).amax((1, 2)) < 1e-3
    assert 0.14 < share.float().mean() < 0.26
    blurred = (seen(many, blur=0.5, sigma=(1.0, 1.0)) - many.float()).abs().amax((1, 2, 3)) > 1
    assert 0.42 < blurred.float().mean() < 0.58
    assert torch.equal(seen(frames(), seed=5, **{"recolour": 1.0}), seen(frames(), seed=5, **{"recolour": 1.0}))
