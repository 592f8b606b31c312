"""What is in the clusters: a few frames of each, and their agreement with the true classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.drawing.charts import agreement_matrix
from avloc.drawing.colours import DARK, LIGHT
from avloc.drawing.markup import Chart
from avloc.drawing.panels import Picture
from avloc.drawing.pictures import scaled

SIDE, FRAMES = 112, 6  # px of a frame, frames per cluster
LISTEN = 5.0  # seconds of a sound


@dataclass(frozen=True)
class ShownCluster:
    """Frames of some clips of a cluster in one strip, and the sound of each, waveforms (S,) at `rate` Hz; stored
    spectrograms cannot be played and are left out.
    """

    strip: Picture
    clips: list[str]
    sounds: list[NDArray[Any]]
    rate: int


def shown_clusters(
    store: Store, labels: NDArray[np.integer], clusters: int, classes_of: Mapping[int, str], seed: int = 0
) -> list[ShownCluster]:
    """For each cluster, the first frames of some random clips, from different videos if possible.

    labels: (N,) cluster of each clip of the split. classes_of: names of the classes matched with the clusters.
    """
    random = np.random.default_rng(seed)
    videos, found = np.array(store.videos), []
    for cluster in range(clusters):
        clips = random.permutation(np.flatnonzero(labels == cluster))
        firsts = np.sort(np.unique(videos[clips], return_index=True)[1])
        order = np.concatenate([clips[firsts], np.delete(clips, firsts)])[:FRAMES].astype(np.int64)
        strip = np.full((SIDE, FRAMES * SIDE, 3), 128, np.uint8)
        for place, frame in enumerate(store.frames(order, np.zeros(len(order), np.int64))):
            strip[:, place * SIDE : (place + 1) * SIDE] = scaled(frame, SIDE)
        name = f"Cluster {cluster}" + (f": {classes_of[cluster]}" if cluster in classes_of else "")
        size = f"{len(clips)} clips of {len(firsts)} videos"
        picture = Picture(name, strip, size, f"{len(order)} frames of {name}, which has {size}")
        sounds = [sound[: int(LISTEN * store.rate)] for sound in store.sounds(order) if sound.ndim == 1]
        found.append(ShownCluster(picture, [store.ids[clip] for clip in order], sounds, store.rate))
    return found


def matching_chart(matching: Mapping[str, Any]) -> Chart:
    """The agreement matrix of a matching.json."""
    classes, agreement = matching["classes"], np.array(matching["agreement"], np.float64)
    assignment = np.array(matching["assignment"], np.int64)
    light, dark = (agreement_matrix(classes, agreement, assignment, theme) for theme in (LIGHT, DARK))
    rows = zip(classes, agreement, assignment, strict=True)
    best = "; ".join(f"{name}: {_shares(row, own)}" for name, row, own in rows)
    return Chart(light, dark, f"Share of each class's clips in the clusters matched with it. {best}")


def matched_classes(matching: Mapping[str, Any]) -> dict[int, str]:
    """The class of each cluster."""
    table = np.array(matching["assignment"], np.int64)
    matched = np.flatnonzero(table.any(0)).tolist()
    return {cluster: matching["classes"][int(table[:, cluster].argmax())] for cluster in matched}


def matched_words(matching: Mapping[str, Any]) -> str:
    clusters, classes = len(matching["assignment"][0]), len(matching["classes"])
    purity = f"; purity {100 * matching['purity']:.1f} %" if "purity" in matching else ""
    return (
        f"{clusters} clusters of sounding objects, found without labels. Afterwards, only for the scores, they were "
        f"matched with {classes} classes{purity}."
    )


def _shares(row: NDArray[np.floating], own: NDArray[np.integer]) -> str:
    found = np.flatnonzero(own).tolist()
    return ", ".join(f"{100 * row[cluster]:.1f} % in cluster {cluster}" for cluster in found) or "no cluster"
