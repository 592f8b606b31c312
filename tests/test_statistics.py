"""Intervals and comparisons: seeded, the same whatever the block, and wide where clips share a video."""

import numpy as np
import pytest

from avloc import statistics
from avloc.statistics import (
    bootstrap_mean,
    bootstrap_ratios,
    bootstrap_statistic,
    draws,
    group_numbers,
    paired_difference,
    paired_p_value,
)


def test_a_resample_draws_as_many_clips_as_there_are():
    table = np.concatenate(list(draws(40, 300, seed=1)))
    assert table.shape == (300, 40)
    assert (table.sum(axis=1) == 40).all()
    assert (np.concatenate(list(draws(40, 300, seed=1))) == table).all()
    assert (np.concatenate(list(draws(40, 300, seed=2))) != table).any()


@pytest.mark.parametrize(("drawn", "kind"), [(255, np.uint8), (256, np.uint16), (70_000, np.uint32)])
def test_counts_of_draws_are_held_whole_in_few_bytes(drawn, kind):
    counts = statistics._counts(np.zeros((2, drawn), np.int32))
    assert counts.dtype == kind and counts[:, 0].tolist() == [drawn, drawn] and not counts[:, 1:].any()


def test_smaller_blocks_for_many_clips_draw_the_same(monkeypatch):
    usual = np.concatenate(list(statistics.picks(33, 50, seed=3)))
    monkeypatch.setattr(statistics, "_DRAWN", 4 * 33)
    blocks = list(statistics.picks(33, 50, seed=3))
    assert len(blocks) == 13 and np.array_equal(np.concatenate(blocks), usual)


def test_the_interval_of_a_mean_is_that_of_a_loop_over_resamples():
    values = np.random.default_rng(0).random(50)
    means = [values @ row / 50 for block in draws(50, 400, seed=3) for row in block]
    assert bootstrap_mean(values, resamples=400, seed=3) == pytest.approx(np.quantile(means, [0.025, 0.975]))


def test_a_rate_of_85_percent_over_250_images_has_4_points_to_each_side():
    low, high = bootstrap_mean(np.arange(250) < 0.85 * 250)
    assert (high - low) / 2 == pytest.approx(0.044, abs=0.004)


def test_clips_of_one_video_do_not_make_a_number_sure():
    values = np.repeat(np.random.default_rng(1).random(6), 100)
    videos = [f"v{clip // 100}" for clip in range(600)]
    by_clip, by_video = bootstrap_mean(values), bootstrap_mean(values, videos)
    assert by_video[1] - by_video[0] > 5 * (by_clip[1] - by_clip[0])


def test_clips_without_a_value_are_left_out():
    assert bootstrap_mean([1.0, np.nan, 1.0]) == (1.0, 1.0)
    assert np.isnan(bootstrap_ratios(np.zeros(3), np.zeros(3))).all()
    assert np.isnan(bootstrap_ratios(np.zeros(0), np.zeros(0))).all()


def test_any_statistic_can_be_drawn():
    values = np.random.default_rng(2).random(80)

    def median(drawn):
        return np.array([np.median(np.repeat(values, row.astype(int))) for row in drawn])

    ends = bootstrap_statistic(median, 80, resamples=500)
    assert ends.shape == (1, 2)
    assert ends[0, 0] < np.median(values) < ends[0, 1]


def test_a_method_differs_from_a_worse_one_and_not_from_itself():
    rng = np.random.default_rng(4)
    good = rng.random(200)
    bad = np.clip(good - 0.1 + 0.02 * rng.standard_normal(200), 0, 1)
    difference, (low, high) = paired_difference(good, bad)
    assert 0 < low < difference < high
    assert paired_p_value(good, bad) < 0.01
    assert paired_difference(good, good) == (0.0, (0.0, 0.0))
    assert paired_p_value(good, good) == 1.0
    assert paired_p_value(good, bad, ["one video"] * 200) > 0.4, "one video can show nothing"


def test_without_resamples_there_is_no_p():
    assert np.isnan(paired_p_value([0.5, 0.6], [0.1, 0.2], resamples=0))


def test_a_comparison_without_pairs_is_refused():
    with pytest.raises(ValueError, match="shared clips"):
        paired_difference([np.nan], [1.0])


def test_videos_are_numbered_as_they_appear():
    numbers, count = group_numbers(["b", "a", "b"])
    assert numbers.tolist() == [0, 1, 0]
    assert count == 2
