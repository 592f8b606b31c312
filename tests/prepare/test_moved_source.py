"""Preparing goes on when the videos were moved, if they are the same; a source of other files is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import pytest

import avloc
from avloc.errors import DataError
from avloc.prepare.writing.sources import kept_files
from tests.commands import printed
from tests.data.making import content, make_music, make_sound, make_video, tone
from tests.prepare import test_prepare_import as trees
from tests.prepare import test_prepare_import_spectrograms as spectrograms

OPTIONS = {"seconds": 1.0, "size": 16, "rate": 8000, "jobs": 0}
COUNT = 20  # videos, in blocks of 16


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("videos")
    made = make_video(root / "some" / "v00.mp4", 20, sound=tone(2.0))
    for number in range(1, COUNT):
        shutil.copy(made, root / "some" / f"v{number:02d}.mp4")
    make_video(root / "some" / "mute.mp4", 10)
    return root


@pytest.fixture
def place(videos, tmp_path) -> Path:
    shutil.copytree(videos, tmp_path / "old")
    return tmp_path


def apart_from_source(store: Path) -> dict[str, object]:
    found: dict[str, object] = {**content(store)}
    settings = json.loads((store / "store.json").read_text())
    return {**found, "store.json": {**settings, "source": None}}


def stop_after_a_block(done: int, total: int, what: str) -> None:
    if done >= 17:
        raise KeyboardInterrupt


def test_a_finished_store_takes_the_new_place_of_its_videos(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    before, print_before = apart_from_source(place / "store"), avloc.Store.open(place / "store").fingerprint
    (place / "old").rename(place / "new")
    prepared = avloc.prepare_folder(place / "new", place / "store", **OPTIONS)
    assert prepared.kept == COUNT + 1 and apart_from_source(place / "store") == before
    assert json.loads((place / "store" / "store.json").read_text())["source"] == str((place / "new").resolve())
    assert avloc.Store.open(place / "store").fingerprint == print_before


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_an_interrupted_store_goes_on_with_the_videos_at_their_new_place(place, kind):
    avloc.prepare_folder(place / "old", place / "whole", store=kind, **OPTIONS)
    with pytest.raises(KeyboardInterrupt):
        avloc.prepare_folder(place / "old", place / "store", store=kind, progress=stop_after_a_block, **OPTIONS)
    (place / "old").rename(place / "new")
    prepared = avloc.prepare_folder(place / "new", place / "store", store=kind, **OPTIONS)
    assert prepared.kept == 16
    ours, theirs = apart_from_source(place / "store"), apart_from_source(place / "whole")
    if kind == "lmdb":  # its unused bytes are whatever they are
        ours, theirs = (
            {name: value for name, value in whole.items() if "shards" not in name} for whole in (ours, theirs)
        )
    assert ours == theirs


def other_size(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def other_content(path: Path) -> None:
    """At its end, of the same size."""
    path.write_bytes(path.read_bytes()[:-1] + b"?")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Path.unlink, r"some/v03\.mp4 is missing"),
        (other_size, r"some/v03\.mp4 has \d+ bytes, not \d+"),
        (other_content, r"some/v03\.mp4 has other content"),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_videos_that_are_not_the_same_are_refused_and_nothing_is_touched(place, change, said, finished):
    try:
        shown = None if finished else stop_after_a_block
        avloc.prepare_folder(place / "old", place / "store", progress=shown, **OPTIONS)
    except KeyboardInterrupt:
        assert not finished
    before = content(place / "store")
    (place / "old").rename(place / "new")
    change(place / "new" / "some" / "v03.mp4")
    with pytest.raises(
        DataError, match=rf"was prepared from .*old, and .*new contains other files \(1 of \d+ .*{said}"
    ) as it:
        avloc.prepare_folder(place / "new", place / "store", **OPTIONS)
    assert "\n" not in str(it.value) and len(str(it.value)) < 600 and content(place / "store") == before


def test_many_differences_are_counted_and_the_first_named(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    (place / "old").rename(place / "new")
    for path in (place / "new" / "some").glob("v*.mp4"):
        other_size(path)
    with pytest.raises(DataError, match=r"\(20 of 20 compared\): some/v00.mp4 has .*, some/v01.mp4 has .*, \.\.\.;"):
        avloc.prepare_folder(place / "new", place / "store", **OPTIONS)


def test_a_video_that_could_not_be_used_may_be_another_at_the_new_place(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    (place / "old").rename(place / "new")
    shutil.copy(place / "new" / "some" / "v00.mp4", place / "new" / "some" / "mute.mp4")
    assert avloc.prepare_folder(place / "new", place / "store", **OPTIONS).ok == COUNT + 1


def test_a_copy_in_which_further_videos_lie_is_the_same_and_more(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    shutil.copytree(place / "old", place / "new")
    shutil.copy(place / "new" / "some" / "v00.mp4", place / "new" / "some" / "a.mp4")
    assert avloc.prepare_folder(place / "new", place / "store", **OPTIONS).ok == COUNT + 1


def without_sources(store: Path) -> None:
    """As an earlier version left it."""
    for shard in (store / "shards").glob("*.h5"):
        with h5py.File(shard, "r+") as file:
            del file["sources"]


def test_a_store_of_an_earlier_version_is_compared_by_names_and_sizes(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    without_sources(place / "store")
    shutil.copytree(place / "old", place / "new")
    assert avloc.prepare_folder(place / "new", place / "store", **OPTIONS).kept == COUNT + 1
    other_size(place / "old" / "some" / "v03.mp4")
    with pytest.raises(DataError, match=r"the items of 00000\.h5 have other names, sizes or annotations"):
        avloc.prepare_folder(place / "old", place / "store", **OPTIONS)


def test_a_store_is_still_refused_for_other_settings(place):
    avloc.prepare_folder(place / "old", place / "store", **OPTIONS)
    (place / "old").rename(place / "new")
    with pytest.raises(DataError, match="contains a store with size 16, not 32"):
        avloc.prepare_folder(place / "new", place / "store", **{**OPTIONS, "size": 32})


def test_parts_that_were_prepared_from_two_copies_are_merged(place):
    shutil.copytree(place / "old", place / "new")
    avloc.prepare_folder(place / "old", place / "one", shard="1/2", **OPTIONS)
    avloc.prepare_folder(place / "new", place / "two", shard="2/2", **OPTIONS)
    avloc.data_merge([place / "one", place / "two"], place / "store")
    avloc.data_merge([place / "two", place / "one"], place / "store")
    avloc.prepare_folder(place / "old", place / "whole", **OPTIONS)
    assert apart_from_source(place / "store") == apart_from_source(place / "whole")
    assert avloc.prepare_folder(place / "new", place / "store", **OPTIONS).kept == COUNT + 1


def test_mosaics_go_on_with_the_store_at_its_new_place_but_not_with_another(tmp_path):
    names = ["cello", "flute", "harp", "tuba"]
    music = make_music(tmp_path / "world", {"solo_training_2": names})
    avloc.prepare_music(music.root, tmp_path / "solos", size=16, jobs=0)
    options = {"pool": ["train=solo_training_2"], "count": ["train=3"], "size": 32, "jobs": 0}
    avloc.prepare_music_synthetic(tmp_path / "solos", tmp_path / "mosaics", **options)
    (tmp_path / "solos").rename(tmp_path / "moved")
    assert avloc.prepare_music_synthetic(tmp_path / "moved", tmp_path / "mosaics", **options).kept == 3
    (tmp_path / "world").rename(tmp_path / "world2")
    assert avloc.prepare_music(tmp_path / "world2", tmp_path / "moved", size=16, jobs=0).kept == 4
    avloc.prepare_music(tmp_path / "world2", tmp_path / "others", size=16, rate=8000, jobs=0)
    with pytest.raises(DataError, match="contains a store with rate 16000, not 8000"):
        avloc.prepare_music_synthetic(tmp_path / "others", tmp_path / "mosaics", **options)


def test_the_command_says_the_same(place):
    told = ["prepare", "folder", "--out", place / "store", "--seconds", "1", "--size", "16", "--jobs", "1"]
    printed(*told, "--source", place / "old")
    (place / "old").rename(place / "new")
    assert printed(*told, "--source", place / "new")["kept"] == COUNT + 1


def of_dsol(root: Path) -> Path:
    spectrograms.make_dsol(root)
    return root


def of_mosaics(root: Path) -> Path:
    spectrograms.make_mosaics(root)
    return root


LAYOUTS: dict[str, tuple[Callable[[Path], Path], str, set[str]]] = {
    "folder": (trees.make_folder, "folder", {"jpg", "wav"}),
    "sspl": (trees.make_trees, "sspl", {"h5"}),
    "visual-context": (trees.make_lmdb, "visual-context", {"mdb"}),
    "dsol mosaics": (of_mosaics, "dsol", {"jpg", "pkl"}),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_keeps_what_its_clips_were_read_from(tmp_path, name):
    make, layout, endings = LAYOUTS[name]
    make(tmp_path / "old")
    options = {"size": 32, "short": "repeat", "jobs": 0}
    avloc.prepare_import(tmp_path / "old", layout, tmp_path / "store", **options)
    kept = [kept_files(shard) for shard in (tmp_path / "store" / "shards").iterdir()]
    found = {path.rpartition(".")[2] for files in kept if files is not None for path in files}
    assert found >= endings
    (tmp_path / "old").rename(tmp_path / "new")
    assert avloc.prepare_import(tmp_path / "new", layout, tmp_path / "store", **options).kept


def test_folders_of_frames_are_compared_by_names_and_sizes(tmp_path):
    of_dsol(tmp_path / "old")
    lists = spectrograms.lists(tmp_path / "old")
    avloc.prepare_import(tmp_path / "old", "dsol", tmp_path / "store", lists=lists, size=32, jobs=0)
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    moved = [text.replace("/old/", "/new/") for text in lists]
    avloc.prepare_import(tmp_path / "new", "dsol", tmp_path / "store", lists=moved, size=32, jobs=0)
    (next((tmp_path / "old").rglob("*.jpg"))).unlink()
    with pytest.raises(DataError, match=r"has \d+ files, not \d+"):
        avloc.prepare_import(tmp_path / "old", "dsol", tmp_path / "store", lists=lists, size=32, jobs=0)


def test_what_an_item_names_outside_of_its_source_is_left_alone(tmp_path):
    from dataclasses import dataclass

    from avloc.prepare.parts.items import Item
    from avloc.prepare.writing.sources import files_of

    @dataclass(frozen=True)
    class Reader:
        root: Path

    (tmp_path / "root" / "in").mkdir(parents=True)
    make_sound(tmp_path / "root" / "in" / "a.m4a", 0.5)
    (tmp_path / "secret").write_text("secret")
    facts = {
        "path": "in/a.m4a", "sound": "../secret", "still": str(tmp_path / "secret"), "label": "in", "x": ["", ".", "a\0b"],
        "long": "x" * 5000, "part": {"sound": "in/b.m4a"},
    }  # fmt: skip
    assert len(files_of(Reader(tmp_path / "root"), [Item("a", "in/a.m4a", facts)])) == 1
