"""Every configuration that comes with avloc is whole, and the published ones say what was published."""

from pathlib import Path

import pytest
import torch

from avloc.data.views import FrameView, LogMel
from avloc.engine.experiment import Experiment, read_experiment
from avloc.methods.dsol.published import AUDIOSET_ONE, AUDIOSET_TWO
from avloc.nn.encoders import Backbone
from avloc.protocols import named

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.yaml"))
PUBLISHED = ("dsol_music", "dsol_music_synthetic", "dsol_music_duet", "dsol_audioset")


def experiment(name: str, *overrides: str) -> Experiment:
    return read_experiment(Path(__file__).parents[1] / "configs" / f"{name}.yaml", overrides)


def model(name: str, stage: int) -> dict:
    """The arguments of a stage, those left out at their defaults."""
    import inspect

    found = experiment(name)
    defaults = inspect.signature(found.localizers[stage - 1]).parameters.items()
    return {key: parameter.default for key, parameter in defaults} | found.stages[stage].model


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_builds_its_localizers(path):
    whole = read_experiment(path)
    assert path.read_text(encoding="utf-8").startswith("# ")
    assert whole.stages
    for number in whole.stages:
        with torch.device("meta"):
            whole.build(number, pretrained=False)  # weights to download are no part of this


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_test_set_has_a_known_protocol_and_a_stage_that_is_there(path):
    whole = read_experiment(path)
    assert whole.evaluate
    for test in whole.evaluate.values():
        named(test.protocol)
        assert (test.stage or len(whole.stages)) in whole.stages


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_training_is_adam_in_full_precision(name):
    for stage in experiment(name).stages.values():
        train = stage.train
        assert (train.optimizer, train.lr, train.weight_decay) == ("adam", 1e-4, 1e-4)
        assert (train.schedule, train.warmup, train.precision) == ("constant", 0, "fp32")
        assert (train.val_transform, train.zero_grad_none, train.select) == ("test", True, "last")


def test_stage_one_on_music_is_as_published():
    arguments, train = model("dsol_music", 1), experiment("dsol_music").stages[1].train
    assert (train.epochs, train.batch_size, train.lr, train.weight_decay) == (15, 32, 1e-4, 1e-4)
    assert arguments["clusters"] == 11
    assert (arguments["init_num"], arguments["class_iter"], arguments["class_lr"]) == (1, 3, 1e-3)
    assert (arguments["mask"], arguments["dilate"], arguments["feature_area"]) == (0.05, True, "map")
    assert (arguments["dim"], arguments["cosine"], arguments["logit_scale"], arguments["logit_bias"]) == (
        128,
        True,
        5.0,
        False,
    )
    assert (arguments["pairs"], arguments["pool"], arguments["mask_top"]) == ("negative", 0.0, None)
    assert (arguments["joint"], arguments["mixtures"], arguments["class_rate"]) == (False, 0.0, 1.0)
    assert arguments["visual"] == Backbone(weights="imagenet")
    assert arguments["audio"] == Backbone((64, 128, 256, 512), (2, 2, 2, 2), (1, 2, 2, 1))
    assert experiment("dsol_music").cluster.as_trained


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_sounds_are_201_by_64_log_mels(name):
    sound = model(name, 1)["sound"]
    assert sound == LogMel(rate=16000, n_fft=160, hop=80, mels=64, power=1.0, decibels=True, top_db=80.0)
    assert (sound.mean, sound.std, sound.shift, sound.gain, sound.hide) == (0, 1, 0, 0, 0)


