"""Looking at a store: what is counted, what is called wrong, and the picture of a clip."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

import avloc
from avloc.data.clip import Box, Clip
from avloc.errors import DataError
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.writing.build import build_store
from tests.commands import invoke, shown
from tests.data.making import make_video, painted, tone
from tests.engine.tiny import make_tiny_store


@dataclass(frozen=True)
class Odd:
    """Clips by what is wrong with them."""

    def read(self, item: Item) -> Iterator[Clip]:
        if item.id == "broken":
            raise MediaError(item.path, "cannot be decoded")
        random = np.random.default_rng(list(item.id.rstrip("12").encode()))
        frames = random.integers(0, 255, (2, 16, 16, 3)).astype(np.uint8)
        sound = random.normal(0, 3000, 100).astype(np.int16)
        clip = Clip(item.id, item.id, "", 0.0, frames, ("", ""), sound, (0,), (), (True, True))
        match item.id:
            case "silent":
                clip = replace(clip, waveform=np.full(100, 20, np.int16))
            case "frozen":
                clip = replace(clip, frames=np.repeat(frames[:1], 2, axis=0))
            case "flat":
                clip = replace(clip, boxes=(Box((0.5, 0.2, 0.5, 0.4), 0, 0, True), Box((0, 0, 1, 1), 1, 0, True)))
        yield clip


def make(path: Path, splits: dict[str, list[str]]) -> Path:
    items = {name: Item(name, f"{name}.mp4", {}) for names in splits.values() for name in names}
    settings = {
        "data": "odd", "classes": ("a", "b"), "rate": 100, "seconds": 1.0, "samples": 100, "frames_per_clip": 2, "size": 16,
        "frames": "raw",
    }  # fmt: skip
    listing = Listing(items, {split: [Entry(name) for name in names] for split, names in splits.items()})
    build_store(path, path.parent, listing, Odd(), settings, jobs=0)
    return path


def test_everything_wrong_is_counted_and_named(tmp_path):
    splits = {"train": ["good", "silent", "frozen", "flat", "same1", "same2", "broken"], "test": ["good", "other"]}
    found = avloc.data_check(make(tmp_path / "s", splits))
    train = found.splits["train"]
    assert (train.listed, train.ok, train.clips, train.reasons) == (7, 6, 6, {"cannot be decoded": 1})
    assert train.hours == round(6 / 3600, 4) and train.classes == {"a": 6, "b": 0}
    assert (train.silent, train.frozen, train.flat) == (["silent"], ["frozen"], ["flat"])
    assert train.doubles == [("same1", "same2")] and (train.boxes, train.annotated) == (2, 12)
    assert found.across == {"train, test": ["good"]} and len(found.problems) == 5
    assert "train: 1 of 6 clips have a silent sound: silent" in found.problems
    assert "train, test: 1 clip is in both: good" in found.problems
    shown = invoke("data", "check", tmp_path / "s")
    assert shown.exit_code == 1 and "6 of 7" in shown.stdout and "1 x cannot be decoded" in shown.stdout
    assert "train: a 6, b 0" in shown.stdout and shown.stdout.splitlines()[-5:] == found.problems


def test_a_sound_store_has_no_problem(tmp_path):
    found = avloc.data_check(make_tiny_store(tmp_path / "s"))
    assert found.problems == [] and found.splits["train"].clips == 18 and found.splits["train"].boxes == 72


def test_the_exit_status_says_whether_something_is_wrong(tmp_path):
    good, bad = make_tiny_store(tmp_path / "good"), make(tmp_path / "bad", {"train": ["silent", "good"]})
    for store, status in ((good, 0), (bad, 1)):
        found = invoke("data", "check", store, "--json")
        assert found.exit_code == status, found.stderr
        assert bool(json.loads(found.stdout)["problems"]) == bool(status)
    shown = invoke("data", "check", bad).stdout
    assert "2 of 2" in shown and "train: 1 of 2 clips have a silent sound: silent" in shown


@pytest.mark.parametrize("damage", ["cut off", "missing"])
def test_a_broken_shard_is_named_and_the_others_are_counted(tmp_path, damage):
    store = make(tmp_path / "s", {"train": [f"clip{n}x" for n in range(20)]})  # two shards
    shard = store / "shards" / "00001.h5"
    if damage == "cut off":
        shard.write_bytes(shard.read_bytes()[:2000])
    else:
        shard.unlink()
    found = invoke("data", "check", store, "--json")
    checked = json.loads(found.stdout)
    assert found.exit_code == 1 and len(checked["problems"]) == 1 and "00001.h5" in checked["problems"][0]
    assert (checked["splits"]["train"]["clips"], checked["splits"]["train"]["verified"]) == (16, 16)


@pytest.mark.parametrize("what", ["frames", "sounds", "labels", "boxes/xyxy", "starts"])
def test_whatever_changes_in_a_shard_is_found_by_its_digest(tmp_path, what):
    store = make(tmp_path / "s", {"train": ["flat", "good"]})
    assert avloc.data_check(store).splits["train"].verified == 2
    with h5py.File(store / "shards" / "00000.h5", "r+") as file:
        file[what][0] = ~file[what][0] if what == "labels" else file[what][0] // 2 + 1
    found = avloc.data_check(store)
    assert found.splits["train"].changed == ["flat"] and found.splits["train"].verified == 1
    assert any(
        "1 item has changed since it was prepared (another SHA-256, or broken): flat" in line for line in found.problems
    )


def test_bytes_that_are_no_picture_any_more_cost_their_item_alone(tmp_path):
    store = make_tiny_store(tmp_path / "s")
    shard = store / "shards" / "00000.h5"
    with h5py.File(shard, "r+") as file:
        frames = file["frames"]
        frames[0, 0] = np.zeros_like(frames[0, 0])
    found = avloc.data_check(store)
    assert sum(len(split.changed) for split in found.splits.values()) == 1 and not found.broken


def test_a_store_of_an_earlier_version_is_read_and_said_to_have_no_digests(tmp_path):
    store = make(tmp_path / "s", {"train": ["good", "other"]})
    manifest = store / "manifest.jsonl"
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    earlier = [{key: value for key, value in row.items() if key not in ("sha256", "times")} for row in rows]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in earlier))
    assert avloc.Store.open(store).split("train").ids == ["good", "other"]
    assert "2 items have no SHA-256 in the manifest" in shown("data", "check", store)


def test_videos_of_one_frame_a_clip_are_frozen_where_all_their_clips_show_the_same(tmp_path):
    still, moving = [painted(7)] * 40, [painted(n) for n in range(40)]
    for name, frames in (("still", still), ("moving", moving)):
        make_video(tmp_path / "v" / f"{name}.mp4", frames, sound=tone(4))
    out = tmp_path / "s"
    avloc.prepare_folder(tmp_path / "v", out, seconds=1.0, every=True, size=64, jobs=0)
    found = avloc.data_check(out).splits["all"]
    assert found.frozen == [f"still/{n:03d}" for n in range(4)] and found.no_sound == 0


def test_listed_items_without_sound_are_counted(tmp_path):
    make_video(tmp_path / "v" / "mute.mp4")
    make_video(tmp_path / "v" / "heard.mp4", sound=tone(4))
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, size=64, jobs=0)
    found = invoke("data", "check", tmp_path / "s")
    assert "1 of 2" in found.stdout and "1 x no sound track" in found.stdout
    assert avloc.data_check(tmp_path / "s").splits["all"].no_sound == 1


def test_a_clip_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = make_tiny_store(tmp_path / "s")
    clip = avloc.Store.open(store).split("test").ids[0]
    found = avloc.data_show(store, clip)
    assert found.split == "test" and found.boxes == 4 and len(found.labels) == 1
    picture = cv2.imread(str(found.file))
    assert found.file.parent == Path() and picture.shape[0] > 300 and picture.std() > 10
    green = (picture[..., 1].astype(int) - picture[..., 2] > 80) & (picture[..., 1].astype(int) - picture[..., 0] > 80)
    assert green.sum() > 500  # the boxes of what sounds


def test_many_frames_stand_in_rows_and_what_boxes_mean_is_said(tmp_path, monkeypatch):
    store = make_tiny_store(tmp_path / "s")
    clip = avloc.Store.open(store).split("test").ids[0]
    one = cv2.imread(str(avloc.data_show(store, clip, out=tmp_path / "a.png").file))
    monkeypatch.setattr("avloc.verbs.data_show.ACROSS", 1)
    two = cv2.imread(str(avloc.data_show(store, clip, out=tmp_path / "b.png").file))
    assert two.shape[0] > one.shape[0] + 256 and two.shape[1] <= one.shape[1]
    red = (one[..., 2].astype(int) - one[..., 1] > 120) & (one[..., 2].astype(int) - one[..., 0] > 120)
    assert red[:80].sum() > 100  # the legend's patch for silent objects


def test_an_unknown_clip_is_answered_with_an_example(tmp_path):
    store = make_tiny_store(tmp_path / "s")
    with pytest.raises(DataError, match=r"no clip 'nothing'; its clips have ids such as video_00000_0_1000/000"):
        avloc.data_show(store, "nothing")
    with pytest.raises(DataError, match=r"no clip 'video_00001_0_1000'; did you mean 'video_00001_0_1000/000'\?"):
        avloc.data_show(store, "video_00001_0_1000")
    with pytest.raises(DataError, match=r"did you mean 'video_00000_0_1000/000'\?"):
        avloc.data_show(store, "video_00000_0_1000/000/0")


def test_videos_without_labels_have_no_count_of_classes(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", sound=tone(4))
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", jobs=0)
    table = invoke("data", "check", tmp_path / "s").stdout
    assert "sounding" not in table and "all" in table
