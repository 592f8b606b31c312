import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from avloc.data.labels import Labels
from avloc.data.loader import Batch, Loader
from avloc.data.needs import Needs
from avloc.data.plans import Plan, draw_plan, video_numbers
from avloc.data.store import Store
from avloc.data.views import FrameView, LogMel
from tests.engine.tiny import make_tiny_store

CPU = torch.device("cpu")


class Listener:
    frame = FrameView(size=32, resize=36)
    sound = LogMel(rate=4000, n_fft=128, hop=80, mels=16)
    needs = Needs(negatives=True)


class Alone(Listener):
    needs = Needs()


class Twice(Alone):
    needs = Needs(views=2)


class Proposer(Alone):
    needs = Needs(proposals=True)


class Watcher(Alone):
    needs = Needs(every_frame=True)


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture
def store(path) -> Store:
    return Store.open(path).split("train")


def equal(one: Batch, other: Batch) -> bool:
    pairs = [(getattr(one, name), getattr(other, name)) for name in vars(one)]
    return all(torch.equal(a, b) if a is not None else b is None for a, b in pairs)


def all_equal(ones: list[Batch], others: list[Batch]) -> bool:
    return len(ones) == len(others) and all(equal(one, other) for one, other in zip(ones, others, strict=True))


def test_a_plan_is_a_function_of_its_seed(store):
    first, again, other = draw_plan(store, (1, 2), True), draw_plan(store, (1, 2), True), draw_plan(store, (1, 3), True)
    for name in ("clips", "picks", "negative_clips", "negative_picks"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.clips != other.clips).any() and first.sounds is None


def test_a_plan_has_every_clip_once_and_frames_at_random(store):
    plans = [draw_plan(store, (seed,), False) for seed in range(20)]
    assert all(sorted(plan.clips) == list(range(len(store))) for plan in plans)
    picks = np.concatenate([plan.picks for plan in plans])
    assert set(picks) == {0, 1} and 0.3 < picks.mean() < 0.7
    assert plans[0].negative_clips is None
    assert draw_plan(store, (0,), False, shuffle=False).clips.tolist() == list(range(len(store)))


def test_negatives_are_of_another_video_and_of_any_class(store):
    videos, labels = video_numbers(store), store.labels.argmax(1)
    seen = set()
    for seed in range(40):
        plan = draw_plan(store, (seed,), True)
        assert (videos[plan.clips] != videos[plan.negative_clips]).all()
        seen |= set(zip(plan.clips.tolist(), plan.negative_clips.tolist(), strict=True))
        assert set(plan.negative_picks) <= {0, 1}
    assert any(labels[clip] == labels[other] for clip, other in seen)
    assert len(seen) > 250  # of 18 x 16 pairs that may be drawn


def test_a_split_of_one_video_still_has_a_plan(store):
    class One:
        video_numbers, frames_per_clip = np.zeros(4, np.int64), 2

        def __len__(self) -> int:
            return 4

    assert len(draw_plan(One(), (0,), True)) == 4  # type: ignore[arg-type]


def test_a_batch_holds_what_the_plan_says(store):
    plan = Plan(np.array([3, 0, 7]), np.array([1, 0, 1]), np.array([5, 6, 1]), np.array([0, 1, 0]))
    [batch] = Loader(store, Listener(), CPU, resident=True).of(plan, 8)
    assert len(batch) == 3 and batch.index.tolist() == [3, 0, 7] and batch.negative_index.tolist() == [5, 6, 1]
    assert torch.equal(batch.frame, Listener.frame(torch.from_numpy(store.frames(plan.clips, plan.picks))))
    assert torch.equal(batch.negative, Listener.frame(torch.from_numpy(store.frames([5, 6, 1], [0, 1, 0]))))
    sounds = torch.from_numpy(store.sounds(plan.clips))
    torch.testing.assert_close(batch.sound, Listener.sound(sounds))
    torch.testing.assert_close(batch.waveform, sounds / 32767)
    assert torch.equal(batch.labels, torch.from_numpy(store.labels[plan.clips]))
    assert [store.videos[3] == store.videos[0], batch.video[0] == batch.video[1]] == [False, False]
    assert batch.video.tolist() == video_numbers(store)[plan.clips].tolist()


