"""A residual network with its classification head, such as ImageNet's, for whole frames and parts of them."""

from torch import Tensor, nn
from torchvision.ops import roi_align

from avloc.errors import AvlocError
from avloc.nn.encoders import Backbone
from avloc.nn.pretrained import fill, imagenet, read_weights

EXPECTED = "a torchvision state dict of ResNet-18 or 34, such as resnet18-f37072fd.pth"


class Classifier(nn.Module):
    """Frames (B, 3, H, W), standardised, to logits (B, J); its parameters have torchvision's names.

    last_stride: of the last stage, 2 as in ImageNet training; coarse-to-fine uses 1 for proposals.
    """

    def __init__(self, widths: tuple[int, ...], blocks: tuple[int, ...], classes: int, last_stride: int = 2):
        super().__init__()
        self.classes = classes
        self.trunk = Backbone(widths, blocks, (1, *(2,) * (len(widths) - 2), last_stride)).build(3)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, frames: Tensor) -> Tensor:
        return self.fc(self.trunk(frames).mean((2, 3)))

    def of_proposals(self, frames: Tensor, boxes: Tensor, size: int = 6) -> Tensor:
        """Logits (B, R, J) of boxes (B, R, 4), xyxy in [0, 1]: RoIAlign before the last stage, a maximum after it."""
        bottom = self.trunk.bottom(frames)
        h, w = bottom.shape[2:]
        places = list(boxes * boxes.new_tensor([w, h, w, h]))
        parts = roi_align(bottom, places, size, sampling_ratio=-1, aligned=False)
        return self.fc(self.trunk.top(parts).amax((2, 3))).unflatten(0, boxes.shape[:2])


def read_classifier(weights: str, last_stride: int = 2) -> Classifier:
    """The network of a file, or torchvision's download (``imagenet``); widths, depth and classes are inferred from the
    weights.

    AvlocError if they are not available or belong to another network.
    """
    state = read_weights(weights, EXPECTED, {"imagenet": imagenet}, "")
    blocks: list[int] = []
    while f"layer{len(blocks) + 1}.0.conv1.weight" in state:
        stage = f"layer{len(blocks) + 1}"
        blocks.append(len({name.split(".")[1] for name in state if name.startswith(f"{stage}.")}))
    if len(blocks) < 2 or "fc.weight" not in state:
        raise AvlocError(f"weights {weights}: not {EXPECTED} (no stages, or no fc.weight)")
    widths = tuple(len(state[f"layer{number}.0.conv1.weight"]) for number in range(1, len(blocks) + 1))
    network = Classifier(widths, tuple(blocks), len(state["fc.weight"]), last_stride)
    renamed = {name if name.startswith("fc.") else f"trunk.{name}": value for name, value in state.items()}
    own = network.state_dict()
    fill(network, {name: value for name, value in renamed.items() if name in own}, f"weights {weights}")
    return network.eval()
