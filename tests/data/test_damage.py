"""A store that is damaged anywhere is refused in a line, or read; it is never a bug of ours."""

import json
import math
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.prepare.writing.build import build_store
from avloc.prepare.writing.checking import look_at_shard
from avloc.verbs.data_check import find_clip
from tests.data.making import REPOSITORY, SETTINGS, MadeReader, made_listing

ODD = [
    None, [], {}, "x", "", -1, 0, 10**9, 10**30, 1.5, True, math.nan, math.inf, [[[[1]]]], {"a": {"b": 1}}, "\x00", "é" * 300,
    ["a", "b"], [1, 2],
]  # fmt: skip
SPLICED = [b"[", b"{", b'"', b"9" * 5000, b"[" * 5000, b"\xff", b"\x00", b"1e999", b"NaN"]


def make(path: Path, frames: str = "jpeg", kind: str = "hdf5") -> Path:
    settings = {**SETTINGS, "frames": frames, "store": kind}
    build_store(path, path.parent, made_listing(6), MadeReader(), settings, block=3, jobs=0)
    return path


@pytest.fixture(scope="module", params=["raw hdf5", "jpeg hdf5", "jpeg lmdb"])
def whole(request, tmp_path_factory) -> Path:
    return make(tmp_path_factory.mktemp("whole") / "s", *request.param.split())


@pytest.fixture
def store(whole, tmp_path) -> Path:
    return shutil.copytree(whole, tmp_path / "s")


def use(path: Path) -> None:
    """Whatever commands do with a store."""
    store = Store.open(path)
    rows = [row for row, _ in store.lines()]
    for shard in {row["shard"] for row in rows}:
        places = [(row["row"], len(row["clips"]), row.get("sha256")) for row in rows if row["shard"] == shard]
        kind = store.settings.get("store", "hdf5")
        look_at_shard(store.path, store.form, kind, shard, places, {}, lambda what, value: None)
    for name in store.splits:
        part = store.split(name)
        assert part.all_sounds().shape[0] == part.all_frames().shape[0] == len(part)
        for number in range(len(part)):
            part.clip(number)
    find_clip(path, "item03/000", None)


def refusal(path: Path) -> str | None:
    """The line that it is refused with, None where it is read."""
    try:
        use(path)
    except AvlocError as error:
        assert "\n" not in str(error) and str(path) in str(error) and len(str(error)) < 700
        return str(error)
    return None


def places_in(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in inner:
        yield (*way, key)
        yield from places_in(held, (*way, key))


def with_odd_value(value: Any, chance: random.Random) -> str:
    *way, last = chance.choice(list(places_in(value)))
    held = value
    for key in way:
        held = held[key]
    if isinstance(held, dict) and chance.random() < 0.2:
        del held[last]
    else:
        held[last] = chance.choice(ODD)
    return json.dumps(value)


def with_other_bytes(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    match chance.randrange(4):
        case 0:
            return content[:place] + bytes([chance.randrange(256)]) + content[place + 1 :]
        case 1:
            return content[:place] + content[place + chance.randrange(1, 50) :]
        case 2:
            return content[:place] + chance.choice(SPLICED) + content[place:]
        case _:
            return content[:place]


@pytest.mark.parametrize("seed", range(5))
def test_settings_and_manifest_with_anything_in_them_are_refused_or_read(whole, tmp_path, seed):
    chance = random.Random(seed)
    outcomes = []
    for number in range(25):
        path = shutil.copytree(whole, tmp_path / str(number))
        file = path / chance.choice(["store.json", "manifest.jsonl"])
        lines = file.read_text().splitlines() if file.suffix == ".jsonl" else [file.read_text()]
        if chance.random() < 0.5:
            line = chance.randrange(len(lines))
            lines[line] = with_odd_value(json.loads(lines[line]), chance)
            file.write_text("\n".join(lines) + "\n")
        else:
            file.write_bytes(with_other_bytes(file.read_bytes(), chance))
        outcomes.append(refusal(path))
    assert sum(outcome is not None for outcome in outcomes) > 10  # most of it is told


def test_shards_with_other_bytes_are_refused_or_read(whole, tmp_path):
    """In a process of its own, which a library may end."""
    script = (
        "import random, shutil, sys; from pathlib import Path; from tests.data.test_damage import refusal, with_other_bytes\n"
        "whole, there = map(Path, sys.argv[1:]); chance = random.Random(7)\n"
        "for number in range(60):\n"
        "    path = shutil.copytree(whole, there / str(number))\n"
        "    shard = chance.choice(sorted((path / 'shards').iterdir()))\n"
        "    shard.write_bytes(with_other_bytes(shard.read_bytes(), chance))\n"
        "    refusal(path); shutil.rmtree(path)\n"
        "print('all read')\n"
    )
    told = [sys.executable, "-c", script, str(whole), str(tmp_path)]
    done = subprocess.run(told, cwd=REPOSITORY, capture_output=True, text=True, timeout=300)
    assert done.returncode < 0 or done.stdout == "all read\n", done.stderr  # a signal is the library's, not ours


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("rate", 8000, r"store\.json:\d+: samples: found 100; 1 s at 8000 Hz are 8000"),
        ("size", 0, r"store\.json:\d+: size: found 0; input should be greater than or equal to 1"),
        ("samples", 10**9, r"store\.json:\d+: samples: found 1000000000; input should be less than"),
        ("samples", "100", r"store\.json:\d+: samples: found '100'; input should be a valid integer"),
        ("seconds", math.nan, r"store\.json:\d+: seconds: found nan"),
        ("classes", "ab", r"store\.json:\d+: classes: found 'ab'; input should be a valid list"),
        ("frames", "png", r"store\.json:\d+: frames: found 'png'; input should be 'jpeg' or 'raw'"),
        ("splits", {"all": -1}, r"store\.json:\d+: splits\.all: found -1"),
        ("size", 32, r"0000\d\.h5: broken or of another store|a frame is uint8"),
        ("frames_per_clip", 3, r"0000\d\.h5: broken or of another store \(frames are"),
        ("classes", ["a"], r"0000\d\.h5: broken or of another store \((labels|boxes/label) has"),
    ],
)
def test_settings_that_make_no_sense_name_their_line_and_key(tmp_path, key, value, words):
    store = make(tmp_path / "s")
    settings = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**settings, key: value}, indent=1))
    found = refusal(store)
    assert found is not None
    assert re.search(words, found), found


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": 3}', r"manifest\.jsonl:1: status: missing; expected ok or failed"),
        ("{", r"manifest\.jsonl:1: not JSON"),
        ("[]", r"manifest\.jsonl:1: found \[\]"),
        (b"\xff", r"manifest\.jsonl:1: not JSON"),
        ({"row": -1}, r"manifest\.jsonl:1: row: found -1"),
        ({"row": 0}, r"manifest\.jsonl:\d+: row: its clips lie where those of another line do"),
        ({"shard": "0"}, r"manifest\.jsonl:1: shard: found '0'"),
        ({"shard": 77}, r"00077\.h5: missing"),
        ({"clips": "ab"}, r"manifest\.jsonl:1: clips: found 'ab'"),
        ({"clips": []}, r"manifest\.jsonl: lists 8 clips of all, store\.json 9|lists \d+ clips of all"),
        ({"times": [[0, 1, 2]]}, r"manifest\.jsonl:1: times\.0: found \[0, 1, 2\]"),
        ({"times": [[math.nan, 1.0]]}, r"manifest\.jsonl:1: times\.0\.0: found nan"),
        ({"split": "other"}, r"manifest\.jsonl:1: split: found 'other', which store\.json lacks"),
        ({"status": "fine"}, r"manifest\.jsonl:1: status: found 'fine'; expected ok or failed"),
        ({"row": 10**5000}, r"manifest\.jsonl:1: "),
    ],
)
def test_a_line_of_the_manifest_that_is_wrong_is_named_with_its_key(tmp_path, line, words):
    store = make(tmp_path / "s")
    manifest = store / "manifest.jsonl"
    first, *others = manifest.read_bytes().splitlines(keepends=True)
    if isinstance(line, dict):
        sys.set_int_max_str_digits(0)
        line = json.dumps({**json.loads(first), **line})
        sys.set_int_max_str_digits(4300)
    manifest.write_bytes((line if isinstance(line, bytes) else line.encode()) + b"\n" + b"".join(others))
    with pytest.raises(DataError, match=words) as refused:
        use(store)
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 700


