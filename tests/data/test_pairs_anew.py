"""`data.pairs: anew`: each training epoch hears every frame with a sound of its class, drawn anew."""

from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.labels import Labels
from avloc.data.loader import Loader
from avloc.data.plans import Plan, anew, draw_plan
from avloc.data.store import Store
from avloc.errors import DataError
from tests.data.test_loader import CPU, Alone, all_equal
from tests.engine.test_training import assert_same_training, stop_at
from tests.engine.tiny import make_tiny_store, tiny_config, write_config
from tests.prepare.composing import composed, make_world


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


@pytest.fixture
def store(path) -> Store:
    return Store.open(path).split("train")


def in_order(store: Store) -> Plan:
    return Plan(np.arange(len(store)), np.zeros(len(store), np.int64))


def test_every_sound_is_heard_once_with_a_frame_of_its_class(store):
    plans = [anew(store, draw_plan(store, (0, epoch), False), (0, epoch)) for epoch in range(10)]
    for plan in plans:
        assert sorted(plan.sounds) == list(range(len(store)))
        assert (store.labels[plan.clips] == store.labels[plan.sounds]).all()
    pairs = {(clip, sound) for plan in plans for clip, sound in zip(plan.clips, plan.sounds, strict=True)}
    assert len(pairs) > 3 * len(store)


def test_pairs_are_a_function_of_seed_and_epoch_and_leave_the_order_of_frames_alone(store):
    plan = draw_plan(store, (4, 1), True)
    first, again, other = (anew(store, plan, seed) for seed in ((4, 1), (4, 1), (4, 2)))
    assert (first.sounds == again.sounds).all() and (first.sounds != other.sounds).any()
    assert (first.clips == plan.clips).all() and (first.negative_clips == plan.negative_clips).all()


def test_clips_of_several_classes_are_paired_among_their_like_and_those_of_none_keep_their_sound(tmp_path):
    count = ["train:solo=10", "train:duet=30", "train:absent=20"]
    composed(make_world(tmp_path), tmp_path / "store", count=count)
    part = Store.open(tmp_path / "store").split("train_solo+train_duet+train_absent")
    plan = anew(part, in_order(part), (0,))
    assert (part.labels[plan.sounds] == part.labels).all()
    silent = np.flatnonzero(~part.labels.any(1))
    assert len(silent) == 20 and (plan.sounds[silent] == silent).all()
    assert (plan.sounds != plan.clips).sum() > 10


@pytest.mark.parametrize("workers", [0, 1])
def test_a_split_in_memory_and_one_that_is_read_are_paired_alike(store, workers):
    loaders = [
        Loader(store, Alone(), CPU, workers=0 if resident else workers, resident=resident, anew=True)
        for resident in (True, False)
    ]
    one, two = (list(loader.training(4, 7, 3)) for loader in loaders)
    assert all_equal(one, two)
    heard = Loader(store, Alone(), CPU, resident=True)
    frames = {batch.index[0].item(): batch for batch in heard.of(in_order(store), 1)}
    waves = torch.cat([batch.waveform for batch in one])
    index = torch.cat([batch.index for batch in one]).tolist()
    own = torch.stack([frames[clip].waveform[0] for clip in index])
    assert (waves != own).any(1).float().mean() > 0.5


def test_without_anew_every_clip_is_heard_with_its_own_sound(store):
    batches = list(Loader(store, Alone(), CPU, resident=True).training(4, 7, 3))
    waves, index = torch.cat([batch.waveform for batch in batches]), torch.cat([batch.index for batch in batches])
    assert torch.equal(waves, torch.from_numpy(store.sounds(index.numpy())).float() / 32767)


def test_pseudo_labels_of_a_sound_go_with_the_sound(store):
    numbers = np.linspace(0, 1, len(store) * 3, dtype=np.float32).reshape(len(store), 3)
    loader = Loader(store, Alone(), CPU, resident=True, labels=Labels(("a", "b", "c"), numbers, numbers), anew=True)
    plan = anew(store, draw_plan(store, (0, 0), False), (0, 0))
    [batch] = loader.training(len(store), 0, 0)
    assert torch.equal(batch.sound_scores, torch.from_numpy(numbers[plan.sounds]))
    assert torch.equal(batch.frame_scores, torch.from_numpy(numbers[plan.clips]))


@pytest.mark.parametrize("resident", [True, False])
def test_an_interrupted_training_with_pairs_anew_ends_as_an_uninterrupted_one(path, tmp_path, resident):
    settings = tiny_config(path)
    settings["stage1"]["data"]["pairs"] = "anew"
    settings["stage1"]["train"]["resident"] = resident
    config = write_config(tmp_path / "tiny.yaml", settings)
    avloc.train_stage1(config, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(config, tmp_path / "cut", progress=stop_at(3, "classify: step 1"))
    avloc.train_stage1(config, tmp_path / "cut")
    assert_same_training(tmp_path / "cut", tmp_path / "whole")
    settings["stage1"]["data"].pop("pairs")
    avloc.train_stage1(write_config(tmp_path / "fixed.yaml", settings), tmp_path / "fixed")
    with pytest.raises(AssertionError):
        assert_same_training(tmp_path / "fixed", tmp_path / "whole")


@pytest.mark.parametrize(("given", "expected"), [(None, 2), ("stored", 0), ("anew", 2)])
def test_a_store_that_was_prepared_for_it_is_paired_anew_unless_the_configuration_says_otherwise(
    tmp_path, monkeypatch, given, expected
):
    drawn: list[int] = []

    def counted(store: Store, plan: Plan, seed: tuple[int, ...]) -> Plan:
        drawn.append(len(store))
        return anew(store, plan, seed)

    monkeypatch.setattr("avloc.data.loader.anew", counted)
    world = make_world(tmp_path / "world")
    composed(world, tmp_path / "store", count=["train:solo=12", "validation:solo=4"], train_anew=True)
    settings = tiny_config(tmp_path / "store", class_task=False)
    settings["stage1"]["model"]["sound"]["rate"] = 8000
    settings["stage1"]["train"]["epochs"] = 2
    settings["stage1"]["data"] |= {"train": "train_solo", "validation": "validation_solo", "pairs": given}
    avloc.train_stage1(write_config(tmp_path / "c.yaml", settings), tmp_path / "run")
    assert drawn == [12] * expected  # in each epoch of training, and never for validation


def test_pairs_cannot_be_drawn_anew_without_classes(tmp_path):
    composed(make_world(tmp_path / "world"), tmp_path / "store", count=["train:absent=12"])
    settings = tiny_config(tmp_path / "store")
    settings["stage1"]["model"]["sound"]["rate"] = 8000
    settings["stage1"]["data"] = {"store": str(tmp_path / "store"), "train": "train_absent", "pairs": "anew"}
    with pytest.raises(DataError, match="no clip has a class, so pairs cannot be drawn anew"):
        avloc.train_stage1(write_config(tmp_path / "c.yaml", settings), tmp_path / "run")


def test_splits_may_be_joined_by_a_plus(path):
    store = Store.open(path)
    both = store.split("validation+test")
    assert both.ids == [*store.split("validation").ids, *store.split("test").ids]
    assert both.split_name == "validation+test"
    with pytest.raises(DataError, match="no split 'tset'; it holds train"):
        store.split("validation+tset")
