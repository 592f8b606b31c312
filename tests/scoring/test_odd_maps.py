"""Maps that a rule cannot judge, or that are not what they seem, are said to be so."""

import numpy as np
import pytest

from avloc.annotations import Truth
from avloc.errors import DataError
from avloc.protocols import PROTOCOLS, named
from avloc.protocols.judging import judges_masks
from avloc.scoring import score, score_all

BOXES = {f"clip{n}": [[0.1, 0.1, 0.5, 0.5 + 0.03 * n]] for n in range(10)}
TRUTH = Truth.of_boxes(BOXES)


def masks(size=224):
    found = np.zeros((10, size, size), np.float32)
    for heat, ((x0, y0, x1, y1),) in zip(found, BOXES.values(), strict=True):
        heat[int(y0 * size) : int(y1 * size), int(x0 * size) : int(x1 * size)] = 1
    return found


def test_a_perfect_mask_is_right_by_rules_that_can_judge_it_and_the_others_say_that_they_cannot():
    for name, result in score_all(masks(), TRUTH, resamples=0).results.items():
        if "ciou" not in result.metrics:
            continue
        if judges_masks(PROTOCOLS[name]):
            assert result.metrics["ciou"].value > 0.95, name
            assert not any("maps of two values" in line for line in result.warnings), name
        else:
            (line,) = [line for line in result.warnings if "maps of two values" in line]
            assert line.startswith("10 clips") and name in line and "threshold" in line and "avloc" in line


def test_a_map_of_three_values_is_no_mask():
    maps = masks()
    maps[:, 0, 0] = 0.5
    assert not any("two values" in line for line in score("ez-vsl", maps, TRUTH, resamples=0).warnings)


@pytest.mark.parametrize("name", ["kaist", "hardway"])
def test_what_can_judge_masks_is_found_by_trying_small_and_large_ones(name):
    """A strict threshold in the middle is right for small masks only; hardway keeps pixels of 1 as well."""
    assert judges_masks(named(name)) == (name == "hardway")


def test_maps_with_their_channel_last_are_not_taken_for_many_maps():
    with pytest.raises(DataError, match=r"\(10, 20, 40, 1\) have their channel last"):
        score("avloc", np.zeros((10, 20, 40, 1)), TRUTH)


@pytest.mark.parametrize(
    "name", ["avloc", "ez-vsl", "slavc", "acl", "denseav", "noprior-fixed", "avgn-fixed", "c2f-flickr"]
)
def test_maps_of_their_own_sizes_score_as_each_of_them_alone(name):
    rng = np.random.default_rng(0)
    maps = [rng.standard_normal((7 + n, 9 + 2 * n)).astype(np.float32) for n in range(10)]
    found = score(name, maps, TRUTH, resamples=0)
    alone = [score(name, one[None], TRUTH.take([n]), resamples=0) for n, one in enumerate(maps)]
    assert [row["ciou"] for row in found.per_clip] == [
        row["ciou"] for one in alone for row in one.per_clip
    ] or name == "acl"
    assert found.counts["evaluated"] == 10


def test_a_mask_of_its_own_size_is_known_as_a_mask_after_it_was_resized():
    maps = [one[: 224 - n] for n, one in enumerate(masks())]
    assert any(
        "10 clips have maps of two values" in line for line in score("ez-vsl", maps, TRUTH, resamples=0).warnings
    )


def test_clips_with_different_numbers_of_maps_are_refused():
    with pytest.raises(DataError, match="1 to 2 maps per clip"):
        score("avloc", [np.zeros((1, 7, 7)), np.zeros((2, 8, 8))], TRUTH)


@pytest.mark.parametrize(
    ("protocol", "told"), [("gar", True), ("c2f-flickr", True), ("ez-vsl", False), ("sspl", False)]
)
def test_values_of_pictures_are_told_where_they_are_compared_with_a_fixed_threshold(protocol, told):
    truth = Truth.of_boxes({"a": [[0, 0, 0.5, 0.5]], "b": [[0, 0, 1, 0.5]]})
    masks = np.zeros((2, 8, 8))
    masks[:, :4, :4] = 1
    for scale, expected in ((1, False), (255, told)):
        lines = score(protocol, masks * scale, truth, resamples=0).warnings
        assert any("values up to 255" in line and "divided by 255" in line for line in lines) == expected
    raw = score("c2f-flickr", masks * 1.7, truth, resamples=0).warnings
    assert not any("values up to" in line for line in raw), "raw maps of a model"