@pytest.mark.parametrize("name", ["frames", "sounds", "labels", "boxes/xyxy"])
def test_what_a_shard_keeps_in_another_file_is_not_read(tmp_path, name):
    """A store from elsewhere cannot show what lies on this machine."""
    store = make(tmp_path / "s")
    other = shutil.copy(store / "shards" / "00000.h5", tmp_path / "other.h5")
    with h5py.File(store / "shards" / "00000.h5", "r+") as file:
        del file[name]
        file[name] = h5py.ExternalLink(str(other), name)
    assert "link to another file" in (refusal(store) or "")


def test_raw_values_outside_of_the_file_are_not_read(tmp_path):
    store = make(tmp_path / "s", "raw")
    (tmp_path / "secret").write_bytes(bytes(10**5))
    with h5py.File(store / "shards" / "00000.h5", "r+") as file:
        shape = file["sounds"].shape
        del file["sounds"]
        file.create_dataset("sounds", shape, "<i2", external=[(str(tmp_path / "secret"), 0, h5py.h5f.UNLIMITED)])
    assert "keeps its values in another file" in (refusal(store) or "")


@pytest.mark.parametrize(
    ("name", "values", "words"),
    [
        ("labels", np.int64(3), "labels"),
        ("starts", np.full(3, np.nan), "starts"),
        ("videos", np.zeros((2, 2)), "videos"),
        ("boxes/label", None, "boxes/label has 99 to 99; expected -1 to 1"),
        ("boxes/clip", None, "boxes/clip has 99 to 99"),
        ("sounds", np.zeros((4, 100)), "sounds are float64"),
        ("sounds", None, "group"),
    ],
)
def test_values_that_make_no_sense_are_refused_with_their_dataset(tmp_path, name, values, words):
    store = make(tmp_path / "s")
    (store / "columns.npz").unlink()  # it holds the right labels and videos, and is read first
    with h5py.File(store / "shards" / "00001.h5", "r+") as file:
        held = file[name][()]
        del file[name]
        if values is not None:
            file[name] = values if np.ndim(values) == 0 or name != "starts" else np.full(len(held), np.nan)
        elif name == "sounds":
            file.create_group(name)
        else:
            file[name] = np.full_like(held, 99)
    found = refusal(store)
    assert found is not None and "00001.h5: broken" in found and words in found


def test_a_shard_that_the_system_does_not_give_is_not_called_broken(tmp_path, monkeypatch):
    """Nobody is told to write again what may be whole."""
    store = make(tmp_path / "s")

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(h5py, "File", refused)
    with pytest.raises(DataError, match=r"\.h5: cannot be read \(Permission denied\); the file itself may be fine"):
        Store.open(store).split("all").all_frames()
