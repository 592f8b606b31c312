import pytest
import torch
from torchvision.models import vgg16

from avloc.errors import AvlocError
from avloc.nn.vgg import Vgg

NARROW = Vgg(widths=(4, 6), blocks=(1, 2))


def test_it_is_torchvisions_vgg16_up_to_its_last_convolution_with_its_names():
    with torch.device("meta"):
        ours, theirs = Vgg().build(), vgg16()
    shapes = {name: value.shape for name, value in ours.state_dict().items()}
    expected = {f"features.{name}": value.shape for name, value in theirs.features[:29].state_dict().items()}
    assert shapes == expected
    assert sum(parameter.numel() for parameter in ours.parameters()) == 14_714_688


def test_a_frame_of_224_px_becomes_14_by_14_places_with_values_of_either_sign():
    encoder = Vgg(widths=(2, 2, 2, 2, 3), blocks=(1, 1, 1, 1, 1)).build()
    features = encoder(torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    assert features.shape == (2, 3, 14, 14) and encoder.channels == 3
    assert features.min() < 0 < features.max()


def test_with_norms_every_convolution_is_followed_by_one():
    layers = [type(layer).__name__ for layer in Vgg((4, 6), (1, 2), norms=True).build().features]
    block = ["Conv2d", "BatchNorm2d", "ReLU"]
    assert layers == [*block, "MaxPool2d", *block, "Conv2d", "BatchNorm2d"]


@pytest.mark.parametrize("prefix", ["features.", "feat_extractor.", "module.feat_extractor."])
def test_weights_come_from_a_file_of_torchvision_or_of_the_authors(tmp_path, prefix):
    state = NARROW.build().state_dict()
    named = {prefix + name.removeprefix("features."): value for name, value in state.items()}
    torch.save({**named, "classifier.0.weight": torch.zeros(3)}, tmp_path / "vgg.pth")
    loaded = Vgg(NARROW.widths, NARROW.blocks, weights=str(tmp_path / "vgg.pth")).build()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_weights_that_are_not_there_or_do_not_fit_are_one_line(tmp_path):
    with pytest.raises(
        AvlocError,
        match=r"^weights \S*none.pth: no such file; give a VGG16 state dict, or the folder of a run[^\n]*, or null[^\n]*$",
    ):
        Vgg(weights=str(tmp_path / "none.pth")).build()
    (tmp_path / "text.pth").write_text("no weights")
    with pytest.raises(AvlocError, match=r"^weights \S*text.pth: not a VGG16 state dict[^\n]*$"):
        Vgg(weights=str(tmp_path / "text.pth")).build()
    torch.save({f"features.{name}": value for name, value in vgg_state().items()}, tmp_path / "wide.pth")
    with pytest.raises(AvlocError, match=r"features.0.weight is \(5, 3, 3, 3\); expected \(4, 3, 3, 3\)[^\n]*$"):
        Vgg(NARROW.widths, NARROW.blocks, weights=str(tmp_path / "wide.pth")).build()


def vgg_state() -> dict[str, torch.Tensor]:
    return dict(Vgg(widths=(5, 6), blocks=(1, 2)).build().features.state_dict())


def test_a_download_that_fails_names_the_way_out(monkeypatch):
    from torchvision.models import VGG16_Weights

    def refuse(*_arguments, **_keywords):
        raise OSError("no route to host")

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", refuse)
    with pytest.raises(
        AvlocError, match=r"^weights imagenet: could not be downloaded \(no route to host\); give the path"
    ):
        Vgg(weights="imagenet").build()


def test_as_many_widths_as_blocks_are_needed():
    with pytest.raises(AvlocError, match="visual: 2 widths and 1 blocks; give one of each"):
        Vgg(widths=(4, 6), blocks=(1,)).build()
