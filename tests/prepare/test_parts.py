"""Parts of a store, prepared apart, and what their merging gives and refuses."""

import json
import shutil
from pathlib import Path

import pytest

import avloc
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.prepare.writing.build import build_store
from tests.commands import printed, refused
from tests.data.making import SETTINGS, MadeReader, content, made_listing


def part(folder: Path, shard: str | None, count: int = 13, **settings) -> Path:
    name = folder / (shard or "whole").replace("/", "_of_")
    told = {**SETTINGS, **settings}
    return build_store(name, folder, made_listing(count), MadeReader(), told, block=3, jobs=0, shard=shard).store


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
@pytest.mark.parametrize("count", [1, 3, 7])  # of five blocks, so that the last two of seven are empty
def test_merged_parts_are_the_whole_byte_for_byte(tmp_path, kind, count):
    parts = [part(tmp_path, f"{n}/{count}", store=kind) for n in range(count, 0, -1)]
    merged = avloc.data_merge(parts, tmp_path / "merged")
    whole = part(tmp_path, None, store=kind)
    assert content(tmp_path / "merged") == content(whole)
    assert Store.open(tmp_path / "merged").fingerprint == Store.open(whole).fingerprint
    assert (merged.ok, merged.failed, merged.splits) == (17, 3, {"all": 22, "even": 11})


def test_a_part_is_a_store_that_can_be_looked_at(tmp_path):
    store = part(tmp_path, "2/3")
    ids = Store.open(store).split("all").ids
    assert {name[:6] for name in ids} == {"item03", "item05", "item12"}  # items 3 to 5 and 12; 4 breaks off
    assert avloc.data_check(store).shard == "2/3"


def test_a_listed_line_stands_once_in_the_merged_manifest(tmp_path):
    listing = made_listing()
    listing.splits["even"].append(listing.splits["even"][0])
    for n in (1, 2):
        build_store(tmp_path / str(n), tmp_path, listing, MadeReader(), SETTINGS, block=3, jobs=0, shard=f"{n}/2")
    avloc.data_merge([tmp_path / "1", tmp_path / "2"], tmp_path / "merged")
    rows = [json.loads(line) for line in (tmp_path / "merged" / "manifest.jsonl").read_text().splitlines()]
    assert len(rows) == 21 and [row["id"] for row in rows if row.get("reason") == "listed twice"] == ["item00"]


def test_a_merged_store_can_be_prepared_further(tmp_path):
    avloc.data_merge([part(tmp_path, f"{n}/2") for n in (1, 2)], tmp_path / "whole")
    before = content(tmp_path / "whole")
    store = part(tmp_path, None)
    assert store == tmp_path / "whole" and content(store) == before


def test_what_does_not_make_one_store_is_refused(tmp_path):
    one, two, three = (part(tmp_path, f"{n}/3") for n in (1, 2, 3))
    other = part(tmp_path / "small", "2/3", data="other")
    half = part(tmp_path, "2/2")
    longer = part(tmp_path / "longer", "2/3", count=14)
    whole = part(tmp_path, None)
    for stores, words in (
        ([one, three], r"1 of 3 parts are missing: --shard 2/3"),
        ([one, two, three, shutil.copytree(two, tmp_path / "again")], r"is part 2/3, and so is"),
        ([one, other, three], r"was prepared with data 'other', .*1_of_3 with 'made'"),
        ([one, half, three], r"one of 3|one of 2"),
        ([one, longer, three], r"lists differ from those of"),
        ([one, two, whole], r"whole: is a complete store; expected parts, prepared with --shard i/n"),
        ([tmp_path / "nothing"], r"no store here"),
    ):
        with pytest.raises(DataError, match=words):
            avloc.data_merge(stores, tmp_path / "merged")
        assert not (tmp_path / "merged").exists()


def test_a_part_with_a_broken_shard_is_refused_and_merging_can_be_tried_again(tmp_path):
    one, two = (part(tmp_path, f"{n}/2") for n in (1, 2))
    shard = two / "shards" / "00003.h5"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:500])
    with pytest.raises(DataError, match=r"00003.h5: missing or broken"):
        avloc.data_merge([one, two], tmp_path / "merged")
    with pytest.raises(DataError, match="not finished"):
        Store.open(tmp_path / "merged")
    shard.write_bytes(whole)
    avloc.data_merge([one, two], tmp_path / "merged")
    assert content(tmp_path / "merged") == content(part(tmp_path, None))


def test_another_part_in_the_same_folder_is_refused(tmp_path):
    store = part(tmp_path, "1/2")
    with pytest.raises(DataError, match=r'contains a store with shard "1/2", not "2/2"'):
        build_store(store, tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0, shard="2/2")


def test_the_commands_say_how_to_go_on(tmp_path):
    parts = [part(tmp_path, f"{n}/2") for n in (1, 2)]
    assert printed("data", "merge", *parts, "--out", tmp_path / "m")["ok"] == 17
    said = refused("data", "merge", parts[0], "--out", tmp_path / "n")
    assert said.splitlines() == ["avloc: 1 of 2 parts are missing: --shard 2/2"]
