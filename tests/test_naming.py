"""Names in messages."""

from avloc.naming import first_double, some


def test_a_few_names_are_listed_and_dots_stand_for_the_rest():
    assert some(["a", "b"]) == "a, b" and some("abcd") == "a, b, c, ..." and some(map(str, range(3)), 2) == "0, 1, ..."
    assert some([]) == ""


def test_the_first_name_that_comes_again_is_found_in_one_pass_over_a_long_list():
    assert first_double(["a", "b", "b", "a"]) == "b" and first_double(["a", "b"]) is None
    assert first_double([*map(str, range(200_000)), "7"]) == "7"
