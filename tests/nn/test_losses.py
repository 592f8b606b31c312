import math

import pytest
import torch

from avloc.nn.losses import balanced_correspondence, correspondence, distribution_matching


def test_correspondence_is_the_mean_binary_cross_entropy():
    logits, targets = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1, 0, 0])
    scores = [1 / (1 + math.exp(-logit)) for logit in logits.tolist()]
    expected = -(math.log(scores[0]) + math.log(1 - scores[1]) + math.log(1 - scores[2])) / 3
    assert correspondence(logits, targets).item() == pytest.approx(expected, rel=1e-6)


def test_correspondence_stays_finite_however_sure_the_model_is():
    logits = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = correspondence(logits, torch.tensor([0.0, 1.0]))
    loss.backward()
    assert loss.item() == pytest.approx(500) and torch.isfinite(logits.grad).all()


def all_pairs_by_loops(logits: list[list[float]], videos: list[int]) -> float:
    own, others = [], []
    for row in range(len(videos)):
        for column in range(len(videos)):
            score = 1 / (1 + math.exp(-logits[row][column]))
            if row == column:
                own.append(-math.log(score))
            elif videos[row] != videos[column]:
                others.append(-math.log(1 - score))
    return 0.5 * sum(own) / len(own) + (0.5 * sum(others) / len(others) if others else 0.0)


def pairs_of(videos: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    numbers = torch.tensor(videos)
    return torch.eye(len(videos), dtype=torch.bool), numbers[:, None] != numbers[None, :]


@pytest.mark.parametrize("videos", [[0, 1, 2, 3], [0, 0, 1, 1], [5, 5, 5, 2]])
def test_positives_and_negatives_weigh_half_each(videos):
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
    found = balanced_correspondence(logits, *pairs_of(videos))
    assert found.item() == pytest.approx(all_pairs_by_loops(logits.tolist(), videos), rel=1e-5)


def test_a_pair_in_neither_mask_has_no_gradient():
    logits = torch.zeros(3, 3, requires_grad=True)
    balanced_correspondence(logits, *pairs_of([0, 0, 1])).backward()
    assert logits.grad[0, 1] == logits.grad[1, 0] == 0
    assert (logits.grad[[0, 1, 2, 2], [2, 2, 0, 1]] > 0).all() and (logits.grad.diagonal() < 0).all()


def test_pairs_without_a_negative_have_positives_alone():
    found = balanced_correspondence(torch.zeros(2, 2), *pairs_of([7, 7]))
    assert found.item() == pytest.approx(0.5 * math.log(2))


@pytest.mark.parametrize(("over", "share"), [("entries", 1 / 15), ("clips", 1 / 3)])
def test_matching_is_the_divergence_over_all_entries_or_over_clips(over, share):
    generator = torch.Generator().manual_seed(1)
    scores, target = torch.randn(3, 5, generator=generator), torch.randn(3, 5, generator=generator).softmax(1)
    total = 0.0
    for row in range(3):
        largest = sum(math.exp(value) for value in scores[row].tolist())
        for p, score in zip(target[row].tolist(), scores[row].tolist(), strict=True):
            total += p * (math.log(p) - math.log(math.exp(score) / largest))
    assert distribution_matching(scores, target, over).item() == pytest.approx(share * total, rel=1e-5)


def test_matching_of_equal_distributions_is_zero_and_an_impossible_class_costs_nothing():
    scores = torch.tensor([[1.0, 2.0, 3.0]])
    assert distribution_matching(scores, scores.softmax(1)).item() == pytest.approx(0, abs=1e-7)
    assert math.isfinite(distribution_matching(scores, torch.tensor([[0.0, 0.0, 1.0]])).item())


def test_matching_warns_of_nothing(recwarn):
    distribution_matching(torch.zeros(2, 3), torch.full((2, 3), 1 / 3))
    assert not recwarn.list
