"""Chooses a score and a threshold that separate a clip's own sound from silence, noise and other videos' sounds."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan
from avloc.data.scenes import sounds_of
from avloc.data.store import Store
from avloc.engine.calibration import scores_of
from avloc.engine.collect import collect
from avloc.engine.predicting import wrong_sounds
from avloc.errors import DataError
from avloc.methods.base import Localizer
from avloc.metrics import auroc
from avloc.progress import Progress, untold

OWN = "own"
BATCH = 32
NOISE = 0.1  # RMS of the noise if a clip itself is silent; otherwise it is as loud as the clip

Scores = dict[str, dict[str, NDArray[np.float64]]]  # for each kind of sound and each score, (n,)


def clips_of(store: Store, amount: int, seed: int) -> Plan:
    """One frame of each of `count` clips that have their own sound, drawn by the seed, in store order."""
    kinds = sounds_of(store)
    own = np.arange(len(store)) if kinds is None else np.flatnonzero(np.array(kinds) == OWN)
    if not len(own):
        raise DataError(f"{store.path}: no clip of split {store.split_name} has its own sound; choose another split")
    random = np.random.default_rng(seed)
    clips = np.sort(random.permutation(own)[:amount]).astype(np.int64)
    return Plan(clips, random.integers(store.frames_per_clip, size=len(clips)))


def scores_of_kinds(localizer: Localizer, loader: Loader, plan: Plan, seed: int, progress: Progress = untold) -> Scores:
    """The scores of the same frames with their own sound, with silence and noise, and with another video's sound.

    The last is called ``other class`` if the clips' classes show that the sound's source is not in view, else ``other
    video``. For stored spectrograms, silence and noise are left out, because there are no waveforms.
    """
    store = loader.store
    wanted: dict[str, tuple[Plan, Callable[[Batch], Batch]]] = {OWN: (plan, _as_it_is)}
    if store.spectrograms is None:
        wanted["silence"] = plan, lambda batch: _hearing(localizer, batch, torch.zeros_like)
        wanted["noise"] = plan, lambda batch: _hearing(localizer, batch, lambda sound: _noise(sound, batch, seed))
    if len({store.videos[clip] for clip in plan.clips}) > 1:
        name = "other class" if np.asarray(store.labels)[plan.clips].any() else "other video"
        wanted[name] = wrong_sounds(store, plan, seed), _as_it_is
    found: Scores = {}
    for number, (kind, (heard, change)) in enumerate(wanted.items()):
        progress(number, len(wanted), kind)
        found[kind] = _scores(localizer, loader, heard, change)
    progress(len(wanted), len(wanted), "")
    if len(found) < 2:
        raise DataError(
            f"{store.path}: spectrograms of one video; there is no silence, noise or other sound to compare with: "
            "give a store with sounds"
        )
    return found


def _scores(
    localizer: Localizer, loader: Loader, plan: Plan, change: Callable[[Batch], Batch]
) -> dict[str, NDArray[np.float64]]:
    def function(batch: Batch) -> dict[str, Tensor]:
        heard = change(batch)
        maps, fits = localizer.locate(heard).float(), localizer.fits(heard)
        found = scores_of(maps.cpu().numpy(), None if fits is None else fits.float().cpu().numpy())
        return {name: torch.from_numpy(values) for name, values in found.items()}

    with torch.inference_mode():
        rows = collect(localizer, function, loader, plan, BATCH)
    return {name: values.numpy() for name, values in rows.items()}


def _as_it_is(batch: Batch) -> Batch:
    return batch


def _hearing(localizer: Localizer, batch: Batch, sound: Callable[[Tensor], Tensor]) -> Batch:
    assert batch.waveform is not None
    waveform = sound(batch.waveform)
    return replace(batch, waveform=waveform, sound=localizer.sound(waveform))


def _noise(waveforms: Tensor, batch: Batch, seed: int) -> Tensor:
    """White noise as loud as each sound, different for every clip, independent of its batch."""
    assert batch.index is not None
    rows = [
        np.random.default_rng((seed, int(clip))).standard_normal(waveforms.shape[1], np.float32) for clip in batch.index
    ]
    noise = torch.from_numpy(np.stack(rows)).to(waveforms.device)
    loud = waveforms.float().square().mean(1, keepdim=True).sqrt()
    return (noise * torch.where(loud > 0, loud, NOISE)).clamp(-1, 1)


def aurocs_of(scores: Scores) -> dict[str, dict[str, float]]:
    """For each score, by kind: how well it separates a clip's own sound from the others."""
    own = scores[OWN]
    return {
        name: {kind: _auroc(own[name], others[name]) for kind, others in scores.items() if kind != OWN} for name in own
    }


def _auroc(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    both = np.concatenate([own, others])
    return auroc(both, np.arange(len(both)) < len(own))


def best(aurocs: Mapping[str, Mapping[str, float]]) -> str:
    """The score with the highest mean AUROC over the kinds; the first of equal ones."""
    return max(aurocs, key=lambda name: float(np.mean(list(aurocs[name].values()))))


def threshold_of(scores: Scores, name: str) -> float:
    """Youden's threshold: it maximizes the share of own sounds above it minus the mean share, over the kinds, of other
    sounds above it.

    Every kind has the same weight whatever its number of clips. The threshold is halfway between two scores that occur.
    """
    values = np.unique(np.concatenate([of[name] for of in scores.values()]))
    values = values[np.isfinite(values)]
    if not len(values):
        raise DataError("all heat maps are NaN or infinite, so nothing can be calibrated; train the run again")
    cuts = np.concatenate([values[:1], (values[1:] + values[:-1]) / 2])
    gain = _above(scores[OWN][name], cuts)
    others = [_above(of[name], cuts) for kind, of in scores.items() if kind != OWN]
    return float(cuts[int(np.argmax(gain - np.mean(others, axis=0)))])


def _above(values: NDArray[np.float64], cuts: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1 - np.searchsorted(np.sort(values), cuts, side="left") / len(values)


def rates_of(scores: Scores, name: str, threshold: float) -> dict[str, Any]:
    """AUROC and false alarms by kind, and the share of own sounds that are missed, for one score and threshold."""
    return {
        "auroc": aurocs_of(scores)[name],
        "alarms": {kind: float(np.mean(of[name] >= threshold)) for kind, of in scores.items() if kind != OWN},
        "missed": float(np.mean(scores[OWN][name] < threshold)),
        "clips": {kind: len(of[name]) for kind, of in scores.items()},
    }
