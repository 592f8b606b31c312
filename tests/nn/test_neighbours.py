"""Similar clips of a split."""

import torch

from avloc.nn.neighbours import nearest


def test_the_most_similar_clips_of_other_videos_come_first_whatever_their_length():
    features = torch.tensor([[1.0, 0], [2, 0.1], [0, 3], [1, 1.1], [5, -1]])
    found = nearest(features, torch.tensor([0, 1, 2, 3, 0]), 2)
    assert found.tolist() == [[1, 3], [0, 4], [3, 1], [2, 1], [1, 3]]


def test_a_list_that_is_too_short_ends_in_minus_one():
    found = nearest(torch.eye(3), torch.tensor([0, 0, 1]), 5)
    assert found.tolist() == [[2, -1, -1, -1, -1], [2, -1, -1, -1, -1], [0, 1, -1, -1, -1]]
