"""The spectrogram pickles that DSOL's scripts write: the log-mel (201, 64) of a whole second each."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.pickles import NotPlain, plain_pickle
from avloc.data.spectrograms import Spectrograms
from avloc.files import regular
from avloc.prepare.media.container import MediaError, refuse_unreadable

RATE = 16_000
#: as in the published script: magnitudes go through a mel bank as if they were powers
HELD = Spectrograms(
    201, 64, "LogMel",
    {"rate": RATE, "n_fft": 160, "hop": 80, "mels": 64, "fmin": 0.0, "fmax": None, "power": 1.0, "decibels": True,
     "offset": 1e-10, "top_db": 80.0, "pad": "constant", "peak": False},
)  # fmt: skip


def read_levels(root: Path, name: str) -> NDArray[np.float32]:
    """(201, 64) of a pickle; MediaError for anything else."""
    path, expected = root / name, (HELD.times, HELD.bands)
    refuse_unreadable(path, "missing sound")
    try:
        found = plain_pickle(regular(path).read_bytes())
    except NotPlain as error:
        raise MediaError(name, "refused pickle", str(error)) from None
    if not isinstance(found, np.ndarray) or found.dtype.kind != "f" or found.shape != expected:
        what = f"{found.dtype} {found.shape}" if isinstance(found, np.ndarray) else type(found).__name__
        raise MediaError(name, "no spectrogram", f"found {what}; expected float {expected}")
    if not np.isfinite(found).all():
        raise MediaError(name, "not finite", "NaN or infinity in the spectrogram")
    return found.astype(np.float32)
