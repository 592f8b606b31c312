"""Encoders beyond what the methods' tests show."""

import pytest
import torch
from torch import nn

from avloc.errors import AvlocError
from avloc.nn.encoders import Backbone


def test_a_projection_gives_features_signs_and_its_own_number_of_channels():
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain, projected = Backbone((4, 8), (1, 1), (1, 2)), Backbone((4, 8), (1, 1), (1, 2), project=6)
    assert plain.build(3)(images).min() >= 0
    encoder = projected.build(3)
    assert encoder.channels == 6 and encoder(images).shape == (2, 6, 4, 4) and encoder(images).min() < 0


def test_weights_that_are_no_state_dict_are_refused_in_a_line(tmp_path):
    broken, other = tmp_path / "broken.pth", tmp_path / "other.pth"
    broken.write_bytes(b"not what torch writes")
    torch.save({"fc.weight": torch.zeros(1), "elsewhere": torch.zeros(2)}, other)
    for weights, said in (
        (tmp_path / "none.pth", "none.pth: no such file; give a ResNet-18 state dict"),
        (broken, "broken.pth: not a ResNet-18 state dict"),
        (other, "other.pth: they do not fit this backbone"),
    ):
        with pytest.raises(AvlocError, match=said) as refused:
            Backbone(weights=str(weights)).build(3)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_no_narrow_layer_has_the_strided_shortcut_whose_gradient_overruns_memory(layout):
    encoder = Backbone((4, 8, 16), (1, 1, 1), (1, 2, 2)).build(3).to(memory_format=layout)
    images = torch.randn(5, 3, 32, 32, generator=torch.Generator().manual_seed(0)).to(memory_format=layout)
    narrow, wide = encoder.layer2[0].downsample[0], encoder.layer3[0].downsample[0]
    assert type(wide) is nn.Conv2d and wide.in_channels == 8  # from here on, the strided convolution is safe
    seen = {}
    narrow.register_forward_hook(lambda layer, given, found: seen.update(given=given[0], found=found))
    encoder(images).square().sum().backward()
    weight = narrow.weight.detach().double().requires_grad_()
    expected = nn.functional.conv2d(seen["given"].detach().double(), weight, stride=2)
    torch.testing.assert_close(seen["found"].double(), expected, rtol=1e-5, atol=1e-5)
    assert narrow.weight.shape == (8, 4, 1, 1) and narrow.weight.grad.abs().sum() > 0
    assert type(narrow) is not nn.Conv2d and torch.isfinite(narrow.weight.grad).all()
