"""Values at places of sorted pixels, found without sorting, are those that sorting finds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avloc.protocols import named
from avloc.protocols.resize import resize
from avloc.protocols.units import units_of
from avloc.scoring import score_all
from avloc.scoring.fast import compiled, truth_masks
from avloc.scoring.fast.order_statistics import values_at
from avloc.scoring.fast.resized_maps import mean_of_loudest
from tests.protocols.making import heat_maps, random_truth


def rows_of(kind: str, size: int = 224) -> np.ndarray:
    rows = resize(heat_maps(6), size, size, "bilinear").reshape(6, -1)
    if kind == "few values":
        rows = np.round(rows)
    elif kind == "constant":
        rows[:] = 0.25
    elif kind == "noise":
        rows = np.random.default_rng(0).standard_normal(rows.shape).astype(np.float32)
    elif kind == "broken":
        rows[0, ::3], rows[1, ::2], rows[2, 5] = np.nan, np.inf, -np.inf
    elif kind == "zeros of both signs":
        rows = np.where(rows > 0, np.float32(0), np.float32(-0.0))
    return rows


LOOPS = pytest.mark.parametrize("many", [None, compiled._loops()], ids=["numpy", "compiled"])


@LOOPS
@pytest.mark.parametrize("size", [10, 100, 224])
@pytest.mark.parametrize("kind", ["maps", "few values", "constant", "noise", "broken", "zeros of both signs"])
def test_values_are_those_of_the_sorted_row(kind, size, many):
    rows = rows_of(kind, size)
    pixels = size * size
    places = np.stack([np.full(6, pixels // 2 - 1), np.full(6, pixels // 2), np.arange(6) * (pixels - 1) // 5], axis=1)
    expected = np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    assert np.array_equal(values_at(rows, places, many), expected, equal_nan=True)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.integers(0, 2**31), st.integers(1, 40))
def test_values_of_any_rows(shares, seed, values):
    """Rows of 4,900 pixels with as many different values as there are."""
    rows = np.random.default_rng(seed).integers(0, values, (2, 4900)).astype(np.float32)
    places = np.array([[share * 4900 // 100 for share in shares]] * 2)
    expected = np.take_along_axis(np.sort(rows, axis=1), places, axis=1)
    assert np.array_equal(values_at(rows, places), expected)


@LOOPS
@settings(max_examples=50, deadline=None)
@given(st.integers(1, 200), st.integers(0, 2**31), st.integers(1, 300), st.integers(-300, 300))
def test_the_mean_of_the_loudest_is_that_of_the_end_of_the_sorted_row(many, amount, seed, values, least):
    """Whole numbers, of which a few or many tie at the lowest of the loudest; of either sign, or of both."""
    rows = np.random.default_rng(seed).integers(least, least + values, (3, 200)).astype(np.float32)
    ordered = np.sort(rows, axis=1)[:, 200 - amount :]
    found = mean_of_loudest(rows, ordered[:, 0], ordered[:, -1], amount, many)
    assert (found == ordered.mean(axis=1, dtype=np.float64)).all()


@pytest.mark.parametrize("kind", ["maps", "few values", "constant", "noise", "broken", "zeros of both signs"])
@pytest.mark.parametrize("scale", [1, 1e-42, 3e37])
@pytest.mark.parametrize("power", [1, 9])
@pytest.mark.parametrize("moved", [0, -1000])
def test_the_mean_of_the_loudest_is_the_same_to_the_last_bit_in_compiled_loops(kind, scale, power, moved):
    """Also where values differ so much that a sum depends on its order, which the loops then leave to numpy."""
    with np.errstate(over="ignore", invalid="ignore"):
        rows = ((rows_of(kind, 100) + np.float32(moved)) ** power * np.float32(scale)).astype(np.float32)
        ordered = np.sort(rows, axis=1)
        plain, quick = (
            mean_of_loudest(rows, ordered[:, 7500], rows.max(axis=1), 2500, many) for many in (None, compiled._loops())
        )
    assert np.array_equal(plain, quick, equal_nan=True)


def test_truths_that_do_not_fit_into_memory_are_drawn_again(monkeypatch):
    truth, _ = random_truth(40, votes=2)
    names, chosen = ("ez-vsl", "hardway", "c2f-flickr", "dsol-solo"), np.array([3, 39, 0])
    kept = truth_masks.DrawnTruth(truth, units_of(truth, "clip"))
    planes = [kept.of(named(name), chosen).bits for name in names]
    monkeypatch.setattr(truth_masks, "_ROOM", 0)
    again = truth_masks.DrawnTruth(truth, units_of(truth, "clip"))
    for name, bits in zip(names, planes, strict=True):
        assert (bits == again.of(named(name), chosen).bits).all()
        assert (kept.levels(named(name))[0] == again.levels(named(name))[0]).all()
    assert kept._kept
    assert not again._kept
    monkeypatch.undo()
    beside_large_maps = truth_masks.DrawnTruth(truth, units_of(truth, "clip"), map_bytes=2**28 + 1)
    for name, bits in zip(names, planes, strict=True):
        assert (beside_large_maps.of(named(name), chosen).bits == bits).all()
    assert not beside_large_maps._kept
    for name, bits in zip(names, planes, strict=True):
        kept.forget(named(name))
        assert (kept.of(named(name), chosen).bits == bits).all()
    assert not kept._kept


def test_the_size_of_the_chunk_changes_nothing():
    truth, _ = random_truth(23, votes=2)
    maps = heat_maps(23)
    first, _ = score_all(maps, truth, resamples=20, chunk=23)
    again, _ = score_all(maps, truth, resamples=20, chunk=3)
    assert {name: result.to_json() for name, result in first.items()} == {
        name: result.to_json() for name, result in again.items()
    }
