"""Rows of results are kept as columns, and read like lists and dictionaries of dictionaries."""

import copy
import pickle

import numpy as np
import pytest

from avloc.scoring import score
from avloc.scoring.breakdown import METRICS, _table
from avloc.scoring.rows import ClipRows
from tests.protocols.making import heat_maps, random_truth

IDS, VIDEOS = ["a", "b", "c", "d"], ["v", "v", "w", "x"]


def rows() -> ClipRows:
    """Three of four clips: one with two sources, one without a score, one whose prediction is missing."""
    found = ClipRows(IDS, VIDEOS, np.array([0, 1, 3], np.int32))
    found.after["ciou"] = {0: {"sources": [{"class": "x", "ciou": 0.5}, {"class": None, "ciou": 0.0}]}}
    found.add("ciou", np.array([0.25, 0.0, 0.5]), np.array([True, False, True]))
    found.add("missing", np.array([False, False, True]), np.array([False, False, True]))
    found.add("nothing", np.zeros(3), np.zeros(3, bool))
    found.add("confidence", np.array([0.1, -np.inf, np.nan]))
    return found


def test_a_row_has_the_values_that_its_clip_has_in_the_order_of_the_columns():
    first, second, third = rows()
    assert list(first.items())[:3] == [("id", "a"), ("video", "v"), ("ciou", 0.25)]
    assert list(first) == ["id", "video", "ciou", "sources", "confidence"]
    assert second == {"id": "b", "video": "v", "confidence": -np.inf}
    assert list(third) == ["id", "video", "ciou", "missing", "confidence"] and third["missing"] is True
    assert all(type(first[name]) is float for name in ("ciou", "confidence"))


def test_rows_are_read_like_a_list():
    found = rows()
    assert len(found) == 3 and found[-1]["id"] == "d"
    assert [row["id"] for row in found[1:]] == ["b", "d"]
    with pytest.raises(IndexError):
        found[3]
    found[0]["id"] = "z"
    assert found[0]["id"] == "a"


def test_rows_are_equal_where_their_values_are_and_survive_a_copy():
    truth, _ = random_truth(8)
    one, again = (score("ez-vsl", heat_maps(8), truth, resamples=0) for _ in range(2))
    other = score("ez-vsl", -heat_maps(8), truth, resamples=0)
    assert one.per_clip == again.per_clip == list(one.per_clip) != other.per_clip
    assert one.per_video == again.per_video == dict(one.per_video) != other.per_video
    for same in (copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert same.to_dict() == one.to_dict()
    assert repr(one.per_clip) == repr(list(one.per_clip)) and repr(one.per_video) == repr(dict(one.per_video))


def test_groups_are_read_like_a_dictionary_by_name():
    found = _table(np.array([0.5, 0.25, 1.0, 0.0]), ("v", "u", "v", ""), METRICS, strict=False)
    assert list(found) == ["u", "v"] and len(found) == 2 and "" not in found
    assert found["v"]["clips"] == 2 and found["v"]["ciou"] == 0.75 and found["v"]["locacc"] == 1.0
    assert type(found["v"]["clips"]) is int and found.get("w") is None
    with pytest.raises(KeyError):
        found["w"]


def test_a_clip_of_a_large_set_needs_few_bytes_in_each_result():
    """Beside the ids, which all results share: kept as dictionaries, it was hundreds."""
    truth, _ = random_truth(40)
    found = score("slavc", heat_maps(40), truth, resamples=0)
    columns = [values for values, _ in found.per_clip.columns.values()] + list(found.per_video.columns.values())
    assert sum(column.itemsize for column in columns) <= 60
    assert found.per_clip.ids is truth.ids
