"""Stores that may only be read, and stores without a word of where they lie."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path

import pytest

import avloc
from avloc.errors import AvlocError
from tests.data.making import content, make_music
from tests.engine.tiny import make_tiny_store, tiny_config, write_config

pytestmark = pytest.mark.slow


@contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that other users may enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


def train_and_use(place: Path, run: Path) -> None:
    """All that only reads a store, its run elsewhere."""
    config = write_config(run.with_suffix(".yaml"), tiny_config(place / "store"))
    avloc.train_stage1(config, run)
    avloc.cluster(run=run)
    avloc.match_clusters(run=run)
    avloc.train_stage2(run=run)
    avloc.evaluate(run=run, resamples=0)
    avloc.visualize(run=run)
    avloc.predict(place / "store", run=run, split="test")
    assert avloc.data_check(place / "store").problems == avloc.data_check(place / "lmdb").problems
    avloc.data_show(place / "store", avloc.Store.open(place / "store").split("test").ids[0], out=run / "clip.png")


def as_a_reader(place: Path, mine: Path) -> None:
    """Once with all rights, so that all modules are there; then without any right to write to the stores."""
    train_and_use(place, mine / "first")
    if os.getuid() == 0:  # root may write everywhere
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    for path in (place, place / "store"):
        try:
            (path / "probe").touch()
        except PermissionError:
            continue
        os._exit(3)  # the test would prove nothing
    train_and_use(place, mine / "second")
    try:
        avloc.pseudo_labels(place / "store", "train", "tags", tags=True)
    except AvlocError as error:
        assert "cannot be written (Permission denied)" in str(error) and "\n" not in str(error)
    else:
        os._exit(4)


def test_a_store_on_a_disc_that_may_only_be_read_is_trained_from_checked_and_left_alone():
    with open_to_all() as name:
        place, mine = name / "place", name / "mine"
        place.mkdir()
        mine.mkdir()
        mine.chmod(0o777)
        make_tiny_store(place / "store")
        make_tiny_store(place / "lmdb")
        before = content(place)
        for path in [place, *place.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            process = get_context("spawn").Process(target=as_a_reader, args=(place, mine))
            process.start()
            process.join()
            assert process.exitcode == 0 and content(place) == before
        finally:
            for path in [place, *place.rglob("*")]:
                path.chmod(0o755)


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_only_the_source_of_a_store_is_a_place(tmp_path, kind):
    music = make_music(tmp_path / "music", {"train": ["cello", "flute"]})
    avloc.prepare_music(music.root, tmp_path / "store", size=16, jobs=0, store=kind)
    settings = json.loads((tmp_path / "store" / "store.json").read_text())
    assert settings.pop("source") == str(music.root.resolve())
    for name, held in content(tmp_path / "store").items():
        text = json.dumps(settings).encode() if name == "store.json" else held
        assert str(tmp_path).encode() not in text, name


def test_a_store_that_was_moved_is_checked_and_shown(tmp_path, monkeypatch):
    make_tiny_store(tmp_path / "store")
    before = avloc.data_check(tmp_path / "store")
    (tmp_path / "far" / "away").mkdir(parents=True)
    shutil.move(tmp_path / "store", tmp_path / "far" / "away" / "other name")
    monkeypatch.chdir(tmp_path / "far")
    after = avloc.data_check(Path("away/other name"))
    assert after.splits == before.splits and after.problems == before.problems
    avloc.data_show(Path("away/other name"), avloc.Store.open(Path("away/other name")).split("test").ids[0])
