"""Whether maps tell what sounds from what does not, and what the box of the largest object gets."""

import numpy as np
import pytest

from avloc.annotations.truth import Truth
from avloc.engine.comparing import clip_values
from avloc.scoring import score
from avloc.scoring.tells import tells
from avloc.statistics import paired_difference

LEFT, RIGHT = (0.0, 0.25, 0.5, 0.75), (0.5, 0.0, 1.0, 1.0)  # the right one is the larger


def truth_of(sounding: list, silent: list, scenes: list[str] | None = None) -> Truth:
    """A clip for each place of the lists, with these boxes."""
    clips = [number for number, boxes in enumerate(sounding) for _ in boxes]
    others = [number for number, boxes in enumerate(silent) for _ in boxes]
    ids = [f"clip{number}" for number in range(len(sounding))]
    return Truth(
        ids, ids, np.array([box for boxes in sounding for box in boxes]), np.array(clips), np.zeros(len(clips), int), ("a",),
        silent_boxes=np.array([box for boxes in silent for box in boxes]), silent_clip=np.array(others), scenes=scenes,
    )  # fmt: skip


def halves(*values: tuple[float, float]) -> np.ndarray:
    """Maps whose left and right halves have these values."""
    return np.array([[[[left, left, right, right]] * 4] for left, right in values], np.float32)


def test_a_pair_is_told_apart_where_the_map_is_higher_at_what_sounds():
    truth = truth_of([[LEFT], [LEFT], [RIGHT], [LEFT]], [[RIGHT], [RIGHT], [LEFT], [RIGHT]])
    found = tells(halves((1, 0), (0, 1), (0.2, 0.3), (0.5, 0.5)), truth, np.arange(4))
    assert found == {"value": (1 + 0 + 1 + 0.5) / 4, "pairs": 4, "chance": 0.5}


def test_only_clips_that_are_kept_count_and_a_broken_map_tells_nothing():
    truth = truth_of([[LEFT], [LEFT], [LEFT]], [[RIGHT], [RIGHT], []])
    maps = halves((1, 0), (1, 0), (1, 0))
    assert tells(maps, truth, np.array([0, 2]))["pairs"] == 1
    maps[0] = np.nan
    assert tells(maps, truth, np.arange(3)) == {"value": 0.5, "pairs": 2, "chance": 0.5}


def test_without_silent_objects_there_is_nothing_to_tell():
    truth = Truth(["a"], ["a"], np.array([LEFT]), np.array([0]), np.array([0]), ("a",))
    assert tells(halves((1, 0)), truth, np.arange(1)) == {}
    assert "tells" not in score("avloc", halves((1, 0)), truth, resamples=0).extra
    assert "largest object" not in score("avloc", halves((1, 0)), truth, resamples=0).baselines


@pytest.mark.parametrize("protocol", ["avloc", "kaist", "ez-vsl"])
def test_the_largest_object_is_a_baseline_that_does_not_listen(protocol):
    truth = truth_of([[LEFT], [RIGHT]], [[RIGHT], [LEFT]])
    result = score(protocol, halves((1, 0), (0, 1)), truth, resamples=0)
    assert result.baselines["largest object"]["ciou"] == pytest.approx(0.5, abs=0.01)


def test_a_scene_counts_where_all_its_sounds_are_found_and_clips_of_none_are_left_out():
    truth = truth_of(
        [[LEFT], [RIGHT], [LEFT], [RIGHT], [LEFT]],
        [[RIGHT], [LEFT], [RIGHT], [LEFT], [RIGHT]],
        ["s", "s", "t", "t", ""],
    )
    maps = np.zeros((5, 1, 4, 4), np.float32)
    maps[[0, 2, 3, 4], :, 1:3, :2] = 1
    maps[1, :, :, 2:] = 1
    result = score("kaist", maps, truth, resamples=0)
    assert result.metrics["iiou"].value == 0.5


def test_each_object_is_looked_at_in_the_map_of_its_own_class():
    truth = truth_of([[LEFT], [LEFT]], [[RIGHT], [RIGHT]])
    truth.silent_class = np.array([1, -1])
    table = np.eye(2, dtype=bool)
    dogs, cats = halves((0.6, 0.9), (0.6, 0.2)), halves((0.1, 0.5), (0.1, 0.7))
    found = tells(np.concatenate([dogs, cats], axis=1), truth, np.arange(2), table)
    assert found["value"] == 0.5  # the cat has 0.5 of its own map; the silent object without a class 0.7 of one of them
    assert tells(np.concatenate([dogs, cats], axis=1), truth, np.arange(2)) == {}


def test_two_methods_are_compared_by_the_pairs_of_each_clip():
    """The first clip has two pairs, so it counts twice."""
    truth = truth_of([[LEFT], [LEFT]], [[RIGHT, RIGHT], [RIGHT]])
    one, other = (score("avloc", halves(*own), truth, resamples=0) for own in ([(1, 0), (0, 1)], [(0, 1), (1, 0)]))
    assert [row["pairs"] for row in one.per_clip] == [2, 1] and one.metrics["tells"].value == pytest.approx(2 / 3)
    values = [clip_values(found.per_clip, found.protocol.axes(), ["tells"])["tells"] for found in (one, other)]
    assert values[0].mean() == pytest.approx(2 / 3)
    assert paired_difference(*values, resamples=10)[0] == pytest.approx(2 / 3 - 1 / 3)
