"""Compiled loops give what numpy gives, bit for bit, and scoring does without them where they cannot be had."""

import dataclasses
import sys

import numpy as np
import pytest

from avloc.metrics.precision import average_precisions
from avloc.scoring import fast, score_all
from avloc.scoring.fast import compiled, loops, precision_loops
from avloc.scoring.fast.histograms import BINS, histograms
from tests.protocols.making import heat_maps, random_truth

KINDS = (
    "dense",
    "few values",
    "constant",
    "zeros of both signs",
    "negative",
    "infinite",
    "huge",
    "subnormal",
    "crowded",
)


def rows_of(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Six rows of 3,000 scores, and truths with all, none, or some of the pixels."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((6, 3000)).astype(np.float32)
    if kind == "few values":
        rows = rows.round()
    elif kind == "constant":
        rows[:] = 0.25
    elif kind == "zeros of both signs":
        rows = np.where(rows > 0, np.float32(0), np.float32(-0.0))
    elif kind == "negative":
        rows = -np.abs(rows)
    elif kind == "infinite":
        rows[:, ::7], rows[:, 1::7] = np.inf, -np.inf
    elif kind == "huge":
        rows *= np.float32(5e37)
    elif kind == "subnormal":
        rows *= np.float32(1e-42)
    elif kind == "crowded":  # nearly all scores within a millionth of the range
        rows[:, 0] = 1e7
    marked = rng.random(rows.shape) < np.array([0, 1, 0.5, 0.2, 0.001, 0.99])[:, None]
    return rows, marked


@pytest.mark.parametrize("sort_keys", [precision_loops.sort_keys, None], ids=["sorted here", "sorted by numpy"])
@pytest.mark.parametrize("kind", KINDS)
def test_average_precisions_are_those_of_numpy(kind, sort_keys):
    rows, marked = rows_of(kind)
    many = dataclasses.replace(compiled._loops(), sort_keys=sort_keys)
    found = compiled.quick_average_precisions(many, marked, rows)
    assert found.tolist() == average_precisions(marked, rows).tolist()
    assert found[0] == 0 and found[1] == 1


@pytest.mark.parametrize(
    "kind, sorted_here", [("dense", True), ("negative", True), ("constant", False), ("crowded", False)]
)
def test_keys_are_sorted_by_their_score_or_left_to_numpy(kind, sorted_here):
    rows, marked = rows_of(kind)
    keys, places, room = np.empty(3000, np.int32), np.empty(3000, np.int32), np.empty(3000, np.int64)
    for row, truth in zip(rows, marked, strict=True):
        precision_loops.sortable(row.view(np.int32), truth, keys)
        given = np.sort(keys)
        assert precision_loops.sort_keys(keys, row.min(), row.max(), places, room) == sorted_here
        assert np.sort(keys).tolist() == given.tolist()
        if sorted_here:
            assert (keys >> 1).tolist() == (given >> 1).tolist()


@pytest.mark.parametrize("ends", [(-2.0, 2.5), (0.25, 0.25), (-1e38, 1e38), (-3e38, 3e38)])
@pytest.mark.parametrize("kind", KINDS)
def test_histograms_are_those_of_numpy(kind, ends):
    rows, marked = rows_of(kind)
    with np.errstate(over="ignore", invalid="ignore"):
        fine, coarse = histograms(rows, marked, *ends)
        quick_fine, quick_coarse = histograms(rows, marked, *ends, compiled._loops())
    assert (fine == quick_fine).all() and (coarse == quick_coarse).all()
    assert fine.sum() == coarse.sum() == rows.size and fine[BINS:].sum() == marked.sum()


@pytest.mark.parametrize("pixels", [5, 512, 3000])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_counts_of_masks_are_those_of_numpy(levels, pixels):
    rng = np.random.default_rng(levels)
    rows = rng.standard_normal((4, pixels)).astype(np.float32)
    rows[3] = np.inf
    cuts = np.float32([[-9] * 4, [0] * 4, [0.5, rows[1, 2], np.nan, 9], [np.inf] * 4])
    marked = rng.random((4, levels, pixels)) < 0.4
    masks, hits = np.empty((4, 4), np.int64), np.empty((4, 4, levels), np.int64)
    compiled._loops().mask_counts(rows, cuts, marked, masks, hits)
    heard = rows >= cuts[:, :, None]
    assert (masks == heard.sum(axis=2)).all() and masks[0].tolist() == [pixels] * 4
    assert (hits == (heard[:, :, None] & marked).sum(axis=3)).all()


@pytest.mark.parametrize("pixels", [7, 64, 3001])
@pytest.mark.parametrize("ends", [(-0.5, 0.25), (0.0, 0.0), (3.0, 9.0), (-np.inf, np.inf)])
def test_pixels_between_two_values_are_those_of_numpy(ends, pixels):
    row = np.random.default_rng(0).standard_normal(pixels).astype(np.float32).round(1)
    low, high = np.float32(ends)
    inside, room = np.empty(pixels, np.uint8), np.empty(pixels + 1, np.float32)
    fewer, amount = loops.between(row, low, high, inside, room)
    assert fewer == (row < low).sum() == loops.below(row, low)
    assert room[:amount].tolist() == row[(row >= low) & (row <= high)].tolist()


def test_scoring_gives_the_same_with_and_without_them(monkeypatch):
    truth, _ = random_truth(20)
    maps = heat_maps(20)
    without, _ = score_all(maps, truth, resamples=30)
    monkeypatch.setattr(compiled, "ENOUGH", 0)
    assert compiled.loops(maps) is not None
    with_them, _ = score_all(maps, truth, resamples=30)
    assert {name: one.to_dict() for name, one in without.items()} == {
        name: one.to_dict() for name, one in with_them.items()
    }


def test_maps_whose_resized_pixels_no_float32_holds_score_the_same_with_and_without_them(monkeypatch):
    truth, _ = random_truth(20)
    maps = heat_maps(20)
    maps[3] *= np.float32(2e38) / np.abs(maps[3]).max()
    maps[4] = np.where(maps[4] > 0, np.float32(3.4e38), np.float32(-3.4e38))
    with np.errstate(over="ignore", invalid="ignore"):
        without, _ = score_all(maps, truth, resamples=5)
        monkeypatch.setattr(compiled, "ENOUGH", 0)
        with_them, _ = score_all(maps, truth, resamples=5)
    assert len(without) == len(with_them) > 20
    for name, one in without.items():
        assert one.to_dict() == with_them[name].to_dict(), name


def test_they_are_not_loaded_for_few_maps_or_beside_large_ones(monkeypatch):
    few, many = np.zeros((999, 2, 2), np.float32), np.zeros((1000, 2, 2), np.float32)
    assert compiled.loops(few) is None and compiled.loops(many) is not None
    monkeypatch.setattr(compiled, "ROOM", many.nbytes - 1)
    assert compiled.loops(many) is None


@pytest.mark.parametrize("values", [1, 2, 40])
@pytest.mark.parametrize("amount", [1, 2, 3, 50, 501])
def test_the_selected_value_is_that_of_sorting(amount, values):
    given = np.random.default_rng(amount).integers(0, values, amount).astype(np.float32)
    given[:: amount // 3 + 1] = np.inf
    for place in {0, amount // 3, amount // 2, amount - 1}:
        assert loops.selected(given.copy(), place) == np.sort(given)[place]


def test_without_numba_there_are_none(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)  # importing it raises ImportError
    monkeypatch.delitem(sys.modules, "avloc.scoring.fast.loops")
    monkeypatch.delattr(fast, "loops")
    assert compiled._loops.__wrapped__() is None


@pytest.mark.parametrize("reason", [RuntimeError("cannot cache function: no locator"), OSError(28, "disk full")])
def test_where_nothing_can_be_kept_they_are_compiled_each_time(monkeypatch, reason):
    calls = []

    def njit(signature, cache=False, **options):
        calls.append(cache)
        if cache:
            raise reason
        return lambda loop: loop

    monkeypatch.setattr(loops.numba, "njit", njit)
    assert loops.quick("int64(int64)")(len) is len
    assert calls == [True, False]
