"""How figures are written in tables."""

import pytest

from avloc.percents import ends, percent


@pytest.mark.parametrize(
    ("value", "plain", "signed"),
    [
        (0.6324, "63.2", "+63.2"),
        (-0.051, "-5.1", "-5.1"),
        (0.0, "0.0", "0.0"),
        (-0.0004, "0.0", "0.0"),
        (0.0004, "0.0", "0.0"),
        (None, "-", "-"),
        (float("nan"), "-", "-"),
    ],
)
def test_a_fraction_is_shown_in_percent_and_nothing_is_minus_zero(value, plain, signed):
    assert (percent(value), percent(value, True)) == (plain, signed)


def test_the_ends_of_an_interval_are_written_like_values():
    assert ends((-0.0004, 0.0149)) == "0.0 to 1.5" and ends(None) == ""