def test_a_wrong_sound_changes_the_sound_alone(store):
    right = Plan(np.array([3, 0]), np.array([1, 0]))
    wrong = Plan(right.clips, right.picks, sounds=np.array([10, 11]))
    loader = Loader(store, Alone(), CPU, resident=True)
    [one], [other] = loader.of(right, 4), loader.of(wrong, 4)
    assert torch.equal(one.frame, other.frame) and torch.equal(one.index, other.index)
    torch.testing.assert_close(other.waveform, torch.from_numpy(store.sounds([10, 11])) / 32767)
    assert one.negative is None


@pytest.mark.parametrize("workers", [0, 1])
def test_resident_and_streamed_batches_are_equal(store, workers):
    loaders = [Loader(store, Listener(), CPU, resident=True), Loader(store, Listener(), CPU, workers, resident=False)]
    assert loaders[0].resident and not loaders[1].resident
    assert all_equal(*(list(loader.training(5, 3, 1)) for loader in loaders))
    if not workers:
        assert all_equal(*(list(loader.in_order(4, seed=2, augment=True)) for loader in loaders))


def test_a_small_split_is_resident_by_itself(store):
    assert Loader(store, Alone(), CPU).resident


def test_an_epoch_is_a_function_of_seed_and_epoch(store):
    loader = Loader(store, Listener(), CPU)
    first = list(loader.training(6, 1, 0))
    assert len(first) == loader.steps(6) == 3 and all_equal(first, list(loader.training(6, 1, 0)))
    assert not equal(first[0], next(loader.training(6, 1, 1))) and not equal(first[0], next(loader.training(6, 2, 0)))
    assert not torch.equal(first[0].frame, first[0].negative)


def test_clips_that_fill_no_batch_wait_and_a_small_split_still_gives_one(store):
    loader = Loader(store, Alone(), CPU)
    assert [len(batch) for batch in loader.training(7, 0, 0)] == [7, 7]
    assert [len(batch) for batch in loader.training(100, 0, 0)] == [18]


def test_in_order_is_store_order_with_the_first_frame(store):
    batches = list(Loader(store, Alone(), CPU).in_order(5))
    assert [len(batch) for batch in batches] == [5, 5, 5, 3]
    assert torch.cat([batch.index for batch in batches]).tolist() == list(range(18))
    first = Alone.frame(torch.from_numpy(store.frames(np.arange(18), np.zeros(18, int))))
    torch.testing.assert_close(torch.cat([batch.frame for batch in batches]), first)


