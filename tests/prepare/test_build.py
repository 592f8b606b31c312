import fcntl
import json
import multiprocessing
import os
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.prepare.pool import tasks
from avloc.prepare.writing.build import Prepared, build_store
from tests.data.making import SETTINGS, MadeReader, content, made_listing


def build(out: Path, reader: MadeReader | None = None, **options) -> Prepared:
    settings = {**SETTINGS, **options.pop("settings", {})}
    listing = options.pop("listing", None) or made_listing()
    return build_store(out, out.parent, listing, reader or MadeReader(), settings, block=3, jobs=0, **options)


def build_and_die(out: Path, alive: Path) -> None:
    build(out, MadeReader(deadly="item07", alive=str(alive)))


def die(out: Path, alive: Path) -> None:
    """A build in a process of its own that is killed (SIGKILL) in its third block."""
    process = multiprocessing.get_context("spawn").Process(target=build_and_die, args=(out, alive))
    process.start()
    process.join()
    assert process.exitcode == -9


def test_a_store_holds_the_clips_in_the_order_of_the_lists(tmp_path):
    build(tmp_path / "store")
    part = Store.open(tmp_path / "store").split("all")
    # items 12 to 0, of n % 3 + 1 clips each; 4 and 9 broke off
    expected = [f"item{n:02d}/{s:03d}" for n in range(12, -1, -1) if n % 5 != 4 for s in range(n % 3 + 1)]
    assert part.ids == expected
    assert (part.all_sounds()[:, 0] == [100 * int(name[4:6]) + int(name[-3:]) for name in expected]).all()


def test_failed_items_are_counted_by_reason_and_keep_their_row(tmp_path, caplog):
    prepared = build(tmp_path / "store")
    assert (prepared.ok, prepared.failed, prepared.reasons) == (17, 3, {"cannot be decoded": 3})
    rows = [json.loads(line) for line in (tmp_path / "store" / "manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 20
    row = next(row for row in rows if row["id"] == "item04")
    assert (row["status"], row["reason"], row["detail"], row["clips"]) == ("failed", "cannot be decoded", "made so", [])
    assert "all.txt:9: item04.mp4: cannot be decoded (made so)" in caplog.text


def test_splits_share_an_item_without_storing_it_twice(tmp_path):
    prepared = build(tmp_path / "store")
    shards = (tmp_path / "store" / "shards").glob("*.h5")
    stored = 0
    for shard in shards:
        with h5py.File(shard) as file:
            stored += len(file["sounds"])
    assert stored == prepared.splits["all"] < sum(prepared.splits.values())


@pytest.mark.parametrize("kind", ["raw", "jpeg"])
def test_the_number_of_processes_does_not_change_a_byte(tmp_path, kind):
    for jobs in (1, 2):
        settings = {**SETTINGS, "frames": kind}
        build_store(tmp_path / f"store{jobs}", tmp_path, made_listing(), MadeReader(), settings, block=3, jobs=jobs)
    assert content(tmp_path / "store1") == content(tmp_path / "store2")


def test_a_killed_build_is_taken_up_and_ends_in_the_same_store(tmp_path):
    build(tmp_path / "whole")
    die(tmp_path / "store", tmp_path / "alive")
    leftovers = list((tmp_path / "store" / "shards").glob(".*"))
    assert len(leftovers) == 1  # the shard that was being written
    before = (tmp_path / "store" / "shards" / "00000.h5").stat().st_mtime_ns
    with pytest.raises(DataError, match="not finished"):
        Store.open(tmp_path / "store")
    prepared = build(tmp_path / "store", MadeReader(deadly="item07", alive=__file__))
    assert prepared.kept == 6
    assert (tmp_path / "store" / "shards" / "00000.h5").stat().st_mtime_ns == before
    remade = content(tmp_path / "store")
    build(tmp_path / "whole2", MadeReader(deadly="item07", alive=__file__))
    assert {name: remade[name] for name in remade if "shards" in name or "manifest" in name} == {
        name: value for name, value in content(tmp_path / "whole2").items() if "shards" in name or "manifest" in name
    }
    assert Store.open(tmp_path / "store").fingerprint == Store.open(tmp_path / "whole").fingerprint


def test_an_item_that_kills_its_process_costs_that_item_alone(tmp_path):
    reader = MadeReader(deadly="item12", alive=str(tmp_path / "alive"))
    prepared = build_store(tmp_path / "store", tmp_path, made_listing(), reader, SETTINGS, block=3, jobs=2)
    assert prepared.reasons == {"cannot be decoded": 3, "crashed its decoder": 2}  # 12 is in both splits
    rows = [json.loads(line) for line in (tmp_path / "store" / "manifest.jsonl").read_text().splitlines()]
    assert {row["id"] for row in rows if row.get("reason") == "crashed its decoder"} == {"item12"}
    (tmp_path / "alive").touch()  # it was the memory: another run takes the item up
    again = build_store(tmp_path / "store", tmp_path, made_listing(), reader, SETTINGS, block=3, jobs=2)
    assert again.reasons == {"cannot be decoded": 3} and again.kept == 12
    build(tmp_path / "whole")
    assert Store.open(tmp_path / "store").fingerprint == Store.open(tmp_path / "whole").fingerprint


def test_processes_that_cannot_even_start_are_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "BEGIN", "raise SystemExit(3)")
    with pytest.raises(DataError, match="a worker process died"):
        build_store(tmp_path / "store", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=2)


def test_a_finished_store_is_left_as_it_is(tmp_path):
    build(tmp_path / "store")
    before = content(tmp_path / "store")
    prepared = build(tmp_path / "store")
    assert prepared.kept == 13
    assert content(tmp_path / "store") == before


def test_only_the_blocks_whose_items_changed_are_written_again(tmp_path):
    build(tmp_path / "store")
    listing = made_listing()
    changed = replace(listing.items["item07"], facts={"number": 8})
    listing.items["item07"] = changed  # type: ignore[index]
    assert build(tmp_path / "store", listing=listing).kept == 10
    assert len(build(tmp_path / "store", listing=made_listing(4)).splits) == 2
    assert len(list((tmp_path / "store" / "shards").glob("*"))) == 2


def test_a_damaged_shard_is_written_again(tmp_path):
    build(tmp_path / "store")
    before = content(tmp_path / "store")
    shard = tmp_path / "store" / "shards" / "00001.h5"
    shard.write_bytes(shard.read_bytes()[:1000])
    assert build(tmp_path / "store").kept == 10
    assert content(tmp_path / "store") == before


def test_a_store_of_other_settings_is_refused(tmp_path):
    build(tmp_path / "store")
    before = content(tmp_path / "store")
    with pytest.raises(DataError, match=r"contains a store with size 16, not 32; choose another folder"):
        build(tmp_path / "store", settings={"size": 32})
    assert content(tmp_path / "store") == before


def test_a_folder_of_other_things_is_refused(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "thesis.txt").write_text("dear")
    with pytest.raises(DataError, match=r"is not empty and not a store \(it contains thesis.txt\)"):
        build(tmp_path / "store")
    assert [path.name for path in (tmp_path / "store").iterdir()] == ["thesis.txt"]
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="file: cannot be written"):
        build(tmp_path / "file")


