"""Heat maps of a test set's frames with sounds that nothing in view makes: silence, noise, and something off screen."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan
from avloc.data.store import Store
from avloc.engine.predicting import Maps, maps_of, wrong_sounds
from avloc.errors import DataError
from avloc.methods.base import Localizer

_NOISE = 0x6E6F6973  # separates this draw from others with the same seed


def maps_of_other_sounds(
    localizer: Localizer, loader: Loader, plan: Plan, kinds: Sequence[str], seed: int
) -> dict[str, Maps]:
    """Maps (n, K, h, w) of every row of a plan with each kind of sound.

    silence: zeros as long as the clip's sound. noise: standard normal, not clipped, the same for a clip whatever the batch.
    offscreen: the sound of a clip of another video, none of whose classes is in view.
    """
    found = {}
    for kind in kinds:
        if kind == "offscreen":
            found[kind] = maps_of(localizer, loader, off_screen(loader.store, plan, seed))
        else:
            found[kind] = _of_waveforms(localizer, loader, plan, silent=kind == "silence", seed=seed)
    return found


def off_screen(store: Store, plan: Plan, seed: int) -> Plan:
    """The same frames with the sound of a clip none of whose classes sounds or is visible in them."""
    seen = np.zeros((len(store), len(store.classes)), bool)
    boxes = store.boxes
    known = boxes.label >= 0
    seen[boxes.clip[known], boxes.label[known]] = True
    return wrong_sounds(store, plan, seed, seen)


def _of_waveforms(localizer: Localizer, loader: Loader, plan: Plan, silent: bool, seed: int) -> Maps:
    if loader.store.spectrograms is not None:
        raise DataError(
            f"{loader.store.path} contains spectrograms, but silence and noise need waveforms: leave them out"
        )
    # cached features of a frozen encoder belong to the clips' own sounds
    own = Loader(loader.store, localizer, loader.device, loader.workers) if loader.kept.sounds is not None else loader

    def locate(batch: Batch) -> torch.Tensor:
        assert batch.waveform is not None and batch.index is not None
        heard = torch.zeros_like(batch.waveform) if silent else _noise(batch, seed).to(batch.waveform)
        return localizer.locate(replace(batch, waveform=heard, sound=localizer.sound(heard)))

    return maps_of(localizer, own, plan, locate)


def _noise(batch: Batch, seed: int) -> torch.Tensor:
    """(B, S), drawn separately for each clip."""
    assert batch.waveform is not None and batch.index is not None
    samples = batch.waveform.shape[1]
    rows: list[NDArray[np.float32]] = [
        np.random.default_rng((seed, _NOISE, clip)).standard_normal(samples, np.float32)
        for clip in batch.index.tolist()
    ]
    return torch.from_numpy(np.stack(rows))
