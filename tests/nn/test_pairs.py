"""Pairs of a batch."""

import torch

from avloc.nn.pairs import own_and_foreign, own_found


def test_clips_of_one_video_are_neither_pairs_nor_strangers():
    own, foreign = own_and_foreign(torch.tensor([4, 4, 7]))
    assert own.tolist() == [[True, False, False], [False, True, False], [False, False, True]]
    assert foreign.tolist() == [[False, False, True], [False, False, True], [True, True, False]]


def test_a_mixed_sound_is_foreign_to_a_frame_where_both_of_its_clips_are():
    _, foreign = own_and_foreign(torch.tensor([1, 2, 3]))
    # sound 0 is mixed with that of clip 2, so the frame of clip 1 alone holds none of it
    assert (foreign & foreign.roll(1, 1)).tolist() == [[False, False, True], [True, False, False], [False, True, False]]


def test_a_sound_is_found_where_its_own_frame_scores_highest():
    scores = torch.tensor([[3.0, 0.0, 1.0], [1.0, 0.0, 0.0], [2.0, 1.0, 5.0]])
    assert float(own_found(scores)) == torch.tensor(2 / 3)