@pytest.mark.parametrize("batch_size", [3, 4, 50])
def test_two_processes_share_an_epoch_out_between_them(store, monkeypatch, batch_size):
    shares = []
    for rank in (0, 1):
        monkeypatch.setenv("WORLD_SIZE", "2")
        monkeypatch.setenv("RANK", str(rank))
        shares.append([batch.index.tolist() for batch in Loader(store, Listener(), CPU).training(batch_size, 5, 2)])
    assert len(shares[0]) == len(shares[1]) == max(1, 18 // (2 * batch_size))
    assert {len(batch) for share in shares for batch in share} == {min(batch_size, 9)}
    clips = [clip for share in shares for batch in share for clip in batch]
    assert len(set(clips)) == len(clips)
    order = draw_plan(store, (5, 2), True).clips.tolist()
    together = [clip for pair in zip(*shares, strict=True) for batch in pair for clip in batch]
    assert together == order[: len(together)]  # step by step what one process with twice the batch would see


def test_two_processes_augment_differently(store, monkeypatch):
    plan = draw_plan(store, (5, 2), True)
    monkeypatch.setenv("WORLD_SIZE", "2")
    seen = []
    for rank in ("0", "1"):
        monkeypatch.setenv("RANK", rank)
        loader = Loader(store, Listener(), CPU)
        monkeypatch.setattr(
            "avloc.data.loader.draw_plan",
            lambda *_: Plan(*(np.tile(a[:3], 6) for a in vars(plan).values() if isinstance(a, np.ndarray))),
        )
        seen.append(next(loader.training(3, 5, 2)))
    assert torch.equal(seen[0].index, seen[1].index) and not torch.equal(seen[0].frame, seen[1].frame)


def test_a_store_may_be_sent_to_another_process_after_reading(store):
    store.all_sounds()
    again = pickle.loads(pickle.dumps(store))
    np.testing.assert_array_equal(again.frames([2], [1]), store.frames([2], [1]))


def test_a_second_view_shows_the_same_frame_augmented_otherwise(store):
    loader = Loader(store, Twice(), CPU)
    batch = next(iter(loader.training(4, seed=0, epoch=0)))
    assert batch.view2 is not None and batch.view2.shape == batch.frame.shape
    assert not torch.equal(batch.view2, batch.frame)
    tested = next(iter(loader.in_order(4)))
    assert tested.view2 is not None and torch.equal(tested.view2, tested.frame)


@pytest.mark.parametrize("resident", [True, False])
def test_all_frames_of_a_clip_come_in_order_and_are_augmented_alike(store, resident):
    loader = Loader(store, Watcher(), CPU, resident=resident)
    batch = next(iter(loader.in_order(3)))
    assert batch.frames is not None and batch.frames.shape == (3, 2, 3, 32, 32)
    torch.testing.assert_close(batch.frames[:, 0], batch.frame)
    second = Watcher.frame(torch.from_numpy(store.frames(np.arange(3), np.ones(3, np.int64))))
    torch.testing.assert_close(batch.frames[:, 1], second)

    still = torch.from_numpy(store.frames(np.arange(3), np.zeros(3, np.int64)))[:, None].expand(3, 4, -1, -1, -1)
    seen = loader._all_frames(still.flatten(2).unflatten(2, still.shape[2:]), torch.Generator().manual_seed(5))
    assert torch.equal(seen[:, 0], seen[:, 3])


def test_pseudo_labels_come_with_their_clips(store):
    scores = np.linspace(0, 1, len(store) * 3, dtype=np.float32).reshape(-1, 3)
    loader = Loader(store, Alone(), CPU, labels=Labels(("a", "b", "c"), scores, 1 - scores))
    for batch in loader.training(4, seed=1, epoch=0):
        assert batch.sound_scores is not None and batch.frame_scores is not None and batch.index is not None
        np.testing.assert_array_equal(batch.sound_scores.numpy(), scores[batch.index.numpy()])
        np.testing.assert_array_equal(batch.frame_scores.numpy(), 1 - scores[batch.index.numpy()])


def test_proposals_come_with_the_frame_that_is_shown_or_with_all(store):
    """Each box says which clip and frame it is of."""
    scores = np.zeros((len(store), 3), np.float32)
    boxes = np.zeros((len(store), 2, 5, 4), np.float32)
    boxes[..., 0], boxes[..., 1] = np.arange(len(store))[:, None, None], np.arange(2)[:, None]
    kinds = np.arange(5) + np.zeros((len(store), 2, 1), np.int64)
    labels = Labels(("a", "b", "c"), scores, scores, boxes, kinds)
    plan = Plan(np.array([3, 0, 7]), np.array([1, 0, 1]))
    (batch,) = Loader(store, Proposer(), CPU, labels=labels).of(plan, 3)
    assert batch.proposals.shape == (3, 1, 5, 4) and batch.proposal_classes.shape == (3, 1, 5)
    assert batch.proposals[:, 0, 0, :2].tolist() == [[3, 1], [0, 0], [7, 1]]
    every = type("Every", (Watcher,), {"needs": Needs(every_frame=True, proposals=True)})()
    (batch,) = Loader(store, every, CPU, labels=labels).of(plan, 3)
    assert batch.proposals[:, 1, 4, 0].tolist() == [3, 0, 7] and batch.proposals[:, :, 0, 1].tolist() == [[0, 1]] * 3
    (batch,) = Loader(store, Alone(), CPU, labels=labels).of(plan, 3)
    assert batch.proposals is None
