import numpy as np
import pytest
import torch

from avloc.nn.similarity import cosine_map, cross_dilation, dot_map, pairwise_maps, pool_map, top_share


def dilated(mask: np.ndarray) -> np.ndarray:
    """The rule as it is written down: a positive cell that is not on the border also sets its four neighbours."""
    found = mask.copy()
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            border = row in (0, mask.shape[0] - 1) or column in (0, mask.shape[1] - 1)
            if mask[row, column] and not border:
                found[row - 1, column] = found[row + 1, column] = found[row, column - 1] = found[row, column + 1] = True
    return found


@pytest.mark.parametrize("shape", [(14, 14), (5, 8), (3, 3), (2, 4), (1, 1)])
@pytest.mark.parametrize("share", [0.05, 0.3, 0.9])
def test_dilation_is_the_published_double_loop(shape, share):
    mask = np.random.default_rng(0).random((6, *shape)) < share
    found = cross_dilation(torch.from_numpy(mask)[:, None])
    assert found.dtype == torch.bool
    np.testing.assert_array_equal(found[:, 0].numpy(), np.stack([dilated(one) for one in mask]))


def test_dilation_spreads_from_the_original_mask_alone_and_not_from_the_border():
    mask = torch.zeros(1, 1, 7, 7, dtype=torch.bool)
    mask[0, 0, 3, 3] = mask[0, 0, 0, 0] = True
    found = cross_dilation(mask)
    assert found.sum() == 6 and not found[0, 0, 0, 1] and found[0, 0, 3, 2] and not found[0, 0, 2, 2]
    assert mask.sum() == 2


def test_maps_are_inner_products_and_cosines():
    generator = torch.Generator().manual_seed(0)
    vision, sound = torch.randn(2, 4, 3, 5, generator=generator), torch.randn(2, 4, generator=generator)
    dots, cosines = dot_map(vision, sound), cosine_map(vision, sound)
    assert dots.shape == cosines.shape == (2, 1, 3, 5)
    for clip in range(2):
        for row in range(3):
            for column in range(5):
                place = vision[clip, :, row, column]
                dot = float(place @ sound[clip])
                assert dots[clip, 0, row, column].item() == pytest.approx(dot, abs=1e-5)
                cosine = dot / float(place.norm() * sound[clip].norm())
                assert cosines[clip, 0, row, column].item() == pytest.approx(cosine, abs=1e-5)


def test_pairwise_maps_hold_every_frame_with_every_sound():
    generator = torch.Generator().manual_seed(0)
    vision, sound = torch.randn(3, 4, 2, 2, generator=generator), torch.randn(5, 4, generator=generator)
    maps = pairwise_maps(vision, sound)
    assert maps.shape == (3, 5, 2, 2)
    for heard in range(5):
        torch.testing.assert_close(maps[:, heard, None], dot_map(vision, sound[heard].expand(3, -1)))


def test_a_silent_embedding_has_cosine_zero():
    assert (cosine_map(torch.ones(1, 3, 2, 2), torch.zeros(1, 3)) == 0).all()


def test_pooling_takes_the_maximum_or_the_mean_of_the_highest_share():
    maps = torch.tensor([[[1.0, 4.0], [3.0, 2.0]]])
    assert pool_map(maps).tolist() == [4.0]
    assert pool_map(maps, 0.5).tolist() == [3.5]
    assert pool_map(maps, 1.0).tolist() == [2.5]
    assert pool_map(maps, 0.01).tolist() == [4.0]
    assert pool_map(maps[None].expand(3, 2, 2, 2)).shape == (3, 2)


def test_the_top_share_marks_the_highest_cells_of_each_map():
    maps = torch.arange(8.0).view(2, 2, 2)
    assert top_share(maps, 0.5).tolist() == [[[False, False], [True, True]]] * 2
    assert top_share(maps, 0.01).sum((1, 2)).tolist() == [1, 1]
    assert top_share(maps, 1.0).all()
