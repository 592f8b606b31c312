"""The rules of pseudo labels against plain loops and worked figures."""

import math

import pytest
import torch

from avloc.nn import categories
from avloc.nn.mobile_crnn import linear_softmax

J, K = 9, 4
MAPPING = torch.tensor(
    [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 1],
        [0, 0, 1, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
    ]
).float()


def random(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(len(shape)))


def close(found: torch.Tensor, expected: list) -> None:
    torch.testing.assert_close(found, torch.tensor(expected).float(), rtol=1e-5, atol=1e-6)


def test_sounds_above_a_threshold_are_moved_up():
    likely = torch.tensor([0.1, 0.2, 0.3, 0.5, 0.05, 0.2, 0.31, 0.0, 0.9])
    # 0: best of .1 and .31; 1: .3 itself is not above; 2: .5; 3: .05; the ninth class is of no category
    close(categories.heard_categories(likely, MAPPING), [0.4 * 0.31 + 0.6, 0.3, 0.8, 0.05])
    close(categories.heard_categories(likely, MAPPING, sure=0.6), [0.31, 0.3, 0.5, 0.05])


def test_a_class_of_several_categories_counts_in_each():
    likely = torch.zeros(J)
    likely[4] = 0.5
    close(categories.heard_categories(likely, MAPPING), [0, 0, 0.8, 0.8])


@pytest.mark.parametrize("top", [2, 3, 10])
def test_frames_sum_their_highest_classes(top):
    scores = random(5, J)
    for row, found in zip(scores.tolist(), categories.seen_categories(scores, MAPPING, top), strict=True):
        kept = sorted(range(J), key=lambda j: -row[j])[:top]
        sums = [sum(row[j] * MAPPING[j, k].item() for j in kept) for k in range(K)]
        close(found, [value / max(sums) for value in sums])


def test_frames_without_a_category_are_zero_and_logits_below_zero_count_nothing():
    scores = torch.full((2, J), -1.0)
    scores[1, 3], scores[1, 0] = 4.0, 2.0
    found = categories.seen_categories(scores, MAPPING, top=3)  # its third class is below zero
    close(found[0], [0.0, 0, 0, 0])
    assert found[1, 2] == 1 and found.min() >= 0 and found[1, 0] <= 0.5


def test_online_labels_of_sounds_are_twice_the_best_class():
    likely = random(3, J) * 0.6
    for row, found in zip(likely.tolist(), categories.heard_online(likely, MAPPING), strict=True):
        close(found, [min(2 * max(row[j] * MAPPING[j, k].item() for j in range(J)), 1) for k in range(K)])


@pytest.mark.parametrize(("decay", "first"), [(0.95, 1), (0.9, 0)])
def test_online_labels_of_frames_are_the_mean_of_two_decayed_classes(decay, first):
    likely = random(2, 3, J).softmax(-1)
    found = categories.seen_online(likely, MAPPING, decay, first)
    for row, labels in zip(likely.flatten(0, 1).tolist(), found.flatten(0, 1), strict=True):
        order = sorted(range(J), key=lambda j: -row[j])
        expected = []
        for k in range(K):
            weights = [
                row[j] / max(row) * decay ** (first + rank) * MAPPING[j, k].item() for rank, j in enumerate(order)
            ]
            expected.append(sum(sorted(weights)[-2:]) / 2)
        close(labels, expected)


def test_proposals_have_a_steeper_decay():
    likely = random(2, 5, J).softmax(-1)
    labels = categories.seen_in_proposals(likely, MAPPING)
    torch.testing.assert_close(labels, categories.seen_online(likely, MAPPING, 0.9, 0))


@pytest.mark.parametrize("frames", [1, 4, 5])
def test_steps_are_gathered_for_each_frame(frames):
    steps = random(2, 63, 3)
    found = categories.over_frames(steps, frames)
    stride = 63 / frames
    for k in range(frames):
        part = steps[:, int(k * stride) : int(k * stride) + math.ceil(stride)]
        torch.testing.assert_close(found[:, k], linear_softmax(part))
    assert found.shape == (2, frames, 3)
