"""Names in messages."""

import os

import pytest

from avloc.naming import brief, counted, first_double, printable, some, utf8_name, whole


def test_a_few_names_are_listed_and_dots_stand_for_the_rest():
    assert some(["a", "b"]) == "a, b" and some("abcd") == "a, b, c, ..." and some(map(str, range(3)), 2) == "0, 1, ..."
    assert some([]) == ""


def test_what_is_counted_is_one_or_several():
    assert [counted(number, "clip has", "clips have") for number in (0, 1, 2)] == [
        "0 clips have",
        "1 clip has",
        "2 clips have",
    ]


def test_the_first_name_that_comes_again_is_found_in_one_pass_over_a_long_list():
    assert first_double(["a", "b", "b", "a"]) == "b" and first_double(["a", "b"]) is None
    assert first_double([*map(str, range(200_000)), "7"]) == "7"


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7), (" 030 ", 30), ("0" * 5000 + "1", 1), ("999", 999), ("1000", None), ("9" * 5000, None), ("²", None),
        ("٣", 3), ("-1", None), ("1.0", None), ("", None), ("0", 0),
    ],
)  # fmt: skip
def test_a_whole_number_in_text_is_one_that_can_be(text, number):
    assert whole(text, 999) == number


def test_long_names_are_cut_in_the_middle():
    assert brief("a" * 60) == "a" * 60 and len(brief("a" * 61)) == 60
    assert brief("x" * 500 + "what to do", 30).endswith("what to do"[-9:])
    assert len(some(["y" * 1000] * 9)) < 200


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 猫 👨\u200d👩\u200d👧", "plain é 猫 👨\u200d👩\u200d👧"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines\ttab", "two\\nlines\\ttab"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj.exe", "\\u202egpj.exe"),
        ("caf\udce9", "caf\\xe9"),
        ("a\u2028b", "a\\u2028b"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_what_a_terminal_would_obey_is_spelled_out(text, shown):
    assert printable(text) == shown
    assert printable("two\nlines", "\n") == "two\nlines"


def test_names_of_files_that_are_not_utf_8_become_text_that_is_told_apart():
    latin, other = os.fsdecode(b"caf\xe9.mp4"), os.fsdecode(b"100%\xe8.mp4")
    assert (utf8_name(latin), utf8_name(other)) == ("caf%E9.mp4", "100%25%E8.mp4")
    assert utf8_name("café 100%.mp4") == "café 100%.mp4"
    assert utf8_name("caf\udcc3\udca9.mp4") == "café.mp4"  # as Python reads it where its encoding is ASCII
