import pytest

from avloc.plain_yaml import plain_yaml


@pytest.mark.parametrize("text, value", [
    ("17", 17), ("-17", -17), ("1_000", 1000), ("0x1F", 31), ("0", 0),
    ("1e-4", 1e-4), ("1E5", 1e5), ("-.5", -0.5), ("1.", 1.0), ("0.5e-3", 5e-4), ("-.inf", -float("inf")),
])  # fmt: skip
def test_numbers_are_read_as_people_write_them(text, value):
    found = plain_yaml(text)
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("text", ["017", "1:30", "1:30.5", "00", "+"])
def test_what_only_yaml_1_1_takes_for_a_number_is_text(text):
    assert plain_yaml(text) == text
