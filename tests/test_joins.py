"""Names that meet files: which belong together, what is left over, and what is never settled by chance."""

import logging
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from avloc.errors import DataError
from avloc.joins import EXACT, FOLDERS, Index, Matched, match, sorted_out
from avloc.leftovers import ASIDE, Join, joined, told

NFC, NFD = unicodedata.normalize("NFC", "é"), unicodedata.normalize("NFD", "é")


@pytest.mark.parametrize(
    ("asked", "there"),
    [
        ("a", "a"),
        ("a", "a.mp4"),
        ("a.wav", "a.MP4"),
        (NFC, NFD + ".jpg"),
        ("videoA\\000066.png", "videoA/000066"),
        ("000066", "videoA/000066.npy"),
        ("videoA/000066", "000066"),
        ("test/videoA/000066", "videoA/000066"),
        ("a.flac a.mp4", "v/a.mp4"),
    ],
)
def test_a_name_is_found_in_another_spelling(asked, there):
    assert match([asked], [there, "other"]).pairs == {asked: there}
    assert match([asked], [there]) == Matched({asked: there}, (), {}, ())


@pytest.mark.parametrize(
    ("asked", "there"), [("a", "b"), ("a/1", "b/1"), ("a", "A"), ("1", "01"), ("a.b", "a"), ("x/1", "y/x/2")]
)
def test_another_name_is_not_taken_for_it(asked, there):
    assert match([asked], [there]) == Matched({}, (asked,), {}, (there,))


def test_what_fits_two_names_equally_well_belongs_to_neither():
    found = match(["0001", "x"], ["dog/0001.mp4", "cat/0001.mp4", "x"])
    assert found.pairs == {"x": "x"} and found.ambiguous == {"0001": ("dog/0001.mp4", "cat/0001.mp4")}
    assert found.missing == () and found.unused == ()  # both files are spoken of
    assert match(["a"], ["a.mp4", "a.mkv"]).ambiguous == {"a": ("a.mp4", "a.mkv")}


def test_the_nearest_spelling_counts():
    assert match(["0001"], ["dog/0001", "0001"]).pairs == {"0001": "0001"}
    assert match(["a.mp4"], ["a.mkv", "a.mp4"]).pairs == {"a.mp4": "a.mp4"}
    assert match([NFC], [NFD, NFC]).pairs == {NFC: NFC}


def test_one_file_is_not_given_to_two_names():
    both = match(["a/x", "b/x"], ["x"])
    assert both == Matched({}, (), {}, (), {"a/x": "x", "b/x": "x"})
    line = "l: 2 of 2 listed ids match the same file as another: a/x (x), b/x (x)"
    assert str(joined("l", both)) == line and set(both.doubtful) == {"a/x", "b/x"}
    assert match(["x", "b/x"], ["x"]) == Matched({"x": "x"}, ("b/x",), {}, ())
    assert match(["a.mp4", "a.wav"], ["a"]).pairs == {}
    # labels may be written under two spellings of one name, but not under names in two folders
    assert match(["a.mp4", "a.wav"], ["a"], alone=False).pairs == {"a.mp4": "a", "a.wav": "a"}
    assert match(["a/x", "b/x"], ["x"], alone=False).pairs == {}


NAMES = some.lists(
    some.builds(
        lambda folders, stem, ending: "/".join([*folders, stem]) + ending,
        some.lists(some.sampled_from(["a", "b", NFC, NFD]), max_size=2),
        some.sampled_from(["1", "2", NFC, NFD]),
        some.sampled_from(["", ".mp4", ".WAV", ".png"]),
    ),
    max_size=12,
    unique=True,
)


@settings(deadline=None)
@given(NAMES, NAMES, some.booleans())
def test_matched_and_left_over_add_up_and_no_file_has_two_names(asked, there, alone):
    found = match(asked, there, alone=alone)
    assert sorted([*found.pairs, *found.missing, *found.ambiguous, *found.shared]) == sorted(asked)
    assert set(found.pairs.values()) <= set(there) and set(found.unused) <= set(there)
    assert not set(found.unused) & set(found.pairs.values())
    touched = {*found.pairs.values(), *(one for several in found.doubtful.values() for one in several)}
    assert set(there) <= {*touched, *found.unused}
    if alone:
        assert len(set(found.pairs.values())) == len(found.pairs)
    for name in set(asked) & set(there):
        assert found.pairs[name] == name  # the exact name always wins