@pytest.mark.parametrize("name", ["store.json", "building.json"])
@pytest.mark.parametrize("text", ["[]", "5", "null"])
def test_settings_of_another_form_are_one_line(tmp_path, name, text):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / name).write_text(text)
    with pytest.raises(AvlocError, match=rf"{name}: found a \w+; expected a JSON object$"):
        build(tmp_path / "store")


def test_two_builds_of_one_store_do_not_meet(tmp_path):
    (tmp_path / "store").mkdir()
    with open(tmp_path / "store" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another command is preparing this store"):
            build(tmp_path / "store")
    build(tmp_path / "store")


def test_when_every_item_fails_no_store_is_left_behind(tmp_path):
    listing = made_listing()
    broken = {name: replace(item, facts={"number": 4}) for name, item in listing.items.items()}
    with pytest.raises(DataError, match=r"none of 20 listed items could be prepared \(cannot be decoded: 20\)"):
        build(tmp_path / "store", listing=replace(listing, items=broken))
    build(tmp_path / "store", settings={"size": 16})  # nor anything that would be in the way of another try


def test_an_item_listed_twice_is_taken_once(tmp_path):
    listing = made_listing()
    listing.splits["even"].append(listing.splits["even"][0])
    prepared = build(tmp_path / "store", listing=listing)
    assert prepared.reasons["listed twice"] == 1
    ids = Store.open(tmp_path / "store").split("even").ids
    assert len(ids) == len(set(ids))


def test_progress_counts_items_to_the_end(tmp_path):
    seen: list[tuple[int, int]] = []
    build(tmp_path / "store", progress=lambda done, total, text: seen.append((done, total)))
    assert seen[0] == (0, 13) and seen[-1] == (13, 13) and np.all(np.diff([done for done, _ in seen]) > 0)


def test_what_killed_commands_had_begun_to_write_is_removed(tmp_path):
    build(tmp_path / "store")
    (tmp_path / "store" / "labels").mkdir()
    begun = ["labels/.pann.all.npz.x1.npz", ".proposals.all.npz.x2.npz"]
    ours = ["shards/.00000.h5.abc.h5", "shards/.00000.h5.piece00001", ".manifest.jsonl.x.jsonl", ".store.json.x.json"]
    for name in begun + ours:
        (tmp_path / "store" / name).touch()
    build(tmp_path / "store")
    assert [name for name in begun + ours if (tmp_path / "store" / name).exists()] == begun  # others may be at work
    for name in begun:
        os.utime(tmp_path / "store" / name, (0, 0))
    build(tmp_path / "store")
    assert not any((tmp_path / "store" / name).exists() for name in begun)
