"""A pretrained audio tagger as a sound encoder: its input is the waveform, and its tags serve as features."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.nn.panns import PannsNet
from avloc.nn.tags import Tags
from avloc.nn.vggish_tagger import VggishTagger
from avloc.nn.yamnet import YamnetNet
from avloc.ranges import Channels

Name = Literal["yamnet", "cnn14", "cnn14_16k", "mobilenetv2", "vggish"]
LEAST_ODDS = math.log(1e-4 / (1 - 1e-4))  # the smallest score that counts
SMALLEST = 1e-4  # the smallest score whose log-odds are used: YAMNet's background is below it, so silence stays quiet


@dataclass(frozen=True)
class Tagger:
    """A pretrained tagger instead of a method's sound encoder; `sound` is then ``{waveform: RATE}``.

    tagger: ``yamnet`` (16 kHz, 521 classes of AudioSet), PANNs' ``cnn14`` and ``mobilenetv2`` (32 kHz, 527 classes) and
    ``cnn14_16k``, or ``vggish`` (16 kHz, an embedding only).
    weights: a file, or a name that `avloc weights` lists; the default is the tagger's own official file. None starts at
    random.
    frozen: no gradients, statistics and dropout as in evaluation. YAMNet cannot be trained.
    output: the ``scores``, their ``logits`` (log-odds of scores of at least 0.0001), their ``levels`` (log-odds above
    those of the smallest score: 0 for what is not heard), or the ``embedding``.
    windows: YAMNet uses windows of 0.975 s every 0.48 s and VGGish windows of 0.96 s; take their ``mean`` or ``max``,
    or keep ``each`` as a separate time. The others use the whole clip.
    project: channels of a last linear layer without bias, which is always trained; None: none.
    """

    __pydantic_config__ = {"extra": "forbid"}

    tagger: Name
    weights: str | None = "official"
    frozen: bool = True
    output: Literal["scores", "logits", "levels", "embedding"] = "scores"
    windows: Literal["mean", "max", "each"] = "mean"
    project: Channels | None = None

    def build(self, channels: int = 1, view: Any = None) -> "TaggerNet":
        """An encoder of waveforms (B, S); AvlocError if weights or settings do not fit. view: the sound view of its input."""
        weights = self.tagger if self.weights == "official" else self.weights
        network: Any
        if self.tagger == "yamnet":
            if not self.frozen:
                raise AvlocError(
                    "audio.frozen is false, but YAMNet is TensorFlow Lite and cannot be trained: set it to true"
                )
            network = YamnetNet(weights)
        elif self.tagger == "vggish":
            network = VggishTagger(weights)
        else:
            network = PannsNet(self.tagger, weights)
        if view is not None and not hasattr(view, "waveform"):
            raise AvlocError(
                f"audio.tagger {self.tagger} needs waveforms, not the spectrograms of this sound: set model.sound to "
                f"{{waveform: {network.rate}}}"
            )
        if view is not None and view.rate != network.rate:
            raise AvlocError(
                f"sound.waveform is {view.rate} Hz, but {self.tagger} needs {network.rate} Hz: set it to {network.rate}"
            )
        if self.output != "embedding" and not network.classes:
            raise AvlocError(f"audio.output is {self.output!r}, but {self.tagger} has no classes: set it to embedding")
        return TaggerNet(network, self, weights is not None)


class TaggerNet(nn.Module):
    """Waveforms (B, S) to features (B, channels, T, 1), one vector per window (T = 1 unless `windows` is ``each``).

    Cached features, (B, kept_channels, T, 1), are used unchanged and only projected.
    """

    def __init__(self, network: Any, settings: Tagger, pretrained: bool):
        super().__init__()
        self.network, self.pretrained, self.frozen = network, pretrained, settings.frozen
        self.output, self.windows = settings.output, settings.windows
        self.kept_channels = network.embedding if settings.output == "embedding" else network.classes
        self.channels = self.kept_channels if settings.project is None else settings.project
        self.project: nn.Module = (
            nn.Identity()
            if settings.project is None
            else nn.Conv2d(self.kept_channels, settings.project, 1, bias=False)
        )
        self.signature = f"{settings.tagger}, {settings.output}, {settings.windows}"
        if self.frozen:
            self.network.requires_grad_(False)

    @property
    def keeps(self) -> bool:
        """Whether `features` are the same in every epoch."""
        return self.frozen

    def kept_state(self) -> dict[str, Tensor]:
        """The weights that `features` depend on."""
        return self.network.state_dict()

    @property
    def dim(self) -> int:
        return self.channels

    def train(self, mode: bool = True) -> "TaggerNet":
        super().train(mode)
        if self.frozen:
            self.network.eval()
        return self

    def forward(self, sound: Tensor) -> Tensor:
        return self.project(self.features(sound))

    def features(self, sound: Tensor) -> Tensor:
        """(B, kept_channels, T, 1), before the projection."""
        if sound.ndim == 4:
            return sound
        heard = self._chosen(self.tags(sound))
        if self.windows != "each":
            heard = heard.mean(1, keepdim=True) if self.windows == "mean" else heard.amax(1, keepdim=True)
        return heard.transpose(1, 2).unsqueeze(3)

    def tags(self, sound: Tensor) -> Tags:
        """The tagger's output for waveforms (B, S)."""
        if not self.frozen:
            return self.network(sound)
        with torch.no_grad(), torch.autocast(sound.device.type, enabled=False):
            return self.network(sound.float())

    def _chosen(self, tags: Tags) -> Tensor:
        if self.output == "embedding":
            if tags.embedding is None:
                raise AvlocError(
                    "audio.output is 'embedding', but this file of YAMNet gives scores only; set it to scores or "
                    "logits, or give a file with the embedding"
                )
            return tags.embedding
        assert tags.scores is not None
        if self.output == "scores":
            return tags.scores
        likely = tags.scores.clamp(SMALLEST, 1 - SMALLEST)
        odds = torch.log(likely / (1 - likely))
        # most classes are not heard: as logits they would be one large constant shared by all sounds, and training would stall
        return odds if self.output == "logits" else odds - LEAST_ODDS