@settings(deadline=None)
@given(NAMES, NAMES)
def test_the_order_of_names_decides_nothing(asked, there):
    one, other = match(asked, there), match(asked[::-1], there[::-1])
    assert one.pairs == other.pairs and set(one.missing) == set(other.missing)
    assert set(one.ambiguous) == set(other.ambiguous) and one.shared == other.shared


def test_200_000_names_are_matched_in_seconds():
    count, began = 200_000, time.process_time()
    there = [f"v/{n % 100}/id{n:08d}.mp4" for n in range(count)]
    found = match((f"id{n:08d}" for n in range(0, 2 * count, 2)), there)
    assert (len(found.pairs), len(found.missing), len(found.unused)) == (count // 2, count // 2, count // 2)
    same = [f"video{n:06d}/0001.jpg" for n in range(count)]  # a stem that all have
    assert Index(same).find("0001")[0] == FOLDERS and Index(same).find(same[7]) == (EXACT, [same[7]])
    assert len(match((f"x{n}/0001" for n in range(count)), same).missing) == count
    assert len(match((f"x{n}/0001" for n in range(count)), ["0001"]).shared) == count
    assert time.process_time() - began < 30  # some 8 s; far more where anything is quadratic


def labels() -> Join:
    found = match(["a", "b", "c", "d", "x"], ["x", "y", "z"])
    return joined("labels.csv", found, "ids match no video", "videos have no label")


def test_a_join_is_told_in_one_line(caplog):
    line = "labels.csv: 4 of 5 ids match no video: a, b, c, ...; 2 videos have no label: y, z"
    assert str(labels()) == line
    with caplog.at_level(logging.INFO):
        assert told([labels(), joined("whole", match(["a"], ["a"]), "ids match no video")]) == (labels(),)
    assert [record.getMessage() for record in caplog.records] == [line]
    assert str(joined("l", match([], ["y"]), unused="videos have no label")) == "l: 1 video has no label: y"


def test_strict_refuses_what_is_left_over():
    with pytest.raises(
        DataError, match=r"^labels.csv: 4 of 5 ids match no video: a, b, c, \.\.\.; 2 videos .*--strict"
    ):
        told([labels()], strict=True)
    both = joined("l.txt", match(["0001"], ["dog/0001.mp4", "cat/0001.mp4"]))
    with pytest.raises(
        DataError, match=r"1 of 1 listed ids match more than one file: 0001 \(dog/0001.mp4, cat/0001.mp4\)"
    ):
        told([both], strict=True)


def test_what_a_list_did_not_choose_is_no_mistake(caplog):
    chosen = joined("l.txt", match(["a"], ["a", "b"]), "ids match no video", aside="videos are not in any list")
    assert told([chosen], strict=True) == (chosen,) and not chosen.wrong and not caplog.records
    assert chosen.left[0].kind == ASIDE and str(chosen) == "l.txt: 1 video is not in any list: b"
    mixed = joined("l.txt", match(["a", "c"], ["a", "b"]), "ids match no video", aside="videos are not in any list")
    assert mixed.warning() == "l.txt: 1 of 2 ids match no video: c"


def test_a_join_is_kept_as_json():
    many = joined("l.csv", match(map(str, range(90)), ["x"]), "ids match no video", "videos have no label")
    kept = many.to_json()
    assert kept["left"][0] == {
        "kind": "missing", "count": 90, "words": "of 90 ids match no video", "names": ["0", "1", "2", "3", "4"],
    }  # fmt: skip
    assert Join.from_json(kept) == many
    for broken in ({}, [], {"what": "a", "matched": "x", "left": []}, {"what": "a", "matched": 1, "left": [{}]}):
        with pytest.raises(DataError, match="expected what, matched and left"):
            Join.from_json(broken)  # type: ignore[arg-type]


def test_long_and_hostile_names_are_shown_short_and_plain():
    line = str(joined("x" * 300, match(["\x1b[31m" + "y" * 300, "caf\udce9"], ["z"]), "ids match no video"))
    assert len(line) < 500 and "\\x1b[31m" in line and "caf\\xe9" in line and "\x1b" not in line


def test_partners_that_were_looked_for_elsewhere():
    found = sorted_out(["a", "b", "c"], {"b"}, {"c": ("c.mp4", "c.mkv")}, ["d"])
    assert found == Matched({"a": "a"}, ("b",), {"c": ("c.mp4", "c.mkv")}, ("d",))
