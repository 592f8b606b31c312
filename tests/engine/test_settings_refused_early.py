"""Settings that would stop a run after its training are refused before it, and by a dry run too."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

import avloc
from avloc.engine import contract
from avloc.engine.experiment import keep_config, open_run
from avloc.engine.validation import refuse_unmeasured
from avloc.errors import AvlocError, ConfigError
from avloc.methods.base import Phase, Train
from tests.engine.tiny import make_tiny_store, tiny_config, tiny_method, write_config


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_tiny_store(tmp_path_factory.mktemp("data") / "store")


def refused(tmp_path, settings, said, **more):
    """By the command and by its dry run, without a trace."""
    config, run = write_config(tmp_path / "c.yaml", settings), tmp_path / "run"
    for dry_run in (True, False):
        with pytest.raises(AvlocError, match=said) as error:
            avloc.run(config, run, dry_run=dry_run, **more)
        assert "\n" not in str(error.value)
        assert not (run / "config.yaml").exists()


def test_a_figure_that_no_epoch_measures_chooses_none(store, tmp_path):
    settings = tiny_method(store, "ez_vsl")
    settings["stage1"]["train"]["select"] = "accuracy"
    refused(
        tmp_path,
        settings,
        r"stage1\.train\.select is 'accuracy', but the validation of phase 'train' measures loss, iou, located; set select to "
        "loss, iou, located or last",
    )


def test_the_overlap_with_boxes_needs_boxes_of_first_frames():
    boxes = SimpleNamespace(sounding=np.array([True, False]), frame=np.array([1, 0]))
    loaders = {"validation": SimpleNamespace(store=SimpleNamespace(boxes=boxes))}
    localizer = SimpleNamespace(phases=lambda train: [Phase("train", lambda batch: {}, [], 1)])
    with pytest.raises(
        AvlocError, match=r"measures loss; use a data\.validation split with sounding boxes in first frames"
    ):
        refuse_unmeasured("stage1.train", localizer, Train(select="iou"), loaders)


def test_a_measure_of_every_phase_can_choose(store, tmp_path):
    settings = tiny_config(store)
    settings["stage1"]["train"]["select"] = "accuracy"
    found = avloc.train_stage1(
        write_config(tmp_path / "c.yaml", settings), tmp_path / "run", set=["stage1.train.epochs=1"]
    )
    assert found.epochs


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("coarse_to_fine", r"stage 1 of coarse_to_fine lacks; set maps: own$"),
        ("see_and_hear", r"stage 1 of see_and_hear lacks; set maps: own$"),
    ],
)
def test_class_maps_of_a_stage_without_features_per_position(store, tmp_path, method, said):
    settings = tiny_method(store, "coarse_to_fine")
    if method == "see_and_hear":
        settings = {"method": method, "seed": 0, "stage1": {}, "evaluate": settings["evaluate"]}
    settings["evaluate"]["solo"]["maps"] = "class"
    refused(
        tmp_path, settings, rf"c\.yaml:\d+: evaluate\.solo\.maps: class maps need features per position, which {said}"
    )


def test_class_maps_of_stage_two_are_those_of_stage_one_at_most(store, tmp_path):
    settings = tiny_config(store)
    settings["evaluate"]["multi"]["maps"] = "class"
    refused(tmp_path, settings, "stage 2 of dsol lacks; set maps: own or stage: 1")


def test_settings_of_stage_two_are_refused_before_stage_one_is_trained(store, tmp_path):
    settings = tiny_config(store)
    settings["stage2"]["train"]["patience"] = 2
    refused(tmp_path, settings, r"stage2\.train\.patience is 2")


def test_networks_whose_maps_differ_in_size(store, tmp_path):
    settings = tiny_method(store, "noprior")
    flow = {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 1]}
    settings["stage1"]["model"] |= {"flow": "frames", "flow_encoder": flow}
    refused(
        tmp_path,
        settings,
        r"c\.yaml:\d+: stage1\.model: NoPrior\.locate: tensors do not fit together at noprior/network\.py:\d+: Expected size "
        r".*; check what differs from the defaults: frame, sound, visual, audio, flow_encoder",
    )


def test_a_network_that_only_the_loss_uses(store, tmp_path):
    settings = tiny_method(store, "coarse_to_fine_original")
    model = settings["stage1"]["model"]
    model["audio"] = {"widths": [8, 8, 8, 8], "hidden": 8, "bands": 32}
    model["sound"] = {**model["sound"], "mels": 32}
    refused(
        tmp_path,
        settings,
        r"StageOne\.loss: tensors do not fit together at .*Kernel size.*; check what differs .*audio",
    )
    # the mended configuration can use the same folder
    assert (
        avloc.train_stage1(
            tmp_path / "c.yaml", tmp_path / "run", set=["stage1.model.audio.bands=64", "stage1.model.sound.mels=64"]
        ).epochs
        == 1
    )


def test_a_run_that_was_there_before_keeps_its_configuration(store, tmp_path, monkeypatch):
    config, run = write_config(tmp_path / "c.yaml", tiny_method(store, "ez_vsl")), tmp_path / "run"

    def refuse(*arguments):
        raise ConfigError("no")

    with monkeypatch.context() as patched:
        patched.setattr(contract, "refuse_terms", refuse)
        keep_config(*open_run(config, run))
        with pytest.raises(AvlocError, match="no"):
            avloc.train_stage1(config, run)
        assert (run / "config.yaml").exists()
        with pytest.raises(AvlocError, match="no"):
            avloc.train_stage1(config, tmp_path / "new")
    assert not list((tmp_path / "new").glob("*.*"))
    assert avloc.train_stage1(config, run).epochs == 1


def test_other_errors_of_pytorch_are_not_about_settings():
    for error in (RuntimeError("CUDA error: no kernel"), torch.OutOfMemoryError("size"), NotImplementedError("size")):
        assert contract.explained(None, "loss", error) is error
