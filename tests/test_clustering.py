import itertools
import tracemalloc

import numpy as np
import pytest

from avloc import clustering
from avloc.clustering import (
    Clusters,
    cluster_objects,
    dictionary_of,
    match_clusters,
    normalised_mutual_information,
    purity,
)
from avloc.errors import AvlocError

NAMES = tuple("abcdefgh")


def blobs(count: int = 60, clusters: int = 4, channels: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Directions apart from each other, lengths from 1 to 10; and which direction each row has."""
    random = np.random.default_rng(0)
    centres = np.linalg.qr(random.normal(size=(channels, channels)))[0][:clusters]
    truth = np.arange(count) % clusters
    features = centres[truth] + random.normal(0, 0.02, (count, channels))
    return (features * random.uniform(1, 10, (count, 1))).astype(np.float32), truth


def test_objects_are_grouped_by_direction_whatever_their_length():
    features, truth = blobs()
    found = cluster_objects(features, 4)
    assert normalised_mutual_information(truth, found.labels) == pytest.approx(1)
    assert purity(truth, found.labels) == 1


def test_centres_are_of_unit_vectors_and_the_dictionary_of_raw_ones():
    features, _ = blobs()
    found = cluster_objects(features, 4)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    for cluster in range(4):
        members = found.labels == cluster
        np.testing.assert_allclose(found.dictionary[cluster], features[members].mean(0), rtol=1e-5)
        np.testing.assert_allclose(found.centres[cluster], unit[members].mean(0), rtol=1e-4, atol=1e-6)
    assert found.dictionary.dtype == np.float32 and np.linalg.norm(found.dictionary, axis=1).max() > 2


def test_new_objects_join_the_nearest_centre():
    features, _ = blobs()
    found = cluster_objects(features, 4)
    np.testing.assert_array_equal(found.predict(features * 3), found.labels)


def test_many_objects_are_predicted_in_little_memory_as_by_their_distances():
    random = np.random.default_rng(0)
    features = random.normal(size=(9000, 24)).astype(np.float32)
    centres = random.normal(size=(7, 24)).astype(np.float32) * np.linspace(0.2, 1, 7, dtype=np.float32)[:, None]
    found = Clusters(np.empty(0, np.int64), centres, centres)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    distances = ((unit[:, None].astype(np.float64) - centres[None]) ** 2).sum(2)
    np.testing.assert_array_equal(found.predict(features), distances.argmin(1))
    tracemalloc.start()
    found.predict(features)
    assert tracemalloc.get_traced_memory()[1] < 2 * clustering.ROWS * 24 * 8
    tracemalloc.stop()


def test_predicted_clusters_differ_from_those_by_float64_only_where_two_centres_are_as_near():
    random = np.random.default_rng(3)
    features = random.normal(size=(20_000, 64)).astype(np.float32) * random.uniform(1e-3, 1e3, (20_000, 1))
    features = features.astype(np.float32)
    centres = np.repeat(random.normal(size=(5, 64)), 2, axis=0) * 0.2
    centres[1::2] += random.normal(0, 1e-6, (5, 64))  # pairs that float32 can hardly tell apart
    centres = centres.astype(np.float32)
    found = Clusters(np.empty(0, np.int64), centres, centres).predict(features)
    unit = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    distances = np.stack([((unit - centre) ** 2).sum(1) for centre in centres.astype(np.float64)], axis=1)
    nearest = distances.argmin(1)
    differ = np.flatnonzero(found != nearest)
    assert (distances[differ, found[differ]] - distances[differ, nearest[differ]] < 1e-6).all()
    np.testing.assert_array_equal(found // 2, nearest // 2)


def test_an_object_without_length_joins_the_centre_nearest_to_the_origin():
    centres = np.array([[1, 0], [0.5, 0], [0, 1]], np.float32)
    assert Clusters(np.empty(0, np.int64), centres, centres).predict(np.zeros((1, 2), np.float32)).tolist() == [1]


def test_very_many_objects_are_clustered_in_batches_and_that_is_said(caplog):
    caplog.set_level("INFO", "avloc")
    features, truth = blobs(2000)
    found = cluster_objects(features, 4, many=len(features))
    assert "k-means processes them in batches" in caplog.text and purity(truth, found.labels) > 0.95
    np.testing.assert_array_equal(found.labels, cluster_objects(features, 4, many=len(features)).labels)


def test_the_same_seed_gives_the_same_clusters():
    features = np.random.default_rng(1).normal(size=(50, 5))
    first, again = cluster_objects(features, 6, seed=3), cluster_objects(features, 6, seed=3)
    np.testing.assert_array_equal(first.labels, again.labels)
    np.testing.assert_array_equal(first.dictionary, again.dictionary)


def test_a_cluster_without_a_clip_has_zeros_in_the_dictionary():
    found = dictionary_of(np.ones((3, 2), np.float32), np.array([0, 0, 2]), 4)
    np.testing.assert_array_equal(found, [[1, 1], [0, 0], [1, 1], [0, 0]])


def test_fewer_clips_than_clusters_are_refused_with_both_numbers():
    with pytest.raises(AvlocError, match="5 clips are fewer than 6 clusters"):
        cluster_objects(np.ones((5, 2)), 6)


def test_features_that_are_not_numbers_are_refused():
    features = np.ones((9, 2))
    features[4, 1] = np.nan
    with pytest.raises(AvlocError, match="NaN or infinity"):
        cluster_objects(features, 2)


def test_a_silent_feature_of_zeros_keeps_its_row():
    features, _ = blobs()
    features[0] = 0
    assert cluster_objects(features, 4).labels.shape == (60,)


# clusters to classes


def best_by_force(agreement: np.ndarray) -> float:
    classes, clusters = agreement.shape
    return max(
        sum(agreement[owner, cluster] for cluster, owner in enumerate(owners))
        for owners in itertools.product(range(classes), repeat=clusters)
        if len(set(owners)) == classes
    )


@pytest.mark.parametrize("seed", range(40))
def test_matching_is_as_good_as_brute_force(seed):
    random = np.random.default_rng(seed)
    classes = int(random.integers(2, 5))
    clusters = int(random.integers(classes, 7))
    truth, labels = random.integers(classes, size=30), random.integers(clusters, size=30)
    found = match_clusters(truth, labels, NAMES[:classes], clusters)
    counts = np.zeros((classes, clusters))
    for y, p in zip(truth, labels, strict=True):
        counts[y, p] += 1
    agreement = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.testing.assert_allclose(found.agreement, agreement)
    assert found.score == pytest.approx(best_by_force(agreement))
    assert found.score == pytest.approx((found.assignment * agreement).sum())
    assert (found.assignment.sum(0) == 1).all() and (found.assignment.sum(1) >= 1).all()


def test_a_permutation_is_found_without_doubts():
    truth = np.repeat(np.arange(4), 5)
    order = np.array([2, 0, 3, 1])
    found = match_clusters(truth, order[truth], NAMES[:4], 4)
    assert [int(row.argmax()) for row in found.assignment] == order.tolist()
    assert found.score == 4 and found.purity == 1 and found.doubts == []


def test_further_clusters_join_the_class_they_agree_with_and_are_doubted():
    truth = np.array([0, 0, 0, 0, 1, 1])
    labels = np.array([0, 0, 2, 2, 1, 1])
    found = match_clusters(truth, labels, ("cat", "dog"), 3)
    assert found.assignment.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert found.doubts == ["cat: 2 clusters (0, 2)"]


def test_a_class_without_clips_still_gets_a_cluster_and_a_doubt():
    found = match_clusters(np.array([0, 0, 2]), np.array([0, 0, 1]), ("cat", "dog", "owl"), 3)
    assert np.isfinite(found.agreement).all() and found.agreement[1].sum() == 0
    assert found.assignment.tolist() == [[1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert any("dog: no clip" in doubt for doubt in found.doubts)


def test_two_classes_in_one_cluster_are_doubted_by_name():
    found = match_clusters(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 0, 0, 0, 1]), ("cat", "dog"), 2)
    assert any("dog" in doubt and "cat" in doubt for doubt in found.doubts)
    assert found.purity == pytest.approx(4 / 6)


def test_a_cluster_that_no_class_holds_half_of_is_doubted():
    found = match_clusters(np.array([0, 1, 2]), np.array([0, 0, 0]), ("cat", "dog", "owl"), 3)
    assert any(doubt.startswith("cluster 0") and "0.33" in doubt for doubt in found.doubts)


def test_ties_go_to_the_lowest_index():
    found = match_clusters(np.array([0, 1]), np.array([2, 2]), ("cat", "dog"), 4)
    assert found.assignment[:, 2].tolist() == [1, 0]


def test_fewer_clusters_than_classes_are_refused_with_both_numbers():
    with pytest.raises(AvlocError, match="2 clusters cannot cover 3 classes"):
        match_clusters(np.array([0, 1, 2]), np.array([0, 1, 1]), ("cat", "dog", "owl"), 2)


def test_random_draws_are_valid_repeatable_and_at_most_as_good():
    random = np.random.default_rng(0)
    truth, labels = random.integers(4, size=60), random.integers(7, size=60)
    exact = match_clusters(truth, labels, NAMES[:4], 7)
    drawn = match_clusters(truth, labels, NAMES[:4], 7, draws=200, seed=1)
    again = match_clusters(truth, labels, NAMES[:4], 7, draws=200, seed=1)
    assert (drawn.assignment.sum(0) == 1).all() and (drawn.assignment.sum(1) >= 1).all()
    assert drawn.score <= exact.score and np.array_equal(drawn.assignment, again.assignment)


def test_objects_that_are_all_alike_leave_clusters_empty_and_that_is_said_in_a_line(caplog, recwarn):
    found = cluster_objects(np.ones((12, 3)), 4)
    assert set(found.labels) == {0} and np.isfinite(found.dictionary).all()
    assert "3 of 4 clusters have no clip" in caplog.text and not len(recwarn)
