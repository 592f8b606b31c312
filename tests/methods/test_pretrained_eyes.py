"""Every method sees through a backbone of timm, which stays as it is while it is frozen."""

import pytest
import torch
from safetensors.torch import load_file

import avloc
from tests.engine.tiny import RATE, make_tiny_store, write_config
from tests.methods.pretrained import METHODS, config, stage_one, weights_file


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    return {rate: make_tiny_store(folder / f"store{rate}", rate) for rate in (RATE, 16_000)}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_on_a_frozen_backbone_and_leaves_it_as_it_was(method, stores, tmp_path):
    model = stage_one(method, tmp_path)
    store = stores[16_000 if method == "sspl" else RATE]
    trained = avloc.train_stage1(write_config(tmp_path / "c.yaml", config(method, store, model)), tmp_path / "run")
    left = load_file(next(iter(trained.weights.values())))
    before = torch.load(weights_file(tmp_path), weights_only=True)
    seen = {name.rpartition("network.")[2]: value for name, value in left.items() if ".network." in f".{name}"}
    compared = [name for name in before if name in seen]
    assert len(compared) > 50
    assert all(torch.equal(before[name], seen[name]) for name in compared)
    found = avloc.evaluate(run=trained.run, resamples=0)
    assert found.sets["solo"].result.metrics


@pytest.mark.parametrize("method", ["dsol", "coarse_to_fine", "coarse_to_fine_original"])
def test_the_second_stages_go_on_with_it(method, stores, tmp_path):
    whole = config(method, stores[RATE], stage_one(method, tmp_path))
    whole["stage2"] = {**whole["stage1"], "model": {}}
    run = tmp_path / "run"
    avloc.train_stage1(write_config(tmp_path / "c.yaml", whole), run)
    if method == "dsol":
        avloc.cluster(run=run)
    trained = avloc.train_stage2(run=run)
    left = load_file(next(iter(trained.weights.values())))
    before = torch.load(weights_file(tmp_path), weights_only=True)
    name = next(name for name in left if name.endswith("network.conv_stem.weight"))
    assert torch.equal(left[name], before["conv_stem.weight"])


def test_jittered_norms_are_those_of_networks_at_random_only(tmp_path):
    from avloc.engine.experiment import read_experiment

    path = write_config(tmp_path / "c.yaml", config("hard_way", tmp_path, stage_one("hard_way", tmp_path)))
    localizer = read_experiment(path).build(1)
    before = torch.load(weights_file(tmp_path), weights_only=True)
    assert torch.equal(localizer.visual.network.bn1.weight, before["bn1.weight"])
    assert not torch.equal(localizer.audio.bn1.weight, torch.ones_like(localizer.audio.bn1.weight))


def test_free_groups_of_layers_learn_and_frozen_ones_do_not(stores, tmp_path):
    model = stage_one("ez_vsl", tmp_path, frozen=-1)
    trained = avloc.train_stage1(
        write_config(tmp_path / "c.yaml", config("ez_vsl", stores[RATE], model)), tmp_path / "run"
    )
    left = load_file(trained.weights["train"])
    before = torch.load(weights_file(tmp_path), weights_only=True)
    moved = {
        name
        for name in before
        if name.startswith("blocks") and not torch.equal(before[name], left[f"visual.network.{name}"])
    }
    assert moved and all(name.startswith("blocks.4") for name in moved)
    assert torch.equal(before["bn1.running_mean"], left["visual.network.bn1.running_mean"])


def test_a_second_stage_of_another_standardisation_is_refused(stores, tmp_path):
    whole = config("coarse_to_fine", stores[RATE], stage_one("coarse_to_fine", tmp_path))
    whole["stage2"] = {**whole["stage1"], "model": {"frame": {"size": 32, "crop": False, "mean": [0.5, 0.5, 0.5]}}}
    avloc.train_stage1(write_config(tmp_path / "c.yaml", whole), tmp_path / "run")
    with pytest.raises(avloc.AvlocError, match=r"frame\.mean"):
        avloc.train_stage2(run=tmp_path / "run")