def test_published_frames_are_cropped_from_256_and_augmented():
    view = FrameView(224, 256, True, True, 0.5, 0.3, 0.3, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert model("dsol_music", 1)["frame"] == view
    assert model("dsol_music_duet", 2)["frame"] == view
    mosaic = model("dsol_music_synthetic", 2)["frame"]
    assert (mosaic.size, mosaic.crop, mosaic.augment) == (224, False, False)


@pytest.mark.parametrize(("name", "epochs"), [("dsol_music_synthetic", 5), ("dsol_music_duet", 1)])
def test_stage_two_on_music_is_as_published_but_for_the_start_of_the_object_maps(name, epochs):
    arguments, train = model(name, 2), experiment(name).stages[2].train
    assert (train.epochs, train.batch_size, train.lr, train.weight_decay) == (epochs, 32, 1e-4, 1e-4)
    assert (arguments["masked"], arguments["object_maps"], arguments["dictionary"]) == (True, "linear", "raw")
    assert (arguments["weight"], arguments["quadrants"], arguments["negative"]) == (0.5, True, "drawn")
    assert (arguments["match"], arguments["match_over"], arguments["match_first"]) == ("kl", "entries", 0)
    assert (arguments["match_scale"], arguments["score_scale"], arguments["teacher_temperature"]) == (1, 1, 1)
    assert arguments["test_temperature"] == 3
    assert arguments["obj_init"] == "positive"


def test_stage_two_starts_from_the_runs_of_the_configurations_before_it():
    synthetic, duet = experiment("dsol_music_synthetic").start, experiment("dsol_music_duet").start
    assert (synthetic.stage1, synthetic.stage2) == (Path("runs/dsol_music"), None)
    assert (duet.stage1, duet.stage2) == (Path("runs/dsol_music"), Path("runs/dsol_music_synthetic"))


@pytest.mark.parametrize("name", ["dsol_music_synthetic", "dsol_music_duet"])
def test_stage_two_knows_the_networks_and_clips_of_its_stage_one(name):
    before, now = experiment("dsol_music").stages[1], experiment(name).stages[1]
    assert now.data == before.data
    ours, theirs = model(name, 1), model("dsol_music", 1)
    assert {**ours, "visual": None} == {**theirs, "visual": None}  # the weights come from the run


def test_audioset_differs_from_music_as_its_released_code_does():
    one, two = model("dsol_audioset", 1), model("dsol_audioset", 2)
    trains = [experiment("dsol_audioset").stages[stage].train for stage in (1, 2)]
    assert [(train.epochs, train.batch_size) for train in trains] == [(2000, 256), (2000, 32)]
    assert (one["clusters"], one["init_num"], one["class_iter"], one["frozen_heads"]) == (13, 11, 3, False)
    assert (one["frame"].mean, one["frame"].std) == (AUDIOSET_ONE["frame"]["mean"], AUDIOSET_ONE["frame"]["std"])
    assert all(one[name] == value for name, value in AUDIOSET_ONE.items() if name != "frame")
    assert all(two[name] == value for name, value in AUDIOSET_TWO.items())
    assert two["match_first"] == 50
    assert one["visual"].weights is None


def test_protocols_are_those_of_the_sets():
    protocols = {name: [test.protocol for test in experiment(name).evaluate.values()] for name in PUBLISHED}
    assert protocols == {
        "dsol_music": ["dsol-solo"],
        "dsol_music_synthetic": ["dsol-synthetic"],
        "dsol_music_duet": ["dsol-duet"],
        "dsol_audioset": ["dsol-solo", "dsol-duet"],
    }


def test_stores_are_where_prepare_writes_them_and_splits_are_the_published_lists():
    music, synthetic, duet = (experiment(name) for name in PUBLISHED[:3])
    assert music.stages[1].data.store == Path("data/music")
    assert synthetic.stages[2].data.store == Path("data/music-synthetic")
    assert (duet.stages[2].data.train, duet.stages[2].data.validation) == ("duet_pairs_train", "duet_pairs_val")
    assert {test.split for whole in (music, synthetic, duet) for test in whole.evaluate.values()} == {
        "solo_testing",
        "test",
        "duet_pairs_val",
    }


def test_a_folder_of_its_name_does_not_hide_a_configuration(tmp_path, monkeypatch):
    from avloc.engine.shipped import config_path

    (tmp_path / "dsol_music").mkdir()
    monkeypatch.chdir(tmp_path)
    assert config_path(Path("dsol_music")).name == "dsol_music.yaml"
