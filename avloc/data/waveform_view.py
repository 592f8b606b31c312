"""The waveform itself as a view, for networks that compute their own spectrogram."""

from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from avloc.data.sound_variation import Variation
from avloc.data.waveforms import as_float, excerpt, varied
from avloc.ranges import Decibels, Hertz, Seconds, Shift


@dataclass(frozen=True)
class Waveform:
    """Waveforms (B, S) to the used samples, (B, S') float in [-1, 1].

    waveform: the sampling rate in Hz, which must be that of the store; None accepts any rate, and uses all of the
    sound.
    seconds: how much of each clip is used; a shorter clip is repeated first; None uses all of it.
    part: which part of a longer clip is used.
    shift, gain, vary: see LogMel.
    """

    __pydantic_config__ = {"extra": "forbid"}

    waveform: Hertz | None
    seconds: Seconds | None = None
    part: Literal["middle", "first"] = "middle"
    shift: Shift = 0.0
    gain: Decibels = 0.0
    vary: Variation | None = None

    def __post_init__(self) -> None:
        if self.waveform is None and (self.seconds or self.shift or self.gain or self.vary):
            raise ValueError(
                "waveform is null, which hears all of any sound; name its rate to set seconds, shift, gain or vary"
            )

    @property
    def rate(self) -> int | None:
        return self.waveform

    @property
    def random(self) -> bool:
        """Whether training hears a clip differently each time."""
        return bool(self.shift or self.gain or self.vary)

    def __call__(self, waveforms: Tensor, generator: Generator | None = None) -> Tensor:
        """Waveforms are int16, or float in [-1, 1]; with a generator, the training view; with None, the test view."""
        if self.rate is None:
            return as_float(waveforms)
        if generator is not None:
            waveforms = varied(waveforms, self.rate, self.shift, self.gain, generator, self.vary)
        if self.seconds is not None:
            waveforms = excerpt(waveforms, int(self.seconds * self.rate), self.part)
        return as_float(waveforms)
