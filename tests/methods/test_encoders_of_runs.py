"""An encoder can start from that of another run: of any method, by the run's folder or its weights file."""

from pathlib import Path

import pytest
import torch

from avloc.engine.checkpoints import save_weights
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.methods.noprior import NoPrior
from avloc.nn.encoders import Backbone
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish
from tests.methods.test_contract import SMALL, stage

WITH_A_RESNET = [
    "hard_way",
    "ez_vsl",
    "slavc",
    "fnac",
    "ssl_alignment",
    "noprior",
    "visual_context",
    "dsol",
    "coarse_to_fine",
]


def run_of(localizer: Localizer, folder: Path, method: str = "hard_way", phase: str = "train") -> Path:
    """A folder that holds the weights as a run does."""
    save_weights(localizer, folder / "stage1" / f"{phase}.safetensors", method=method, stage=1)
    return folder


def encoders_of(localizer: Localizer) -> tuple[torch.nn.Module, torch.nn.Module]:
    both = getattr(localizer, "streams", getattr(localizer, "online", localizer))
    return both.visual, both.audio


def changed(localizer: Localizer) -> Localizer:
    """As if it had been trained: no value is that of a fresh network, nor that of a copy within it."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for value in localizer.state_dict().values():
            if value.is_floating_point():
                value.add_(torch.rand(value.shape, generator=generator))
    return localizer


def backbone(run: object, **more: object) -> Backbone:
    return Backbone(SMALL.widths, SMALL.blocks, SMALL.strides, weights=str(run), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", WITH_A_RESNET)
def test_both_encoders_of_a_run_of_any_method_can_be_taken(method, tmp_path):
    trained = changed(stage(method, 1))
    run = run_of(trained, tmp_path / "run", method)
    for channels, expected in zip((3, 1), encoders_of(trained), strict=True):
        for place in (run, run / "stage1" / "train.safetensors"):
            encoder = backbone(place).build(channels)
            assert encoder.pretrained
            for name, value in expected.state_dict().items():
                assert torch.equal(encoder.state_dict()[name], value), name


@pytest.mark.parametrize(("kind", "part"), [(Vgg, 0), (Vggish, 1)])
def test_encoders_of_sspl_too(kind, part, tmp_path):
    trained = changed(stage("sspl", 1))
    run = run_of(trained, tmp_path / "run", "sspl")
    encoder = kind(widths=(8, 16), blocks=(1, 1), weights=str(run)).build()
    for name, value in encoders_of(trained)[part].state_dict().items():
        assert torch.equal(encoder.state_dict()[name], value), name


def test_a_projection_comes_with_the_encoder_if_both_have_one(tmp_path):
    with_one = changed(NoPrior(visual=backbone_of(6), audio=backbone_of(6), flow="none"))
    run = run_of(with_one, tmp_path / "run")
    taken = backbone(run, project=6).build(3)
    assert torch.equal(taken.project.weight, with_one.visual.project.weight) and taken.channels == 6
    assert backbone(run).build(3).channels == 16
    with pytest.raises(AvlocError, match="from 16 to 6 channels, this one from 16 to 5: set project to 6"):
        backbone(run, project=5).build(3)
    fresh = backbone(run_of(changed(stage("hard_way", 1)), tmp_path / "without"), project=5).build(3)
    assert fresh.project.weight.abs().max() < 1  # no value of the run's


def backbone_of(project: int) -> Backbone:
    return Backbone(SMALL.widths, SMALL.blocks, SMALL.strides, project=project)


def test_a_backbone_of_timm_comes_with_its_projection(tmp_path):
    pytest.importorskip("timm", reason="timm is not installed")
    from avloc.data.views import FrameView
    from avloc.methods.ez_vsl import EzVsl
    from avloc.nn.timm_encoder import Timm

    view = FrameView(size=32, resize=32)
    eyes = Timm("test_efficientnet", weights=None, output_stride=16, frozen=False, project=8)
    trained = changed(EzVsl(frame=view, visual=eyes, audio=SMALL, dim=8))
    run = run_of(trained, tmp_path / "run", "ez_vsl")
    taken = Timm("test_efficientnet", weights=str(run), output_stride=16, project=8).build(3, view)
    for name, value in trained.visual.state_dict().items():
        assert torch.equal(taken.state_dict()[name], value), name


def test_a_run_without_such_an_encoder_is_refused_in_a_line(tmp_path):
    trained = stage("hard_way", 1)
    run = run_of(trained, tmp_path / "run")
    (tmp_path / "empty").mkdir()
    several = run_of(trained, run_of(trained, tmp_path / "several"), phase="warmup")
    damaged = run_of(trained, tmp_path / "damaged")
    file = damaged / "stage1" / "train.safetensors"
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(bytes(content))
    cases = [
        (tmp_path / "empty", "no trained stage 1 in this folder; `avloc train-stage1 --run .*empty` trains it"),
        (several, r"weights of several phases; give one of .*train\.safetensors, .*warmup\.safetensors"),
        (damaged, "checksum"),
        (tmp_path / "nowhere", "no such file; give a ResNet-18 state dict.*, or the folder of a run of avloc"),
    ]
    for place, said in cases:
        with pytest.raises(AvlocError, match=said) as refused:
            backbone(place).build(3)
        assert "\n" not in str(refused.value)
    with pytest.raises(AvlocError, match="do not fit this backbone"):
        Backbone((8, 32), (1, 1), (1, 2), weights=str(run)).build(3)
    with pytest.raises(AvlocError, match="are for another network"):
        Vgg((8, 16), (1, 1), weights=str(run)).build()
