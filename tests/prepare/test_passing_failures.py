"""What fails because the place fails, not the file, is tried again; and a source that is gone stops the command."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avloc.data.clip import Clip
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.folder import list_videos, prepare_folder
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from avloc.prepare.writing.store_folder import Prepared
from tests.data.making import SETTINGS, content, make_video, tone

NAMES = [f"v{n:02d}" for n in range(12)]


@dataclass(frozen=True)
class Bytes:
    """Three clips of each file, filled with its first byte; a line is added to `read` for each file that is read."""

    root: Path
    read_files: str = ""

    def read(self, item: Item) -> Iterator[Clip]:
        if item.facts["path"] is None:
            raise MediaError(item.path, "missing file")
        if self.read_files:
            with open(self.read_files, "a") as log:
                log.write(f"{item.id}\n")
        path = self.root / item.facts["path"]
        refuse_unreadable(path)
        value = path.read_bytes()[0]
        if value == 255:
            raise MediaError(item.path, "not a media file")
        for second in range(3):
            yield Clip(
                id=f"{item.id}/{second}",
                video=item.id,
                split="",
                start=float(second),
                frames=np.full((2, 16, 16, 3), value, np.uint8),
                frame_keys=("", ""),
                waveform=np.full(100, 10 * value + second, np.int16),
                labels=(value % 2,),
            )


def make_source(root: Path, names: list[str] = NAMES) -> Path:
    root.mkdir()
    for number, name in enumerate(names):
        (root / f"{name}.bin").write_bytes(bytes([number + 1]))
    return root


def listed(root: Path, names: list[str] = NAMES) -> Listing:
    """As recipes list: what is missing has no path, and sizes are facts."""
    items = {}
    for name in names:
        path = root / f"{name}.bin"
        size = path.stat().st_size if path.exists() else None
        items[name] = Item(name, f"{name}.bin", {"path": None if size is None else path.name, "bytes": [size]})
    return Listing(items, {"all": [Entry(name) for name in names]})


def build(out: Path, root: Path, listing: Listing | None = None, **work) -> Prepared:
    work = {"jobs": 0, "block": 4, **work}
    reader = work.pop("reader", Bytes(root))
    return build_store(out, root, listing or listed(root), reader, {**SETTINGS}, **work)


def fates(store: Path) -> dict[str, dict]:
    rows = [json.loads(line) for line in (store / "manifest.jsonl").read_text().splitlines()]
    return {row["id"]: row for row in rows}


def test_files_that_were_away_are_read_when_they_are_back(tmp_path):
    root = make_source(tmp_path / "v")
    build(tmp_path / "whole", root)
    listing = listed(root)
    away = [root / f"{name}.bin" for name in NAMES[3:6]]
    for path in away:
        path.rename(path.with_suffix(".away"))
    prepared = build(tmp_path / "s", root, listing)
    assert prepared.reasons == {"missing file": 3} and prepared.passing == 3
    assert fates(tmp_path / "s")["v03"]["passing"] is True and "passing" not in fates(tmp_path / "s")["v02"]
    for path in away:
        path.with_suffix(".away").rename(path)
    again = build(tmp_path / "s", root)
    assert again.reasons == {} and again.passing == 0
    assert content(tmp_path / "s") == content(tmp_path / "whole")


@pytest.mark.parametrize("jobs", [0, 2])
def test_only_what_failed_is_read_again_and_the_others_stay_as_they_are(tmp_path, jobs):
    root = make_source(tmp_path / "v")
    build(tmp_path / "whole", root)
    listing = listed(root)
    (root / "v05.bin").rename(root / "v05.away")
    build(tmp_path / "s", root, listing)
    (root / "v05.away").rename(root / "v05.bin")
    build(tmp_path / "s", root, reader=Bytes(root, str(tmp_path / "log")), jobs=jobs)
    assert (tmp_path / "log").read_text().split() == ["v05"]
    assert content(tmp_path / "s") == content(tmp_path / "whole")


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
def test_clips_that_are_taken_over_are_checked_by_their_digest(tmp_path, kind):
    root = make_source(tmp_path / "v")
    settings = {**SETTINGS, "store": kind}
    build_store(tmp_path / "whole", root, listed(root), Bytes(root), settings, block=4, jobs=0)
    listing = listed(root)
    (root / "v05.bin").rename(root / "v05.away")
    build_store(tmp_path / "s", root, listing, Bytes(root), settings, block=4, jobs=0)
    (root / "v05.away").rename(root / "v05.bin")
    if kind == "hdf5":
        import h5py

        with h5py.File(tmp_path / "s" / "shards" / "00001.h5", "r+") as file:
            file["sounds"][0, :5] = 77  # of v04, which did not fail
    build_store(tmp_path / "s", root, listed(root), Bytes(root), settings, block=4, jobs=0)
    assert content(tmp_path / "s") == content(tmp_path / "whole")


def test_what_is_wrong_with_a_file_itself_is_not_tried_again(tmp_path):
    root = make_source(tmp_path / "v")
    (root / "v02.bin").write_bytes(b"\xff")
    prepared = build(tmp_path / "s", root)
    assert prepared.reasons == {"not a media file": 1} and prepared.passing == 0
    again = build(tmp_path / "s", root, reader=Bytes(root, str(tmp_path / "log")))
    assert again.kept == len(NAMES) and not (tmp_path / "log").exists()


def test_a_store_of_an_earlier_version_that_remembers_missing_files_tries_them_again(tmp_path):
    """Its rows are not marked."""
    import h5py

    root = make_source(tmp_path / "v")
    build(tmp_path / "whole", root)
    listing = listed(root)
    (root / "v05.bin").rename(root / "v05.away")
    build(tmp_path / "s", root, listing)
    with h5py.File(tmp_path / "s" / "shards" / "00001.h5", "r+") as file:
        rows = [json.loads(line) for line in file["items"].asstr()[:]]
        del file["items"]
        file["items"] = [json.dumps({key: row[key] for key in row if key != "passing"}) for row in rows]
    (root / "v05.away").rename(root / "v05.bin")
    assert build(tmp_path / "s", root).reasons == {}
    assert content(tmp_path / "s") == content(tmp_path / "whole")


def test_a_source_that_goes_away_while_it_is_read_stops_the_command(tmp_path):
    root = make_source(tmp_path / "v")
    listing = listed(root)
    root.rename(tmp_path / "elsewhere")
    root.mkdir()
    with pytest.raises(
        DataError, match=r"v: 12 of 12 listed files cannot be read any more \(missing file: 4\); is it mou"
    ):
        build(tmp_path / "s", root, listing)
    root.rmdir()
    (tmp_path / "elsewhere").rename(root)
    assert build(tmp_path / "s", root).reasons == {}


def test_most_files_of_a_list_may_be_missing_when_it_is_listed(tmp_path):
    root = make_source(tmp_path / "v", NAMES[:3])
    prepared = build(tmp_path / "s", root, listed(root, NAMES), block=2)
    assert prepared.reasons == {"missing file": 9} and prepared.passing == 0
    assert sorted(os.listdir(tmp_path / "s" / "shards")) == ["00000.h5", "00001.h5"]  # none for blocks without any file
    assert Store.open(tmp_path / "s").split("all").ids == [f"{name}/{n}" for name in NAMES[:3] for n in range(3)]
    assert build(tmp_path / "s", root, listed(root, NAMES), block=2).kept == 4


def test_one_bad_folder_at_the_beginning_of_a_list_is_not_a_lost_source(tmp_path):
    root = make_source(tmp_path / "v")
    listing = listed(root)
    for name in NAMES[:5]:
        (root / f"{name}.bin").unlink()
    prepared = build(tmp_path / "s", root, listing, block=5)
    assert prepared.reasons == {"missing file": 5} and prepared.ok == 7


def test_a_finished_store_survives_a_source_that_is_gone(tmp_path):
    root = make_source(tmp_path / "v")
    build(tmp_path / "s", root)
    before = content(tmp_path / "s")
    for path in root.iterdir():
        path.unlink()
    with pytest.raises(
        DataError, match=r"v: 12 of 12 files that .*s was prepared from cannot be found any more, such as v00"
    ):
        build(tmp_path / "s", root)
    assert Store.open(tmp_path / "s").splits == {"all": 36}
    after = content(tmp_path / "s")
    assert {name: after[name] for name in before} == before


@dataclass(frozen=True)
class Poor:
    """Fails as the system does."""

    error: Exception

    def read(self, item: Item) -> Iterator[Clip]:
        raise self.error
        yield


@pytest.mark.parametrize(
    ("error", "reason", "passing"),
    [
        (MemoryError(), "out of memory", True),
        (PermissionError(13, "Permission denied"), "may not be read", True),
        (FileNotFoundError(2, "No such file"), "missing file", True),
        (OSError(5, "Input/output error"), "cannot be read", True),
        (OSError(24, "Too many open files"), "cannot be read", True),
        (OSError(36, "File name too long"), "cannot be read", False),
    ],
)
def test_what_the_system_does_not_give_is_a_reason(tmp_path, error, reason, passing):
    root = make_source(tmp_path / "v", NAMES[:3])

    class OneBad(Bytes):
        def read(self, item: Item) -> Iterator[Clip]:
            yield from Poor(error).read(item) if item.id == "v01" else super().read(item)

    prepared = build(tmp_path / "s", root, listed(root, NAMES[:3]), reader=OneBad(root))
    assert prepared.reasons == {reason: 1} and prepared.passing == passing


def test_videos_that_were_away_are_prepared_when_they_are_back(tmp_path, monkeypatch):
    """Through a recipe, from its listing on."""
    for name in ("a", "b", "c"):
        make_video(tmp_path / "v" / f"{name}.mp4", sound=tone(4))
    from avloc.prepare import folder

    def list_and_lose(*arguments):
        found = list_videos(*arguments)
        shutil.move(tmp_path / "v" / "b.mp4", tmp_path / "b.mp4")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(folder, "list_videos", list_and_lose)
        first = prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, size=32, jobs=1)
    assert first.reasons == {"missing file": 1}
    shutil.move(tmp_path / "b.mp4", tmp_path / "v" / "b.mp4")
    assert prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, size=32, jobs=1).reasons == {}
