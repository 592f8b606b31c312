"""The sound input of a method: its view of the waveforms, or the stored spectrograms unchanged."""

from typing import Any

from torch import Generator, Tensor

from avloc.data.spectra import hidden
from avloc.data.waveforms import as_float


def heard(view: Any, stored: Tensor, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
    """Stored sounds (B, S) int16 or (B, T, F) float to the output of the view, and waveforms in [-1, 1] or None."""
    if stored.ndim == 3:
        return as_stored(view, stored, generator), None
    waveform = as_float(stored)
    return view(waveform, generator), waveform


def as_stored(view: Any, stored: Tensor, generator: Generator | None = None) -> Tensor:
    """Stored (B, T, F) to (B, 1, T, F): standardised by the view's `mean` and `std`, and partly hidden in training."""
    log = stored.sub(view.mean).div_(view.std)
    if generator is not None:
        log = hidden(log, view.hide, (2, 1), generator)
    return log.unsqueeze(1)
