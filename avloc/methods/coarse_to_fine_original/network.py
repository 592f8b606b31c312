"""Both streams: the sound's network, the encoder of frames and the head that matches them."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock
from torchvision.ops import roi_align

from avloc.errors import AvlocError
from avloc.nn.encoders import Backbone, ResNet, refuse_waveform
from avloc.nn.mobile_crnn import SMALLEST, Heard, MobileCrnn, MobileCrnnNet, linear_softmax
from avloc.nn.senses import Eyes
from avloc.nn.tagger import Tagger

STEPS = 4  # the smallest size for the matching head's pools


class TaggerSteps(nn.Module):
    """A tagger instead of MobileCRNN's convolutions; the layers after it are new and trained. Ours.

    `features` are (B, D, T, 2): the vectors of the windows, repeated until there are at least 4, and equal in both
    bands, because the matching head expects several times and two bands.
    """

    def __init__(self, encoder: Any, classes: int, hidden: int = 128):
        super().__init__()
        self.encoder, self.channels = encoder, encoder.channels
        self.gru = nn.GRU(encoder.channels, hidden, batch_first=True, bidirectional=True)
        self.outputlayer = nn.Linear(2 * hidden, classes)

    def features(self, sounds: Tensor) -> Tensor:
        heard = self.encoder(sounds)
        return heard.repeat_interleave(-(-STEPS // heard.shape[2]), 2).expand(-1, -1, -1, 2)

    def rest(self, features: Tensor) -> Heard:
        """(B, D, T, 2) to probabilities of each step and of the clip."""
        series = features.mean(3).transpose(1, 2).float()
        steps = self.outputlayer(self.gru(series)[0]).float().sigmoid().clamp(SMALLEST, 1)
        return Heard(steps, linear_softmax(steps).clamp(SMALLEST, 1))


def build_ears(audio: MobileCrnn | Tagger, classes: int, view: Any) -> MobileCrnnNet | TaggerSteps:
    if isinstance(audio, Tagger):
        return TaggerSteps(audio.build(1, view), classes)
    refuse_waveform(view)
    return audio.build(classes)


class TimmTrunk(nn.Module):
    """A complete backbone of timm, followed by a residual block of its width in place of the published network's last
    stage.

    There is no uniform way to cut timm's networks, and a frozen one should stay complete; so this block, which starts
    at random, is what the paper copies for matching (layer5) and applies to parts of frames. Ours.
    """

    stages = ("last",)

    def __init__(self, encoder: Any):
        super().__init__()
        self.encoder, self.channels = encoder, encoder.channels
        self.last = BasicBlock(encoder.channels, encoder.channels)

    def bottom(self, frames: Tensor) -> Tensor:
        return self.encoder(frames)

    def top(self, features: Tensor) -> Tensor:
        return self.last(features)


def build_trunk(visual: Eyes, view: Any) -> ResNet | TimmTrunk:
    """AvlocError for a projection, because layer5 has none."""
    if visual.project is not None:
        raise AvlocError(f"visual.project is {visual.project}; layer5 has no projection: leave it out")
    return visual.build(3, view) if isinstance(visual, Backbone) else TimmTrunk(visual.build(3, view))


class Sight(NamedTuple):
    """For n frames. bottom: (n, D3, h, w), input of both last stages. top: (n, D, h, w), of the classifier.

    logits: (n, C), categories. matched: (n, D, h, w), of `layer5`, for matching and alignment.
    """

    bottom: Tensor
    top: Tensor
    logits: Tensor
    matched: Tensor


class Hearing(NamedTuple):
    """For B sounds. features: (B, D, T', F'). steps: (B, T', C), probabilities over time. likely: (B, C), of the clip."""

    features: Tensor
    steps: Tensor
    likely: Tensor


class VisualNet(nn.Module):
    """A ResNet with a classifier, and its last stage once more: `layer5` starts as a copy of pretrained weights, else
    separately at random. view: the FrameView of its frames.
    """

    def __init__(self, backbone: Eyes, classes: int, view: Any = None):
        super().__init__()
        self.trunk = build_trunk(backbone, view)
        self.channels = self.trunk.channels
        other = build_trunk(backbone, view)
        self.layer5 = getattr(other, other.stages[-1])
        self.fc = nn.Linear(self.channels, classes)

    def forward(self, frames: Tensor) -> Sight:
        bottom = self.trunk.bottom(frames)
        top = self.trunk.top(bottom)
        return Sight(bottom, top, self.fc(top.mean((2, 3))).float(), self.layer5(bottom).float())

    def of_proposals(self, bottom: Tensor, boxes: Tensor, size: int = 6) -> Tensor:
        """Logits (n, R, C) of proposals (n, R, 4), xyxy in [0, 1]: RoIAlign, last stage, maximum over the places."""
        h, w = bottom.shape[2:]
        scale = boxes.new_tensor([w, h, w, h])
        parts = roi_align(bottom.float(), list(boxes * scale), size, sampling_ratio=-1, aligned=False)
        logits = self.fc(self.trunk.top(parts).amax((2, 3))).float()
        return logits.unflatten(0, boxes.shape[:2])

    def activation(self, top: Tensor) -> Tensor:
        """Class activation maps (n, C, h, w) of `Sight.top`, with signs and without the classifier's bias."""
        return torch.einsum("cd,ndhw->nchw", self.fc.weight, top.float())


class MatchHead(nn.Module):
    """Sound features go through `temp_conv`, frames through `layer5`; the parameters have the published names.

    dim: of the alignment's space and of the hidden layer of `discrim`.
    """

    def __init__(self, heard: int, seen: int, dim: int = 128):
        super().__init__()
        self.temp_conv = nn.Sequential(
            nn.Conv2d(heard, heard, (3, 1), dilation=(2, 1), padding=(2, 0), bias=False),
            nn.BatchNorm2d(heard), nn.MaxPool2d((2, 1)), nn.ReLU(),
            nn.Conv2d(heard, heard, (1, 2), stride=(1, 2), bias=False), nn.BatchNorm2d(heard), nn.ReLU(),
            nn.Conv2d(heard, heard, (3, 1), padding=(1, 0), bias=False),
            nn.BatchNorm2d(heard), nn.MaxPool2d((2, 1)), nn.ReLU(),
        )  # fmt: skip
        self.discrim = nn.Sequential(nn.Linear(heard + seen, dim), nn.ReLU(), nn.Linear(dim, 2))
        self.transform_a, self.transform_v = _transform(heard, dim), _transform(seen, dim)

    def sounds(self, features: Tensor, frames: int, over_time: bool) -> Tensor:
        """One sound vector for each frame, (B, frames, D): from the frame's part of the time, or from all of it."""
        heard = self.temp_conv(features).float()
        if over_time:
            return nn.functional.adaptive_max_pool2d(heard, (frames, 1)).squeeze(3).transpose(1, 2)
        return heard.amax((2, 3)).unsqueeze(1).expand(-1, frames, -1)

    def forward(self, sounds: Tensor, sights: Tensor) -> Tensor:
        """Logits (..., 2) of vectors (..., D): the second means that they match."""
        return self.discrim(torch.cat([sounds, sights], dim=-1)).float()


class Streams(nn.Module):
    def __init__(
        self, classes: int, visual: Eyes, audio: MobileCrnn | Tagger, dim: int, frame: Any = None, sound: Any = None
    ):
        super().__init__()
        self.visual = VisualNet(visual, classes, frame)
        self.audio = build_ears(audio, classes, sound)
        self.match = MatchHead(self.audio.channels, self.visual.channels, dim)

    def encoders(self) -> tuple[nn.Module | None, nn.Module | None]:
        """The pretrained encoders of frames and sounds of other kinds than published, if any."""
        trunk = self.visual.trunk
        eyes = trunk.encoder if isinstance(trunk, TimmTrunk) else None
        return eyes, self.audio.encoder if isinstance(self.audio, TaggerSteps) else None

    def hear(self, sounds: Tensor) -> Hearing:
        features = self.audio.features(sounds).float()
        return Hearing(features, *self.audio.rest(features))

    def stem(self) -> list[nn.Module]:
        """The part that the authors keep unchanged: the first layers of both encoders."""
        trunk = self.visual.trunk
        seen = [] if isinstance(trunk, TimmTrunk) else [trunk.conv1, trunk.bn1, getattr(trunk, trunk.stages[0])]
        heard = [] if isinstance(self.audio, TaggerSteps) else [self.audio.features[0]]
        return [*seen, *heard]  # pretrained encoders of other kinds decide themselves which of their layers are frozen

    def heads(self) -> list[nn.Module]:
        """The new layers besides the encoders, and `layer5`."""
        last: list[nn.Module] = [self.visual.trunk.last] if isinstance(self.visual.trunk, TimmTrunk) else []
        if isinstance(self.audio, TaggerSteps):
            last.append(self.audio.gru)
        return [self.match, self.visual.layer5, self.visual.fc, self.audio.outputlayer, *last]

    def groups(self, whole: nn.Module, rate: float, slower: float) -> list[dict[str, Any]]:
        """Trained parameters of `whole`, which contains these streams; those of the encoders at `slower` times the rate."""
        own = {id(parameter) for part in self.heads() for parameter in part.parameters()}
        fast: list[nn.Parameter] = []
        slow: list[nn.Parameter] = []
        for parameter in whole.parameters():
            if parameter.requires_grad:
                (fast if slower == 1 or id(parameter) in own else slow).append(parameter)
        found: list[dict[str, Any]] = [{"params": fast}, {"params": slow, "lr": rate * slower}]
        return [group for group in found if group["params"]]

    def fix_statistics(self) -> None:
        """Batch norms keep their statistics except for those of `layer5` and of the matching head, as in the authors'
        training.
        """
        self.eval()
        self.visual.layer5.train()
        if isinstance(self.visual.trunk, TimmTrunk):
            self.visual.trunk.last.train()
        self.match.train()
        self.audio.gru.train()


def _transform(channels: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(channels, dim), nn.ReLU(), nn.Linear(dim, dim), nn.BatchNorm1d(dim))
