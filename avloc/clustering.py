"""Objects without names: k-means over object features, and the exact assignment of clusters to classes."""

import logging
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.errors import AvlocError
from avloc.files import why
from avloc.plain_arrays import plain_arrays

Floats = NDArray[np.floating]
Ints = NDArray[np.int64]
ROWS = 4096  # rows predicted at a time
MANY = 100_000  # clips from which on k-means uses mini-batches
SHORTEST = 1e-12  # features are divided by their length, or by this if they are shorter
log = logging.getLogger("avloc.cluster")


@dataclass(frozen=True)
class Clusters:
    """labels: (N,) cluster of each clip. centres: (K, C) of the normalised features. dictionary: (K, C), the means of
    the raw features, though k-means saw unit vectors: stage two multiplies raw features by them.
    """

    labels: Ints
    centres: Floats
    dictionary: Floats

    def predict(self, features: Floats) -> Ints:
        """The nearest centre of each row of raw features (N, C), scaled to length 1; needs only a few MiB of extra memory.

        If two centres are equally near up to rounding, either can be returned.
        """
        half = (self.centres.astype(np.float64) ** 2).sum(1) / 2
        found = np.empty(len(features), np.int64)
        for start in range(0, len(features), ROWS):
            rows = features[start : start + ROWS]
            length = np.sqrt(np.einsum("nc,nc->n", rows, rows))
            # |u - c|^2 is |u|^2 + |c|^2 - 2 u.c, and |u|^2 is the same for all centres. The unit vectors u are never
            # made: dividing the products by the lengths instead of the rows takes half the time.
            towards = rows @ self.centres.T / np.maximum(length, SHORTEST)[:, None]
            found[start : start + ROWS] = (half - towards).argmin(1)
        return found


def cluster_objects(features: Floats, clusters: int, seed: int = 0, restarts: int = 10, many: int = MANY) -> Clusters:
    """K-means (k-means++, Lloyd, `restarts` starts, 300 iterations) over L2-normalised rows of features (N, C).

    From `many` clips on, k-means in mini-batches of 4096 clips (Sculley, WWW 2010): less exact, in a fraction of the time.
    AvlocError when there are fewer clips than clusters. Hu et al., NeurIPS 2020, section 3.2.
    """
    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    if len(features) < clusters:
        raise AvlocError(
            f"clustering: {len(features)} clips are fewer than {clusters} clusters; add clips or use fewer clusters"
        )
    features = np.asarray(features, dtype=np.float32)
    if not np.isfinite(features).all():
        raise AvlocError("clustering: the object features hold NaN or infinity; the training diverged, lower its lr")
    how: dict[str, Any] = {"init": "k-means++", "n_init": restarts, "max_iter": 300, "random_state": seed}
    if len(features) < many:
        model = KMeans(clusters, tol=1e-4, **how)
    else:
        log.info("clustering: %d clips, so k-means processes them in batches of %d", len(features), ROWS)
        model = MiniBatchKMeans(clusters, batch_size=ROWS, **how)
    with warnings.catch_warnings():
        # with fewer objects than clusters, we raise our own error below
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = model.fit_predict(_unit(features)).astype(np.int64)
    empty = clusters - len(np.unique(labels))
    if empty:
        log.warning("clustering: %d of %d clusters have no clip, because too many objects are alike", empty, clusters)
    return Clusters(labels, model.cluster_centers_.astype(np.float32), dictionary_of(features, labels, clusters))


def read_dictionary(path: Path) -> Floats:
    """An object dictionary (K, C) from a .npy file, such as the authors'; AvlocError for anything else in it."""
    try:
        found = plain_arrays(path)
    except (OSError, ValueError) as error:
        raise AvlocError(f"{path}: not a .npy array ({why(error)}); give the authors' object dictionary") from None
    array = found.get("")
    if array is None or array.ndim != 2 or array.dtype.kind != "f":
        what = "several arrays" if array is None else f"shape {array.shape}, {array.dtype}"
        raise AvlocError(f"{path}: {what}; expected the object dictionary, floats (K, C)")
    return array.astype(np.float32)


def by_dictionary(features: Floats, dictionary: Floats) -> Clusters:
    """The clusters of a given dictionary: each row of features (N, C) goes to the nearest direction."""
    if dictionary.shape[1] != features.shape[1]:
        raise AvlocError(
            f"the object dictionary is {dictionary.shape}, but the model's objects have {features.shape[1]} channels; "
            "give the dictionary of the same model"
        )
    found = Clusters(np.empty(0, np.int64), _unit(dictionary), dictionary)
    return Clusters(found.predict(features), found.centres, dictionary)


