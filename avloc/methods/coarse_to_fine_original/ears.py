"""The sound's network: MobileCRNN as published, or a pretrained tagger with a recurrent layer and a classifier behind it."""

from typing import Any

from torch import Tensor, nn

from avloc.nn.encoders import refuse_waveform
from avloc.nn.mobile_crnn import SMALLEST, Heard, MobileCrnn, MobileCrnnNet, linear_softmax
from avloc.nn.tagger import Tagger

STEPS = 4  # that the matching head's pools need at least


class TaggerSteps(nn.Module):
    """A tagger in the place of MobileCRNN's convolutions; what follows them is new and trained. Ours.

    `features` are (B, D, T, 2): the vectors of the windows, repeated until there are 4 or more, and alike in both bands,
    for the matching head expects some times and two bands.
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
