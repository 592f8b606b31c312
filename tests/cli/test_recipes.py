"""`avloc recipes`: listing, printing and copying configurations."""

from pathlib import Path

import pytest

import avloc
from avloc.errors import AvlocError


def test_titles_are_whole_sentences_or_their_beginning():
    titles = [config.title for config in avloc.recipes().configs]
    assert titles and all(title[-1] not in ";, " and title[0] != "#" for title in titles)


def test_a_copy_needs_the_name_of_what_is_copied(tmp_path):
    with pytest.raises(AvlocError, match=r"--copy .*mine.yaml: name the configuration to copy"):
        avloc.recipes(copy=tmp_path / "mine.yaml")
    copied = avloc.recipes("dsol_music", str(tmp_path / "mine.yaml")).copied
    assert copied == tmp_path / "mine.yaml" and copied.read_text() == avloc.recipes("dsol_music").text
    with pytest.raises(AvlocError, match="there is a file already"):
        avloc.recipes("dsol_music", Path(copied))
