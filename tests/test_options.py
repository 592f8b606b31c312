"""Arguments that no verb could use are refused in one line, from Python and from the command line alike."""

import pytest

import avloc
from avloc.annotations.files import Files
from avloc.errors import AvlocError
from avloc.options import MOST_RESAMPLES
from tests.commands import error_of


@pytest.fixture
def loop(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    return tmp_path / "loop"


@pytest.mark.parametrize("name", ["x" * 300, "a/" * 2000 + "b", "a\0b"])
def test_what_no_path_can_be_is_one_line(name):
    with pytest.raises(AvlocError, match=r"cannot be a path|folders deep") as error:
        avloc.info(name)
    assert len(str(error.value)) < 200
    assert "\0" in name or error_of("info", name)  # no program can be started with such a word


def test_a_link_to_itself_is_one_line(loop):
    with pytest.raises(AvlocError, match=r"loop: cannot be a path \(Too many levels of symbolic links"):
        avloc.data_check(loop)


def test_a_link_to_itself_among_annotations_does_no_harm(loop):
    assert Files(loop.parent).maybe("boxes.json") is None


@pytest.mark.parametrize("number", [-1, MOST_RESAMPLES + 1, 10**30])
def test_a_number_that_would_never_end_is_one_line(number):
    with pytest.raises(AvlocError, match=f"expected 0 to {MOST_RESAMPLES}"):
        avloc.compare("a.json", "b.json", resamples=number)
    assert "--resamples" in error_of("compare", "a.json", "b.json", "--resamples", number)
