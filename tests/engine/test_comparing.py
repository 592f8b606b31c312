"""What each clip adds to a metric."""

import numpy as np
import pytest

from avloc.engine.comparing import clip_values
from avloc.protocols import named
from avloc.protocols.result import Metric, Result


@pytest.mark.parametrize(("protocol", "reached"), [("ez-vsl", [1, 1, 0]), ("slavc", [0, 1, 0])])
def test_a_clip_at_the_threshold_counts_as_its_protocol_says(protocol, reached):
    rows = [{"ciou": 0.5}, {"ciou": 0.75}, {"ciou": 0.25}, {"ciou": None}]
    result = Result("", named(protocol), "", {}, {"locacc": Metric(0.0), "ciou": Metric(0.0)}, rows)
    found = clip_values(result)
    np.testing.assert_array_equal(found["locacc"], [*reached, np.nan])
    np.testing.assert_array_equal(found["ciou"], [0.5, 0.75, 0.25, np.nan])
