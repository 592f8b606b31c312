"""Stores with spectrograms from another program, because their source has no waveforms."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import DataError

_TRAINING = ("shift", "gain", "vary")  # how a view varies the waveform


@dataclass(frozen=True)
class Spectrograms:
    """The form of the spectrograms that a store has instead of waveforms: (times, bands) float32.

    view: the name of the view that computes the same. settings: of that view, as far as they are known; rate in Hz.
    """

    times: int
    bands: int
    view: str
    settings: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": "spectrogram", "times": self.times, "bands": self.bands, "view": self.view,
            "settings": dict(self.settings),
        }  # fmt: skip

    def __str__(self) -> str:
        return _called(self.view, self.settings)

    def refuse(self, place: str, senses: Any, training: bool) -> None:
        """DataError, before anything is read, for a Localizer that cannot train on these, or use them."""
        self.refuse_others(place, senses.sound)
        if training:
            self._refuse_waveforms(place, senses)

    def refuse_others(self, place: str, view: Any) -> None:
        """DataError for a view that computes something else; its later steps (mean, std) may differ."""
        name, own = type(view).__name__, {key: getattr(view, key, None) for key in self.settings}
        other = [key for key, value in self.settings.items() if not _same(key, value, own[key], self.settings)]
        if name != self.view:
            own = {key: value for key, value in vars(view).items() if key not in _TRAINING}
        if name != self.view or other:
            apart = f" (they differ in {', '.join(other)})" if name == self.view else ""
            raise DataError(
                f"{place} holds spectrograms, {self}; this method needs {_called(name, own)}: use a method that "
                f"needs the same{apart}, or prepare a store with sounds"
            )

    def _refuse_waveforms(self, place: str, senses: Any) -> None:
        """DataError for a Localizer that varies the waveform in training, or needs it otherwise."""
        varied = [key for key in _TRAINING if getattr(senses.sound, key, 0)]
        needs = senses.needs
        if varied or needs.waveform or needs.noises:
            what = "on mixed waveforms" if needs.waveform else f"on {needs.noises} sounds of nothing a batch"
            what = f"with sound.{varied[0]}: {getattr(senses.sound, varied[0])}" if varied else what
            off = "null" if varied[:1] == ["vary"] else "0"
            raise DataError(
                f"{place} holds spectrograms, {self}, but this method trains {what}, which takes waveforms: set it to {off}, "
                "or prepare a store with sounds"
            )


def _called(view: str, settings: Mapping[str, Any]) -> str:
    return f"{view}({', '.join(f'{key}={value}' for key, value in settings.items())})"


def _same(key: str, stored: Any, asked: Any, settings: Mapping[str, Any]) -> bool:
    if key == "fmax":  # None is half the rate
        stored, asked = (settings["rate"] / 2 if value is None else value for value in (stored, asked))
    if isinstance(stored, float) and isinstance(asked, int | float):
        return math.isclose(stored, asked, rel_tol=1e-6)
    return stored == asked


def spectrograms_of(settings: Mapping[str, Any]) -> Spectrograms | None:
    """From the settings of a store; None if it has waveforms."""
    sound = settings.get("sound")
    if sound is None:
        return None
    try:
        if sound["kind"] != "spectrogram":
            raise ValueError
        return Spectrograms(int(sound["times"]), int(sound["bands"]), sound["view"], dict(sound["settings"]))
    except (KeyError, TypeError, ValueError):
        raise DataError(f"a store's sound is {sound!r}; expected kind, times, bands, view and settings") from None


def sound_form(settings: Mapping[str, Any]) -> tuple[tuple[int, ...], str]:
    """Shape and type of a clip's sound: (S,) int16, or (T, F) float32."""
    held = spectrograms_of(settings)
    return ((settings["samples"],), "<i2") if held is None else ((held.times, held.bands), "<f4")


def empty_sounds(settings: Mapping[str, Any], count: int) -> NDArray[Any]:
    """An array for the sounds of `count` clips."""
    shape, kind = sound_form(settings)
    return np.empty((count, *shape), kind)
