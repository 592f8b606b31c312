"""Labels of a split's sounds and frames, each from given scores or from a frozen network."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from avloc.data.categories import Mapping, category_names, read_mapping
from avloc.data.labels import Labels
from avloc.data.score_files import read_scores
from avloc.data.store import Store
from avloc.engine.classifying import hear_categories, refuse_rate, see_categories
from avloc.engine.experiment import device_of
from avloc.errors import DataError
from avloc.nn.categories import heard_categories, seen_categories
from avloc.nn.classifier import read_classifier
from avloc.nn.mobile_crnn import read_tagger
from avloc.progress import Progress

Scores = NDArray[np.float32]
Names = tuple[str, ...] | None  # None if a file has none
Named = tuple[Names, Scores]  # (N, C)
SOURCES = (
    "--tags, --run DIR, or for sounds --scores FILE or --tagger FILE, for frames --frame-scores FILE or --classifier"
)


@dataclass(frozen=True)
class Streams:
    """Sources of the labels of sounds and frames: see `avloc pseudo-labels`."""

    scores: Path | None
    frame_scores: Path | None
    tagger: str | None
    classifier: str | None
    sound_mapping: Path | None
    frame_mapping: Path | None
    image_scores: Literal["softmax", "logits"]
    device: str
    batch_size: int
    progress: Progress


def refuse_sources(streams: Streams, tags: bool, run: Path | None, boxes: bool) -> None:
    """DataError unless there is one source for each stream, and a mapping for each network."""
    sounds, frames = (streams.scores, streams.tagger), (streams.frame_scores, streams.classifier)
    if sum((tags, run is not None, any(sounds + frames))) != 1 or all(sounds) or all(frames):
        raise DataError(f"pseudo-labels come from one source: give {SOURCES}")
    if streams.batch_size < 1:
        raise DataError(f"batch_size is {streams.batch_size}; expected 1 or more")
    for network, mapping, option in (
        (streams.tagger, streams.sound_mapping, "--sound-mapping"),
        (streams.classifier, streams.frame_mapping, "--frame-mapping"),
    ):
        if network and mapping is None:
            raise DataError(f"{network} has classes, not categories: give {option} FILE, which maps them to categories")
    if boxes and streams.classifier and streams.image_scores == "logits":
        raise DataError("proposals need probabilities, not logits: leave --image-scores at softmax")
    if (tags or run) and (streams.sound_mapping or streams.frame_mapping):
        raise DataError("a mapping is for a network's classes or their scores; tags and clusters already are classes")
    _refuse_without_effect(streams)


def _refuse_without_effect(streams: Streams) -> None:
    """DataError for an option that no source uses."""
    if streams.sound_mapping and not (streams.scores or streams.tagger):
        raise DataError("--sound-mapping has no effect without --tagger or --scores; leave it out, or give one of them")
    if streams.frame_mapping and not (streams.frame_scores or streams.classifier or streams.scores):
        raise DataError(
            "--frame-mapping has no effect without --classifier or --frame-scores; leave it out, or give one of them"
        )
    if streams.image_scores == "logits" and not (
        streams.classifier or (streams.frame_scores and streams.frame_mapping)
    ):
        raise DataError(
            "--image-scores logits has no effect without --classifier, or --frame-scores with --frame-mapping; leave it out"
        )


def of_streams(store: Store, streams: Streams, boxes: Scores | None) -> Labels:
    """Labels of sounds and of frames, each from its own file or network; a missing one is copied from the other."""
    files: dict[str, Named] = {}
    if streams.scores is not None:
        files |= _of_scores(store, streams, Path(streams.scores), "sound")
    if streams.frame_scores is not None:
        files |= _of_scores(store, streams, Path(streams.frame_scores), "frame")
    device = device_of(streams.device)
    hear, see = _hear(store, streams, device), _see(store, streams, device, boxes)
    # check everything that can be an error first, because the networks take long
    names = {kind: named[0] for kind, named in files.items()}
    names |= {"sound": hear[0]} if hear else {}
    names |= {"frame": see[0]} if see else {}
    if hear and see:
        _refuse_unlike(hear[0], see[0], len(hear[0]), len(see[0]))
    found = {kind: named[1] for kind, named in files.items()}
    kinds = None
    if hear:
        found["sound"] = hear[1]()
    if see:
        found["frame"], kinds = see[1]()
    either = next(iter(found))
    sound, frame = (found.get(kind, found[either]) for kind in ("sound", "frame"))
    heard, seen = (names.get(kind, names[either]) for kind in ("sound", "frame"))
    _refuse_unlike(heard, seen, sound.shape[1], frame.shape[1])
    unnamed = store.classes if len(store.classes) == sound.shape[1] else category_names(sound.shape[1])
    return Labels(heard or seen or unnamed, sound, frame, None if kinds is None else boxes, kinds)


def _refuse_unlike(heard: Names, seen: Names, of_sound: int, of_frame: int) -> None:
    if of_sound != of_frame or (heard and seen and heard != seen):
        said = [
            ", ".join(names) if names else f"{count} without names"
            for names, count in ((heard, of_sound), (seen, of_frame))
        ]
        raise DataError(f"sounds have the categories {said[0]}; frames {said[1]}: expected the same, in the same order")


def _of_scores(store: Store, streams: Streams, path: Path, kind: str) -> dict[str, Named]:
    """By kind: sounds, and frames if a file of sounds has both."""
    raw = kind == "frame" and streams.image_scores == "logits" and streams.frame_mapping is not None
    read = read_scores(path, store, kind, bounded=not raw)
    if kind == "frame" and "frame" not in read.kinds:
        raise DataError(f"{path}: no frame in it; expected scores of frames")
    if streams.frame_mapping and not (streams.frame_scores or streams.classifier or "frame" in read.kinds):
        raise DataError(f"{path}: no scores of frames in it, so --frame-mapping has no effect; leave it out")
    kept = read.kinds if kind == "sound" else {"frame": read.kinds["frame"]}
    return {name: _mapped(streams, path, read.classes, name, values) for name, values in kept.items()}


def _mapped(streams: Streams, path: Path, classes: Names, kind: str, values: Scores) -> Named:
    """Scores of classes as categories, if their kind has a mapping."""
    file = streams.sound_mapping if kind == "sound" else streams.frame_mapping
    if file is None:
        return classes, values
    mapping = read_mapping(Path(file), values.shape[1], str(path))
    rule = heard_categories if kind == "sound" else seen_categories
    return mapping.categories, rule(torch.from_numpy(values), torch.from_numpy(mapping.table)).numpy()


def _hear(store: Store, streams: Streams, device: torch.device) -> tuple[tuple[str, ...], Callable[[], Scores]] | None:
    """The categories of the tagger, and the function that hears them."""
    if streams.tagger is None:
        return None
    refuse_rate(store)
    tagger = read_tagger(streams.tagger)
    mapping = _mapping(streams.sound_mapping, tagger.outputlayer.out_features, streams.tagger)
    return mapping.categories, lambda: hear_categories(
        store, tagger, mapping.table, device, streams.batch_size, streams.progress
    )


def _see(
    store: Store, streams: Streams, device: torch.device, boxes: Scores | None
) -> tuple[tuple[str, ...], Callable[[], tuple[Scores, NDArray[np.int64] | None]]] | None:
    """The categories of the classifier, and the function that sees them; with `boxes`, in these too."""
    if streams.classifier is None:
        return None
    classifier = read_classifier(streams.classifier)
    mapping = _mapping(streams.frame_mapping, classifier.classes, streams.classifier)
    parts = None if boxes is None else (read_classifier(streams.classifier, last_stride=1), boxes)
    how = streams.image_scores, device, streams.batch_size, streams.progress
    return mapping.categories, lambda: see_categories(store, classifier, mapping.table, *how, parts)


def _mapping(path: Path | None, classes: int, weights: str) -> Mapping:
    assert path is not None
    return read_mapping(Path(path), classes, weights)
