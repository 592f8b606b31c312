"""What each clip adds to a metric."""

import numpy as np
import pytest

from avloc.engine.comparing import clip_values
from avloc.protocols import named


@pytest.mark.parametrize(("protocol", "reached"), [("ez-vsl", [1, 1, 0]), ("slavc", [0, 1, 0])])
def test_a_clip_at_the_threshold_counts_as_its_protocol_says(protocol, reached):
    rows = [{"ciou": 0.5}, {"ciou": 0.75}, {"ciou": 0.25}, {"ciou": None}]
    found = clip_values(rows, named(protocol).axes(), ["locacc", "ciou"])
    np.testing.assert_array_equal(found["locacc"], [*reached, np.nan])
    np.testing.assert_array_equal(found["ciou"], [0.5, 0.75, 0.25, np.nan])


@pytest.mark.parametrize(("aggregate", "reached"), [("pooled", [0.5, 1]), ("frame", [1, 1])])
def test_sources_count_one_by_one_or_by_the_mean_of_their_frame(aggregate, reached):
    two = {"ciou": 0.5, "sources": [{"ciou": 0.8}, {"ciou": 0.2}]}
    found = clip_values([two, {"ciou": 0.6}], named("avgn-fixed").with_axes(aggregate=aggregate).axes(), ["ciou@0.4"])
    assert found["ciou@0.4"].tolist() == reached


def test_a_result_without_clips_has_none_to_compare():
    assert clip_values([], named("denseav").axes(), ["cap"]) == {}
