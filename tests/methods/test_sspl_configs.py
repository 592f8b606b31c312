"""What the configurations of SSPL say, against what was published."""

import inspect
import re
from pathlib import Path

import pytest
import torch

from avloc.engine.experiment import Experiment, read_experiment
from avloc.errors import AvlocError
from avloc.methods.sspl import Sspl
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish

CONFIGS = Path(__file__).parents[2] / "configs"
PUBLISHED = ("sspl_flickr_10k", "sspl_flickr_144k", "sspl_vggsound_10k", "sspl_vggsound_144k")
SYNTHETIC = ("sspl_synthetic", "sspl_synthetic_no_pcm")


def experiment(name: str, *overrides: str) -> Experiment:
    return read_experiment(CONFIGS / f"{name}.yaml", overrides)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_hyper_parameters(name):
    stage = experiment(name).stages[1]
    model, train = stage.model, stage.train
    assert (train.epochs, train.batch_size, train.lr, train.weight_decay) == (20, 256, 2e-5, 1e-4)
    assert (train.optimizer, train.schedule, train.warmup, train.precision) == ("adamw", "constant", 0, "fp32")
    assert (model["pcm_cycles"], model["pcm_lr"], model["head_lr"]) == (4, 2e-5, 5e-5)
    assert model["visual"] == Vgg(weights="imagenet")
    assert model["audio"] == Vggish(weights="data/vggish-10086976.pth")
    rest = set(model) - {"visual", "audio", "pcm_cycles", "pcm_lr", "head_lr"}
    assert not rest  # all else, the views too, is as published by default
    assert (train.select, stage.data.select_on_test) == ("last", False)
    assert [test.protocol for test in experiment(name).evaluate.values()] == ["sspl"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_what_the_comments_say_to_set_can_be_set(name):
    text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    stage = experiment(name, *re.findall(r"--set (\S+)", text)).stages[1]
    assert (stage.model["pcm_cycles"], stage.train.lr, stage.model["head_lr"], stage.train.epochs) == (
        0,
        5e-4,
        2e-3,
        100,
    )
    assert stage.data.select_on_test and stage.train.select == "located"
    assert [test.split for test in experiment(name).evaluate.values()] == [stage.data.validation]


def test_a_missing_file_of_vggish_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AvlocError, match=r"^weights data/vggish-10086976.pth: no such file; give torchvggish's[^\n]*$"):
        experiment("sspl_flickr_10k", "stage1.model.visual={widths: [2], blocks: [1]}").build(1)


def test_the_synthetic_configurations_differ_in_predictive_coding_alone():
    with_coding, without = (experiment(name).stages[1] for name in SYNTHETIC)
    differing = {key for key in with_coding.model if with_coding.model[key] != without.model.get(key)}
    assert differing == {"pcm_cycles", "warm_up_pcm", "pcm_lr"}
    assert with_coding.data == without.data and with_coding.train.lr == without.train.lr
    tested = {test.split for name in SYNTHETIC for test in experiment(name).evaluate.values()}
    assert tested.isdisjoint({with_coding.data.train, with_coding.data.validation})


@pytest.mark.parametrize("name", SYNTHETIC)
def test_every_departure_of_the_synthetic_configurations_is_said(name):
    text = (CONFIGS / f"{name}.yaml").read_text(encoding="utf-8")
    defaults = {key: parameter.default for key, parameter in inspect.signature(Sspl).parameters.items()}
    for key, value in experiment(name).stages[1].model.items():
        line = next(line for line in text.splitlines() if line.strip().startswith(f"{key}:"))
        told = "# paper" in line or key in ("pcm_cycles", "warm_up_lr", "pcm_lr", "head_lr")
        assert told or value == defaults[key], line


@pytest.mark.parametrize("name", SYNTHETIC)
def test_the_synthetic_grid_suits_predictive_coding(name):
    one = experiment(name, "stage1.model.pcm_cycles=1").build(1).eval()
    with torch.no_grad():
        features = one.visual(torch.zeros(1, 3, one.frame.size, one.frame.size))
        assert features.shape[2:] == (10, 10)
        assert one.pcm is not None and one.pcm(features, torch.zeros(1, 64)).shape == features.shape
