"""Encoders beyond what the methods' tests show."""

import torch

from avloc.nn.encoders import Backbone


def test_a_projection_gives_features_signs_and_its_own_number_of_channels():
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    plain, projected = Backbone((4, 8), (1, 1), (1, 2)), Backbone((4, 8), (1, 1), (1, 2), project=6)
    assert plain.build(3)(images).min() >= 0
    encoder = projected.build(3)
    assert encoder.channels == 6 and encoder(images).shape == (2, 6, 4, 4) and encoder(images).min() < 0
