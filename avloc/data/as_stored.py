"""What a view makes of a spectrogram that is there already: itself, but for what the view does afterwards."""

from typing import Any

from torch import Generator, Tensor

from avloc.data.spectra import hidden


def as_stored(view: Any, stored: Tensor, generator: Generator | None) -> Tensor:
    """Stored (B, T, F) to (B, 1, T, F): standardised by the view's `mean` and `std`, in training partly hidden."""
    log = stored.sub(view.mean).div_(view.std)
    if generator is not None:
        log = hidden(log, view.hide, (2, 1), generator)
    return log.unsqueeze(1)
