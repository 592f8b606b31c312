"""Encoders beyond what the methods' tests show."""

import pytest
import torch

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
