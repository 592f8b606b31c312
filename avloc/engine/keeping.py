"""Features of frozen encoders, computed once before a training: in memory, or in files next to the store."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from avloc import processes
from avloc.data.as_stored import heard
from avloc.data.kept import Kept, Rows
from avloc.data.loader import seed_of
from avloc.data.nothing import nothing
from avloc.data.store import Store
from avloc.errors import AvlocError
from avloc.files import replacing, reserve, write_json
from avloc.methods.base import Localizer, Train
from avloc.plain_arrays import mapped_array
from avloc.progress import Progress, untold

log = logging.getLogger("avloc.train")
BATCH = 32  # frames or sounds that an encoder gets at once; always the same number, so that the features are always the same
NOISES = 128  # noise sounds, of which each batch draws some
SHARE = 0.5  # of the free memory that features may take by default
FORMAT = 1


def keep_features(
    localizer: Localizer, store: Store, train: Train, seed: int, augmented: bool, progress: Progress = untold
) -> Kept:
    """The features of a split that can be cached for a localizer; none if no encoder is frozen, or its view is random.

    augmented: use the training view, and cache ``train.versions`` random versions.
    """
    kept = Kept()
    if train.keep == "never":
        return kept
    device = next((parameter.device for parameter in localizer.parameters()), torch.device("cpu"))
    for kind, encoder, view, second in (
        ("frames", localizer.frame_encoder(), localizer.frame, localizer.frame2),
        ("sounds", localizer.sound_encoder(), localizer.sound, localizer.sound2),
    ):
        if encoder is None or second is not None or not getattr(encoder, "keeps", False):
            continue
        if augmented and getattr(view, "random", True) and not train.versions:
            log.warning(
                "%s of %s are different in each epoch, so the features of the frozen encoder are not cached: set "
                "train.versions, or a view without augmentation (crop: false, augment: false)",
                kind, store.split_name or "the store",
            )  # fmt: skip
            continue
        versions = 1 + train.versions * (augmented and getattr(view, "random", True))
        work = _Work(localizer, encoder, view, store, kind, versions, seed, device, progress)
        setattr(kept, kind, work.rows(train.keep))
        if kind == "sounds" and localizer.needs.noises and augmented:
            kept.noises = work.of_nothing()
    return kept


def fits(kept: Kept, localizer: Localizer) -> bool:
    """Whether cached features of one localizer equal those of another: their encoders are frozen and equal."""
    pairs = ((kept.frames, localizer.frame_encoder()), (kept.sounds, localizer.sound_encoder()))
    return all(
        rows is None or (getattr(encoder, "frozen", False) and weights_digest(encoder) == rows.digest)
        for rows, encoder in pairs
    )


def digests(kept: Kept) -> dict[str, str]:
    """Digests of cached features, for the metadata of a training: a resumed one must have the same."""
    named = {"eyes": kept.frames, "ears": kept.sounds}
    return {name: rows.digest for name, rows in named.items() if rows is not None}


def weights_digest(encoder: Any) -> str:
    """Of the frozen part of the encoder: names, shapes and values of all weights, and its settings."""
    found = hashlib.sha256(encoder.signature.encode())
    for name, value in sorted(encoder.kept_state().items()):
        found.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        found.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()[:16]


class _Work:
    """One kind of features of one split."""

    def __init__(
        self, localizer: Localizer, encoder: Any, view: Any, store: Store, kind: str, versions: int, seed: int,
        device: torch.device, progress: Progress,
    ):  # fmt: skip
        self.localizer, self.encoder, self.view, self.store, self.kind = localizer, encoder, view, store, kind
        self.versions, self.seed, self.device, self.progress = versions, seed, device, progress
        self.digest = weights_digest(encoder)
        self.frames = store.frames_per_clip if kind == "frames" else 1

    def rows(self, where: str) -> Rows:
        shape = (self.versions, len(self.store), self.frames, *self._features(np.zeros(1, np.int64), None).shape[1:])
        size = 4 * int(np.prod(shape))
        free = psutil.virtual_memory().available
        if where == "memory" and size > free:
            raise AvlocError(
                f"train.keep is 'memory', but the features of {len(self.store)} clips take {size / 2**30:.1f} GiB and "
                f"{free / 2**30:.1f} GiB are free; set it to store or never"
            )
        if where == "memory" or (where == "auto" and size < SHARE * free):
            values = np.empty(shape, np.float32)
            self._fill(values)
            return Rows(values, self.digest)
        return Rows(self._in_file(shape), self.digest)

    def of_nothing(self) -> Tensor:
        """(NOISES, ...) features of noise sounds, the same in every process."""
        generator = Generator().manual_seed(seed_of(self.seed, NOISES))
        sounds = nothing(NOISES, self.store.samples, generator).to(self.device)
        self.encoder.eval()
        with torch.no_grad():
            parts = [self.encoder.features(self.view(part, None)).float() for part in sounds.split(BATCH)]
        return torch.cat(parts)

    def _in_file(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The features of an earlier training if they have the same encoder, view and clips; otherwise they are computed."""
        about = {
            "format": FORMAT,
            "kind": self.kind,
            "encoder": self.digest,
            "view": repr(self.view),
            "store": self.store.fingerprint,
            "split": self.store.split_name or "",
            "shape": list(shape),
            "seed": self.seed if self.versions > 1 else None,
        }
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:24]
        path = Path(f"{self.store.path}.features") / f"{key}.npy"
        if processes.is_first() and _whole(path, shape) is None:
            log.info("%s: features of %d clips are cached here", path, len(self.store))
        if _whole(path, shape) is None:
            if processes.is_first():
                with replacing(path) as temporary:
                    rows = np.lib.format.open_memmap(temporary, "w+", np.float32, shape)
                    reserve(temporary, temporary.stat().st_size)
                    self._fill(rows)
                write_json(path.with_suffix(".json"), about)
            else:
                self._fill(None)
        processes.barrier()
        found = _whole(path, shape)
        if found is None:
            raise AvlocError(f"{path}: the features just written cannot be read; free space, or set train.keep: never")
        return found

    def _fill(self, values: NDArray[np.float32] | None) -> None:
        """All features; each process computes its share of every batch. values: None discards them."""
        count = len(self.store) * self.frames
        total, done = self.versions * count, 0
        world, rank = processes.world_size(), processes.rank()
        for version in range(self.versions):
            order = self._order(version, count)
            for start in range(0, count, BATCH * world):
                places = order[start : start + BATCH * world]
                mine = places[np.minimum(rank * BATCH + np.arange(BATCH), len(places) - 1)]
                generator = Generator().manual_seed(seed_of(self.seed, version, start, rank)) if version else None
                found = processes.gather_rows(self._features(mine, generator).contiguous())
                if values is not None:
                    clips, picks = np.divmod(places, self.frames)
                    values[version, clips, picks] = found[: len(places)].cpu().numpy()
                done += len(places)
                self.progress(done, total, f"features of {self.kind}: {done} of {total}")

    def _order(self, version: int, count: int) -> NDArray[np.int64]:
        """The order in which frames or sounds go through the encoder. Sounds that are mixed with each other are
        shuffled, because neighbours in a store can be from one video.
        """
        mixed = version and getattr(getattr(self.view, "vary", None), "mix", None) is not None
        return np.random.default_rng((self.seed, version)).permutation(count) if mixed else np.arange(count)

    def _features(self, places: NDArray[np.int64], generator: Generator | None) -> Tensor:
        clips, picks = np.divmod(places, self.frames)
        self.encoder.eval()
        with torch.no_grad():
            if self.kind == "frames":
                raw = torch.from_numpy(self.store.frames(clips, picks)).to(self.device)
                return self.encoder.features(self.view(raw, generator)).float()
            sounds = torch.from_numpy(self.store.sounds(clips)).to(self.device)
            return self.encoder.features(heard(self.view, sounds, generator)[0]).float()


def _whole(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32] | None:
    try:
        found = mapped_array(path)
    except (OSError, ValueError):
        return None
    return found if found.shape == shape and found.dtype == np.float32 else None
