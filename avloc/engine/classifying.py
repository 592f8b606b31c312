"""What frozen networks hear and see in the clips of a split, as categories."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from avloc import processes
from avloc.data.as_stored import as_stored
from avloc.data.store import Store
from avloc.data.views import FrameView, LogMel
from avloc.errors import DataError
from avloc.nn.categories import heard_categories, seen_categories, seen_in_proposals
from avloc.nn.classifier import Classifier
from avloc.nn.mobile_crnn import MobileCrnnNet
from avloc.progress import Progress

Scores = NDArray[np.float32]
SOUND = LogMel(rate=22050, n_fft=882, hop=441, power=2.0, decibels=False, offset=2.220446e-16, pad="reflect")
FRAME = FrameView(size=256, resize=256, crop=False, augment=False)


def refuse_rate(store: Store) -> None:
    if store.spectrograms is not None:
        store.spectrograms.refuse_others(str(store.path), SOUND)
    if store.rate != SOUND.rate:
        raise DataError(
            f"{store.path} has {store.rate} Hz; the audio tagger needs {SOUND.rate} Hz: prepare it again with "
            f"--rate {SOUND.rate}, or give --scores FILE"
        )


@torch.inference_mode()
def hear_categories(
    store: Store, tagger: MobileCrnnNet, mapping: Scores, device: torch.device, batch_size: int, progress: Progress
) -> Scores:
    """(N, K) of what the tagger hears in each clip."""
    tagger, table = tagger.to(device), torch.from_numpy(mapping).to(device)
    found = []
    for clips in _parts(store, batch_size, progress, "clips heard"):
        sounds = torch.from_numpy(store.sounds(clips)).to(device)
        levels = SOUND(sounds) if store.spectrograms is None else as_stored(SOUND, sounds)
        found.append(heard_categories(tagger(levels).clip, table).cpu().numpy())
    return _of_all(found)


@torch.inference_mode()
def see_categories(
    store: Store,
    classifier: Classifier,
    mapping: Scores,
    image_scores: Literal["softmax", "logits"],
    device: torch.device,
    batch_size: int,
    progress: Progress,
    proposals: tuple[Classifier, Scores] | None = None,
) -> tuple[Scores, NDArray[np.int64] | None]:
    """(N, K) of what the classifier sees, the mean over each clip's frames.

    proposals: a classifier for the parts of frames and their boxes (N, F, R, 4). The likelihood of a class is then the
    maximum over the whole frame and its parts, and the parts' categories (N, F, R) are returned too.
    """
    classifier, table = classifier.to(device), torch.from_numpy(mapping).to(device)
    count = store.frames_per_clip
    found: list[Scores] = []
    categories: list[NDArray[np.int64]] = []
    for clips in _parts(store, max(1, batch_size // count), progress, "clips seen"):
        frames = FRAME(torch.from_numpy(store.frames_of(clips)).flatten(0, 1).to(device))
        scores = classifier(frames)
        if image_scores == "softmax":
            scores = scores.softmax(1)
        if proposals is not None:
            of_parts, boxes = proposals
            places = torch.from_numpy(boxes[clips]).to(device).flatten(0, 1)
            likely = of_parts.to(device).of_proposals(frames, places).softmax(2)
            categories.append(seen_in_proposals(likely, table).argmax(2).unflatten(0, (-1, count)).cpu().numpy())
            scores = torch.maximum(scores, likely.amax(1))
        found.append(seen_categories(scores, table).unflatten(0, (-1, count)).mean(1).cpu().numpy())
    return _of_all(found), None if proposals is None else _of_all(categories)


def _parts(store: Store, size: int, progress: Progress, what: str) -> Iterator[NDArray[np.int64]]:
    """The clips of each batch that this process works on; batches are the same with any number of processes."""
    for part in processes.share(-(-len(store) // size)):
        progress(part * size, len(store), what)
        yield np.arange(part * size, min((part + 1) * size, len(store)))
    progress(len(store), len(store), what)


def _of_all(found: list[NDArray[Any]]) -> NDArray[Any]:
    """Rows of all batches, in order, on every process."""
    return np.concatenate(processes.in_turn(processes.gather(found)))