def dictionary_of(features: Floats, labels: Ints, clusters: int) -> Floats:
    """Mean raw feature (K, C) of each cluster; a cluster without a clip has zeros."""
    members = np.bincount(labels, minlength=clusters)
    sums = np.zeros((clusters, features.shape[1]))
    np.add.at(sums, labels, features)
    return (sums / np.maximum(members, 1)[:, None]).astype(np.float32)


def normalised_mutual_information(truth: Ints, labels: Ints) -> float:
    """NMI in [0, 1], arithmetic mean of the two entropies."""
    from sklearn.metrics import normalized_mutual_info_score

    return float(normalized_mutual_info_score(truth, labels))


def purity(truth: Ints, labels: Ints) -> float:
    """Share of clips whose class is the most frequent one of their cluster."""
    return float(sum(np.bincount(truth[labels == cluster]).max() for cluster in np.unique(labels)) / len(labels))


@dataclass(frozen=True)
class Matching:
    """assignment: (C, K) of 0 and 1: every cluster has one class, every class has a cluster. agreement: (C, K),
    P(cluster | class). score: sum of their product. purity: see the function. doubts: warnings for a person to check.
    """

    assignment: Ints
    agreement: Floats
    score: float
    purity: float
    doubts: list[str] = field(default_factory=list)


def match_clusters(
    truth: Ints, labels: Ints, classes: tuple[str, ...], clusters: int, draws: int = 0, seed: int = 0
) -> Matching:
    """The assignment of clusters to classes with the best agreement between truth (N,) and cluster labels (N,).

    It solves the assignment problem exactly; further clusters can join any class. `draws` > 0 instead searches that
    many random assignments, as the authors do with a million (DTaoo/Discriminative-Sounding-Objects-Localization
    @7f40207), which is far from optimal. Ties go to the lowest index. AvlocError for fewer clusters than classes.
    """
    count = len(classes)
    if clusters < count:
        raise AvlocError(
            f"matching: {clusters} clusters cannot cover {count} classes; cluster again with {count} or more"
        )
    counts = np.zeros((count, clusters))
    np.add.at(counts, (truth, labels), 1)
    totals = counts.sum(1, keepdims=True)
    agreement = counts / np.maximum(totals, 1)
    owner = _random_owner(agreement, draws, seed) if draws else _best_owner(agreement)
    assignment = np.zeros((count, clusters), dtype=np.int64)
    assignment[owner, np.arange(clusters)] = 1
    return Matching(
        assignment,
        agreement,
        float((assignment * agreement).sum()),
        purity(truth, labels),
        _doubts(counts, agreement, owner, classes),
    )


def _best_owner(agreement: Floats) -> Ints:
    """The class of each cluster: rows of classes, and K - C further rows that offer each cluster its best class."""
    from scipy.optimize import linear_sum_assignment

    count, clusters = agreement.shape
    free = np.repeat(agreement.max(0, keepdims=True), clusters - count, axis=0)
    rows, columns = linear_sum_assignment(np.vstack([agreement, free]), maximize=True)
    owner = np.empty(clusters, dtype=np.int64)
    owner[columns] = np.where(rows < count, rows, agreement[:, columns].argmax(0))
    return owner


def _random_owner(agreement: Floats, draws: int, seed: int) -> Ints:
    random = np.random.default_rng(seed)
    count, clusters = agreement.shape
    best, best_score = np.zeros(clusters, dtype=np.int64), -1.0
    for _ in range(draws):
        owner = np.concatenate([random.permutation(count), random.integers(count, size=clusters - count)])
        score = agreement[owner, np.arange(clusters)].sum()
        if score > best_score:
            best, best_score = owner, score
    return best


def _doubts(counts: Floats, agreement: Floats, owner: Ints, classes: tuple[str, ...]) -> list[str]:
    doubts = []
    favourites = agreement.argmax(1)
    for number, name in enumerate(classes):
        own = np.flatnonzero(owner == number)
        if counts[number].sum() == 0:
            doubts.append(f"{name}: no clip of this class, so its cluster is a guess")
        elif favourites[number] not in own:
            taken_by = classes[owner[favourites[number]]]
            doubts.append(
                f"{name}: most of its clips are in cluster {favourites[number]}, which was assigned to {taken_by}"
            )
        if len(own) > 1:
            doubts.append(f"{name}: {len(own)} clusters ({', '.join(map(str, own))})")
    for cluster in np.flatnonzero(counts.sum(0) > 0):
        share = counts[:, cluster].max() / counts[:, cluster].sum()
        if share < 0.5:
            doubts.append(f"cluster {cluster}: no class has half of its clips (purity {share:.2f})")
    return doubts


def _unit(features: Floats) -> Floats:
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), SHORTEST)
