import pytest
import torch
from torch.nn import functional as F
from torchvision.models import resnet18
from torchvision.ops import roi_align

from avloc.errors import AvlocError
from avloc.nn.classifier import Classifier, read_classifier


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(len(shape)))


def test_torchvisions_resnet_18_gives_its_own_logits(tmp_path):
    torch.manual_seed(0)
    theirs = resnet18(num_classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "r.pth")
    network = read_classifier(str(tmp_path / "r.pth"))
    frames = noise(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(network(frames), theirs(frames), rtol=1e-4, atol=1e-5)
        whole = torch.tensor([[[0.0, 0, 1, 1]]]).expand(2, 3, 4)
        dense = read_classifier(str(tmp_path / "r.pth"), last_stride=1)
        found = dense.of_proposals(frames, whole)
        theirs.layer4[0].conv1.stride = theirs.layer4[0].downsample[0].stride = (1, 1)
        stem = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(frames))))
        bottom = theirs.layer3(theirs.layer2(theirs.layer1(stem)))
        parts = roi_align(bottom, [torch.tensor([[0.0, 0, 64, 64]])] * 2, 6, spatial_scale=1 / 16)
        expected = theirs.fc(F.adaptive_max_pool2d(theirs.layer4(parts), 1).flatten(1))
    assert found.shape == (2, 3, 5)
    torch.testing.assert_close(found, expected[:, None].expand(-1, 3, -1), rtol=1e-4, atol=1e-5)


def test_a_proposal_sees_its_own_part(tmp_path):
    torch.manual_seed(0)
    network = Classifier((4, 6, 8), (1, 1, 1), 5, last_stride=1).eval()
    frames = torch.zeros(1, 3, 64, 64)
    frames[:, :, :, 40:] = noise(1, 3, 64, 24)
    boxes = torch.tensor([[[0.0, 0, 0.3, 0.5], [0.0, 0.5, 0.3, 1], [0.7, 0, 1, 1]]])
    with torch.no_grad():
        left, below, right = network.of_proposals(frames, boxes)[0]
    assert (left - below).abs().max() < (left - right).abs().max() / 3


def test_what_is_no_classifier_is_one_line(tmp_path):
    for name, state, words in (
        (
            "none",
            None,
            "no such file; give a torchvision state dict of ResNet-18 or 34, such as resnet18-f37072fd.pth$",
        ),
        ("other", {"conv1.weight": torch.zeros(1)}, "no stages, or no fc.weight"),
    ):
        if state is not None:
            torch.save(state, tmp_path / name)
        with pytest.raises(AvlocError, match=words) as refused:
            read_classifier(str(tmp_path / name))
        assert "\n" not in str(refused.value)
    state = Classifier((4, 6), (1, 1), 5).state_dict()
    state = {name.removeprefix("trunk."): value for name, value in state.items()}
    torch.save({**state, "conv1.weight": torch.zeros(4, 1, 7, 7)}, tmp_path / "grey")
    with pytest.raises(AvlocError, match=r"trunk.conv1.weight is \(4, 1, 7, 7\); expected \(4, 3, 7, 7\)"):
        read_classifier(str(tmp_path / "grey"))


def test_imagenet_offline_is_one_line(monkeypatch):
    def offline(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", offline)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", offline)
    with pytest.raises(
        AvlocError, match=r"imagenet: could not be downloaded \(no network\); give the path of a torchvi"
    ):
        read_classifier("imagenet")
