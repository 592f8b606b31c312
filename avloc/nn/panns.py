"""PANNs: CNN14 and MobileNetV2, taggers of AudioSet's 527 classes.

Kong et al., IEEE/ACM TASLP 2020, arXiv 1912.10211; reference qiuqiangkong/audioset_tagging_cnn @d2f4b8c, which has the
same parameter names. Its augmentation of spectrograms is left out.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.views import LogMel
from avloc.nn.pretrained import fill, read_weights
from avloc.nn.tags import Tags

CLASSES = 527
#: log-mel spectrograms of each published file, by the name of the tagger
VIEWS = {
    "cnn14": LogMel(32_000, 1024, 320, 64, 50.0, 14_000.0, power=2.0, top_db=None, pad="reflect"),
    "cnn14_16k": LogMel(16_000, 512, 160, 64, 50.0, 8_000.0, power=2.0, top_db=None, pad="reflect"),
}
VIEWS["mobilenetv2"] = VIEWS["cnn14"]
UNUSED = ("spectrogram_extractor.", "logmel_extractor.")  # constants in their files, which LogMel computes


class PannsNet(nn.Module):
    """Waveforms (B, S) in [-1, 1] to the tags of the whole clip (T = 1).

    kind: ``cnn14``, ``cnn14_16k`` or ``mobilenetv2``. weights: the published file; None starts at random.
    """

    classes = CLASSES

    def __init__(self, kind: str, weights: str | None):
        super().__init__()
        self.view = VIEWS[kind]
        self.rate = self.view.rate
        self.bn0 = nn.BatchNorm2d(self.view.mels)
        self.deep = kind != "mobilenetv2"
        if self.deep:
            widths = (1, 64, 128, 256, 512, 1024, 2048)
            for number in range(1, 7):
                self.add_module(f"conv_block{number}", _Block(widths[number - 1], widths[number]))
            self.fc1 = nn.Linear(2048, 2048)
        else:
            self.features = _mobile()
            self.fc1 = nn.Linear(1280, 1024)
        self.embedding = self.fc1.out_features
        self.fc_audioset = nn.Linear(self.embedding, CLASSES)
        if weights is not None:
            state = read_weights(weights, f"PANNs' published state dict of {kind}", {})
            used = {name: value for name, value in state.items() if not name.startswith(UNUSED)}
            fill(self, used, f"audio weights {weights} for {kind}")

    def forward(self, waveforms: Tensor) -> Tags:
        levels = self.view(waveforms)
        levels = self.bn0(levels.transpose(1, 3)).transpose(1, 3)  # statistics of each band
        places = self._convolved(levels).mean(3)
        vector = places.amax(2) + places.mean(2)
        if self.deep:
            vector = F.dropout(vector, 0.5, self.training)
        embedding = F.relu(self.fc1(vector))
        scores = self.fc_audioset(F.dropout(embedding, 0.5, self.training)).sigmoid()
        return Tags(scores.unsqueeze(1), embedding.unsqueeze(1))

    def _convolved(self, levels: Tensor) -> Tensor:
        if not self.deep:
            return self.features(levels)
        for number in range(1, 7):
            levels = getattr(self, f"conv_block{number}")(levels)
            if number < 6:
                levels = F.avg_pool2d(levels, 2)
            levels = F.dropout(levels, 0.2, self.training)
        return levels


class _Block(nn.Module):
    def __init__(self, before: int, after: int):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn1, self.bn2 = nn.BatchNorm2d(after), nn.BatchNorm2d(after)

    def forward(self, levels: Tensor) -> Tensor:
        return torch.relu(self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(levels))))))


class _Inverted(nn.Module):
    """MobileNetV2's block, with an average pool as its stride."""

    def __init__(self, before: int, after: int, stride: int, expand: int):
        super().__init__()
        self.residual = stride == 1 and before == after
        hidden = before * expand
        wider = [] if expand == 1 else [nn.Conv2d(before, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
        self.conv = nn.Sequential(
            *wider,
            nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden, bias=False), nn.AvgPool2d(stride),
            nn.BatchNorm2d(hidden), nn.ReLU6(),
            nn.Conv2d(hidden, after, 1, bias=False), nn.BatchNorm2d(after),
        )  # fmt: skip

    def forward(self, levels: Tensor) -> Tensor:
        return levels + self.conv(levels) if self.residual else self.conv(levels)


def _mobile() -> nn.Sequential:
    """Expansion, channels, repeats and stride of each group, as published."""
    groups = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 2), (6, 160, 3, 1), (6, 320, 1, 1))
    first = [nn.Conv2d(1, 32, 3, padding=1, bias=False), nn.AvgPool2d(2), nn.BatchNorm2d(32), nn.ReLU6()]
    layers: list[nn.Module] = [nn.Sequential(*first)]
    before = 32
    for expand, channels, repeats, stride in groups:
        for number in range(repeats):
            layers.append(_Inverted(before, channels, stride if number == 0 else 1, expand))
            before = channels
    layers.append(nn.Sequential(nn.Conv2d(before, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()))
    return nn.Sequential(*layers)
