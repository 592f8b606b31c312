"""`data check` lists what is wrong with a store that is damaged, with status 1; it does not break or hang on it."""

import json
import shutil
import time
from pathlib import Path

import h5py
import pytest
from typer.testing import CliRunner

import avloc
from avloc.cli.app import app
from avloc.prepare.writing import checking, watched
from avloc.prepare.writing.build import build_store
from tests.data.making import SETTINGS, MadeReader, made_listing, mark


@pytest.fixture
def store(tmp_path) -> Path:
    build_store(tmp_path / "s", tmp_path, made_listing(), MadeReader(), SETTINGS, block=3, jobs=0)
    return tmp_path / "s"


def problems(store: Path) -> list[str]:
    found = CliRunner().invoke(app, ["data", "check", str(store), "--json"])
    assert found.exit_code == 1, found.output
    return json.loads(found.stdout)["problems"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("rate", 8000, "samples: found 100"),
        ("size", 0, "size: found 0"),
        ("samples", 10**9, "samples: found 1000000000"),
    ],
)
def test_settings_that_make_no_sense_are_a_problem(store, key, value, words):
    settings = json.loads((store / "store.json").read_text())
    (store / "store.json").write_text(json.dumps({**settings, key: value}))
    (found,) = problems(store)
    assert "store.json" in found and words in found


def test_a_broken_line_of_the_manifest_is_a_problem(store):
    manifest = store / "manifest.jsonl"
    manifest.write_text(manifest.read_text().replace('"row": 0', '"row": "0"', 1))
    (found,) = problems(store)
    assert "manifest.jsonl:" in found and "row: found '0'" in found


def test_a_shard_whose_reading_never_ends_is_a_problem_and_the_others_are_counted(store, monkeypatch):
    monkeypatch.setattr(checking, "LIMIT", 2.0)
    shard = store / "shards" / "00001.h5"
    mark(shard, "hangs", monkeypatch)
    began = time.monotonic()
    found = problems(store)[0]
    assert time.monotonic() - began < 60
    assert "00001.h5: broken, reading it hangs; run the `avloc prepare` command" in found
    shard.unlink()
    assert avloc.data_check(store).splits["all"].verified == 9  # of eleven items those of the other shards


def test_a_clip_of_a_shard_whose_reading_never_ends_is_refused_in_one_line_and_others_are_drawn(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(watched, "LIMIT", 2.0)
    part = avloc.Store.open(store).split("all")
    lost = next(row["clips"][0] for row, _ in part.lines() if row["shard"] == 1)
    there = next(row["clips"][0] for row, _ in part.lines() if row["shard"] == 0)
    mark(store / "shards" / "00001.h5", "hangs", monkeypatch)
    found = CliRunner().invoke(app, ["data", "show", str(store), lost, "--out", str(tmp_path / "lost.png")])
    assert found.exit_code == 2 and "00001.h5: broken, reading it hangs; run" in " ".join(found.stderr.split())
    assert not (tmp_path / "lost.png").exists()
    assert avloc.data_show(store, there, out=tmp_path / "there.png").file.is_file()


def test_what_names_left_over_is_listed_and_is_no_problem(store):
    settings = json.loads((store / "store.json").read_text())
    left = [{"kind": "missing", "count": 2, "words": "of 9 ids match no clip", "names": ["x", "y"]}]
    settings["unmatched"] = [{"what": "labels.csv", "matched": 7, "left": left}]
    (store / "store.json").write_text(json.dumps(settings))
    before = problems_or_none(store)
    assert before == [] or "labels.csv" not in " ".join(before)
    shown = CliRunner().invoke(app, ["data", "check", str(store)])
    assert "labels.csv: 2 of 9 ids match no clip: x, y" in " ".join(shown.output.split())
    settings["unmatched"] = [5]
    (store / "store.json").write_text(json.dumps(settings))
    assert "unmatched" in problems(store)[0]


def problems_or_none(store: Path) -> list[str]:
    return avloc.data_check(store).problems


def test_a_shard_whose_reading_ends_the_process_is_a_problem(store, monkeypatch):
    mark(store / "shards" / "00001.h5", "ends", monkeypatch)
    found = problems(store)[0]
    assert "00001.h5: broken, reading it crashes (its process ended by SIGBUS)" in found


@pytest.mark.parametrize("damage", ["group", "kind", "link", "no rows"])
def test_a_shard_that_does_not_fit_is_a_problem(store, tmp_path, damage):
    with h5py.File(store / "shards" / "00001.h5", "r+") as file:
        del file["sounds"]
        match damage:
            case "group":
                file.create_group("sounds")
            case "kind":
                file["sounds"] = "no sound"
            case "link":
                file["sounds"] = h5py.ExternalLink(str(shutil.copy(store / "shards" / "00002.h5", tmp_path)), "sounds")
            case _:
                file["sounds"] = h5py.Empty("<i2")
    found = problems(store)[0]
    assert "00001.h5: broken or of another store (sounds" in found


def test_no_store_at_all_is_still_refused(tmp_path):
    found = CliRunner().invoke(app, ["data", "check", str(tmp_path)])
    assert found.exit_code == 2 and "no store here" in found.stderr
