"""`avloc recipes`: listing, printing and copying configurations."""

from pathlib import Path

import pytest

import avloc
from avloc.config import dump
from avloc.engine.experiment import read_experiment
from avloc.engine.resolved import fingerprint_of, resolved
from avloc.engine.shipped import config_path, configs_folder
from avloc.errors import AvlocError


def test_titles_are_whole_sentences_or_their_beginning():
    titles = [config.title for config in avloc.recipes().configs]
    assert titles and all(title[-1] not in ";, " and title[0] != "#" for title in titles)


def test_a_copy_needs_the_name_of_what_is_copied(tmp_path):
    with pytest.raises(AvlocError, match=r"--copy .*mine.yaml: name the configuration to copy"):
        avloc.recipes(copy=tmp_path / "mine.yaml")
    copied = avloc.recipes("dsol_music", str(tmp_path / "mine.yaml")).copied
    assert copied == tmp_path / "mine.yaml" and copied.read_text() == avloc.recipes("dsol_music").text
    with pytest.raises(AvlocError, match=r"nowhere/dsol_music.yaml: no such file; `avloc recipes` lists"):
        avloc.recipes("nowhere/dsol_music.yaml")
    with pytest.raises(AvlocError, match="exists already"):
        avloc.recipes("dsol_music", Path(copied))


def test_a_resolved_configuration_holds_all_values_and_reads_as_the_same_experiment(tmp_path):
    (tmp_path / "all.yaml").write_text(avloc.recipes("dsol_music", resolved=True).text)
    named, whole = (read_experiment(config_path(Path(name))) for name in ("dsol_music", str(tmp_path / "all.yaml")))
    assert resolved(whole) == resolved(named) == whole.source.values
    assert whole.source.values["stage1"]["train"]["gamma"] == 0.1
    assert "gamma" not in named.source.values["stage1"]["train"]
    with pytest.raises(AvlocError, match="--resolved: name the configuration"):
        avloc.recipes(resolved=True)


@pytest.mark.parametrize("path", sorted(configs_folder().glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_survives_being_resolved_and_read_again(path, tmp_path):
    named = read_experiment(path)
    (tmp_path / "all.yaml").write_text(dump(resolved(named)))
    again = read_experiment(tmp_path / "all.yaml")
    assert resolved(again) == resolved(named) and fingerprint_of(resolved(again)) == fingerprint_of(resolved(named))
    assert again.evaluate == named.evaluate


def test_a_file_that_is_no_text_is_one_line(tmp_path):
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    with pytest.raises(AvlocError, match=r"a\.png: cannot be read"):
        avloc.recipes(str(tmp_path / "a.png"))
