"""Few videos use all processes, and whatever is cut is put together as it would have been written at once."""

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from avloc.data.clip import Clip
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing import kept
from avloc.prepare.writing.block import Piece, Whole
from avloc.prepare.writing.build import build_store
from avloc.prepare.writing.dealing import Block, deal
from avloc.prepare.writing.earlier import Earlier
from tests.data.making import REPOSITORY, SETTINGS, MadeReader, content, made_listing


def blocks(count: int, size: int) -> list[Block]:
    made = []
    for shard in range(count):
        items = [Item(f"{shard}/{n}", "", {}) for n in range(size)]
        path = Path(f"{shard:05d}.h5")
        made.append(Block(shard, Whole(path, ""), items, Earlier(path, {})))
    return made


@pytest.mark.parametrize(
    ("count", "size", "processes", "whole", "largest"),
    [
        (1, 40, 2, 0, 2),  # forty videos, two processes
        (1, 40, 1, 1, 0),
        (1, 40, 0, 1, 0),
        (3, 16, 8, 0, 1),
        (100, 64, 4, 92, 16),  # of many the last ones, so that no process waits for another
        (7, 64, 2, 0, 16),
    ],
)
def test_few_blocks_are_cut_so_that_every_process_has_work(count, size, processes, whole, largest):
    dealt = deal(blocks(count, size), MadeReader(), SETTINGS, processes)
    targets = [arguments[0] for _, arguments in dealt.tasks]
    assert sum(isinstance(target, Whole) for target in targets) == whole
    pieces = [arguments[1] for _, arguments in dealt.tasks if isinstance(arguments[0], Piece)]
    assert max(map(len, pieces), default=0) == largest
    items = [item.id for _, arguments in dealt.tasks for item in arguments[1]]
    assert items == [item.id for block in blocks(count, size) for item in block.items]


@pytest.mark.parametrize("kind", ["hdf5", "lmdb"])
@pytest.mark.parametrize("frames", ["raw", "jpeg"])
def test_one_block_in_pieces_is_the_same_byte_for_byte(tmp_path, kind, frames):
    settings = {**SETTINGS, "frames": frames, "store": kind}
    for jobs in (1, 3):
        prepared = build_store(
            tmp_path / str(jobs), tmp_path, made_listing(), MadeReader(), settings, block=64, jobs=jobs
        )
        assert prepared.reasons == {"cannot be decoded": 3}
    assert content(tmp_path / "1") == content(tmp_path / "3")
    assert os.listdir(tmp_path / "3" / "shards") == os.listdir(tmp_path / "1" / "shards")


@dataclass(frozen=True)
class Named:
    """One clip of each item, which names the process that made it in its sound."""

    def read(self, item: Item) -> Iterator[Clip]:
        import time

        time.sleep(0.05)
        wave = np.full(100, os.getpid() % 30_000, np.int16)
        yield Clip(item.id, item.id, "", 0.0, np.zeros((2, 16, 16, 3), np.uint8), ("", ""), wave, ())


def test_forty_videos_of_one_block_are_read_by_two_processes(tmp_path):
    from avloc.data.store import Store

    items = {f"v{n}": Item(f"v{n}", "", {}) for n in range(40)}
    listing = Listing(items, {"all": [Entry(name) for name in items]})
    build_store(tmp_path / "s", tmp_path, listing, Named(), SETTINGS, block=64, jobs=2)
    part = Store.open(tmp_path / "s").split("all")
    _, shares = np.unique(part.all_sounds()[:, 0], return_counts=True)
    assert part.ids == list(items) and len(shares) == 2 and shares.min() >= 12


def test_a_crash_in_a_piece_costs_its_item_alone(tmp_path):
    reader = MadeReader(deadly="item07", alive=str(tmp_path / "alive"))
    build = {"source": tmp_path, "listing": made_listing(), "settings": SETTINGS, "block": 64, "jobs": 2}
    prepared = build_store(tmp_path / "s", reader=reader, **build)
    assert prepared.reasons == {"cannot be decoded": 3, "crashed its decoder": 1}
    (tmp_path / "alive").touch()
    assert build_store(tmp_path / "s", reader=reader, **build).reasons == {"cannot be decoded": 3}
    build_store(tmp_path / "whole", reader=MadeReader(), **build)
    assert content(tmp_path / "s") == content(tmp_path / "whole")


def test_clips_of_a_long_video_wait_in_a_file_and_not_in_memory(tmp_path, monkeypatch):
    build_store(tmp_path / "memory", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    monkeypatch.setattr(kept, "IN_MEMORY", 1)
    build_store(tmp_path / "file", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    assert content(tmp_path / "file") == content(tmp_path / "memory")


def test_nothing_but_clips_is_made_of_what_waits_in_a_file(tmp_path):
    """Others may be able to write where a store is made."""
    import pickle

    (tmp_path / "piece").write_bytes(pickle.dumps(os.getcwd))
    with (
        kept.kept_at(tmp_path / "piece", "rb") as file,
        pytest.raises(pickle.UnpicklingError, match="is not part of a clip"),
    ):
        list(file.clips(1))


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))


def test_an_lmdb_store_is_written_where_address_space_is_limited(tmp_path):
    script = (
        "import sys; from pathlib import Path; from avloc.prepare.writing.build import build_store\n"
        "from tests.data.making import SETTINGS, MadeReader, made_listing\n"
        "out = Path(sys.argv[1]); settings = {**SETTINGS, 'store': 'lmdb'}\n"
        "print(build_store(out, out.parent, made_listing(), MadeReader(), settings, block=3, jobs=0).ok)\n"
    )
    told = [sys.executable, "-c", script, str(tmp_path / "s")]
    done = subprocess.run(told, cwd=REPOSITORY, capture_output=True, text=True, preexec_fn=limited)
    assert done.stdout == "17\n", done.stderr


def test_an_lmdb_file_grows_with_what_is_written_to_it(tmp_path, monkeypatch):
    from avloc.data import lmdb_shard

    settings = {**SETTINGS, "store": "lmdb"}
    build_store(tmp_path / "roomy", tmp_path, made_listing(), MadeReader(), settings, block=64, jobs=0)
    monkeypatch.setattr(lmdb_shard, "ROOM", 1 << 16)
    monkeypatch.setattr(lmdb_shard, "SPARE", 1 << 15)
    build_store(tmp_path / "tight", tmp_path, made_listing(), MadeReader(), settings, block=64, jobs=0)
    from avloc.data.store import Store

    one, two = (Store.open(tmp_path / name).split("all") for name in ("roomy", "tight"))
    assert (one.all_frames() == two.all_frames()).all() and (one.all_sounds() == two.all_sounds()).all()


def test_an_item_that_fails_after_many_clips_leaves_none(tmp_path):
    @dataclass(frozen=True)
    class BreaksOff(MadeReader):
        def read(self, item: Item) -> Iterator[Clip]:
            yield from super().read(item)
            if item.id == "item02":
                raise MediaError(item.path, "cannot be decoded", "at its end")

    from avloc.data.store import Store

    build_store(tmp_path / "s", tmp_path, made_listing(4), BreaksOff(), SETTINGS, block=64, jobs=0)
    assert Store.open(tmp_path / "s").split("all").ids == ["item03/000", "item01/000", "item01/001", "item00/000"]
