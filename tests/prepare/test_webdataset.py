"""Tar shards: a store goes out and comes back equal; foreign shards are read as they are; nothing in one is trusted."""

import gzip
import io
import json
import pickle
import shutil
import tarfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

import avloc
from avloc import Store
from avloc.data.clip import Box, Clip, Mask
from avloc.data.origin import origin_of
from avloc.data.scenes import scenes_of, sounds_of
from avloc.errors import AvlocError, DataError
from avloc.prepare.layouts.sample_about import read_about
from avloc.prepare.layouts.sample_notes import OWN
from avloc.prepare.layouts.shard_names import split_of
from avloc.prepare.layouts.tar_shards import read_index
from avloc.prepare.layouts.tar_store import TarStore
from avloc.prepare.layouts.webdataset import list_webdataset
from avloc.prepare.layouts.webdataset_reader import WebdatasetReader
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.moments import Moments
from avloc.prepare.writing.build import build_store
from avloc.run_lengths import pixels_of, runs_of
from tests.commands import error_of, printed, shown
from tests.data.making import content, make_video, painted, tone
from tests.prepare.composing import composed, make_world

RATE, SIZE = 8000, 32
SETTINGS = {
    "data": "made", "classes": ("dog", "cat, loud", "ÿ"), "rate": RATE, "seconds": 1.0, "samples": RATE, "size": SIZE,
    "frames_per_clip": 1, "frames": "jpeg", "masks": True, "votes": 2,
}  # fmt: skip


class Clips:
    """Clips of noise, with sounds up to the loudest sample, boxes of all kinds, masks and frames nobody looked at."""

    def __init__(self, frames: int = 1) -> None:
        self.frames = frames

    def read(self, item: Item):
        number = item.facts["number"]
        random = np.random.default_rng(number)
        masks = tuple(Mask(0, part, part == 0, random.random((SIZE, SIZE)) < 0.4) for part in range(number % 3))
        boxes = (Box((0.1, 0.25, 0.5, 1.0), 0, number % 3, True), Box((0.3, 0.0, 1.0, 0.7), 0, -1, False))
        yield Clip(
            id=item.id,
            video=f"video.mp4_{number // 2}",
            split="",
            start=number / 3,
            frames=random.integers(0, 255, (self.frames, SIZE, SIZE, 3)).astype(np.uint8),
            frame_keys=tuple(f"{item.id}#{n}" if n else item.id for n in range(self.frames)),
            waveform=random.integers(-32768, 32768, RATE).astype(np.int16),
            labels=(number % 3,) if number % 4 else (),
            boxes=boxes[: number % 3],
            annotated=(number % 5 > 0,) + (False,) * (self.frames - 1),
            masks=masks,
        )


def make(path: Path, per_clip: int = 1, **changed: object) -> Path:
    items = {name: Item(name, name, {"number": n}) for n, name in enumerate(f"a/clip.{n}_x" for n in range(7))}
    entries = [Entry(name) for name in items]
    listing = Listing(items, {"train": entries[:5], "test": entries[3:]})  # two clips are in both
    build_store(
        path, path.parent, listing, Clips(per_clip), {**SETTINGS, "frames_per_clip": per_clip, **changed}, jobs=0
    )
    return path


def assert_same(one: Store, other: Store) -> None:
    assert one.splits == other.splits and one.classes == other.classes and one.votes == other.votes
    same = ("rate", "seconds", "samples", "size", "frames", "frames_per_clip", "masks")
    assert {key: one.settings.get(key) for key in same} == {key: other.settings.get(key) for key in same}
    for split in one.splits:
        mine, theirs = one.split(split), other.split(split)
        assert mine.ids == theirs.ids
        for index in range(len(mine)):
            here, there = mine.clip(index), theirs.clip(index)
            for name in ("id", "video", "start", "frame_keys", "labels", "boxes", "annotated"):
                assert getattr(here, name) == getattr(there, name), name
            assert (here.frames == there.frames).all() and (here.waveform == there.waveform).all()
            stored = zip(mine.stored(index)[0], theirs.stored(index)[0], strict=True)
            assert all((frame == copied).all() for frame, copied in stored)  # the bytes, not only what they show
            told = [[(m.frame, m.label, m.sounding) for m in clip.masks] for clip in (here, there)]
            assert told[0] == told[1]
            assert all((a.pixels == b.pixels).all() for a, b in zip(here.masks, there.masks, strict=True))


@pytest.mark.parametrize("kind", ["jpeg", "raw", "two frames", "lmdb", "flac", "no masks"])
def test_a_store_comes_back_equal(tmp_path, kind):
    changed = {"raw": {"frames": "raw"}, "lmdb": {"store": "lmdb"}}.get(kind, {})
    store = make(tmp_path / "s", 2 if kind == "two frames" else 1, **changed)
    if kind == "no masks":
        listing = Listing({"x": Item("x", "x", {"number": 0})}, {"all": [Entry("x")]})
        told = {key: value for key, value in SETTINGS.items() if key != "masks"}
        store = tmp_path / "plain"
        build_store(store, tmp_path, listing, Clips(), told, jobs=0)
    sound = "flac" if kind == "flac" else "wav"
    found = avloc.data_export(store, tmp_path / "out", clips=2, sound=sound)
    assert found.shards == sum(-(-count // 2) for count in found.splits.values())
    avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "again", jobs=0)
    assert_same(Store.open(store), Store.open(tmp_path / "again"))
    assert not avloc.data_check(tmp_path / "again").splits["all" if kind == "no masks" else "train"].changed


def told_of_clips(path: Path) -> dict[str, dict[str, object]]:
    """What the manifest of a composed store says about each clip, besides its places in lists, files and shards."""
    found = {}
    for row, _ in Store.open(path).lines():
        notes = {key: value for key, value in row.items() if key not in (*OWN, "original")}
        for name, times in zip(row["clips"], row["times"], strict=True):
            heard = [one for one in row["heard"] if one["clip"] == name]
            found[name] = {**notes, "heard": heard, "times": times}
    return found


def test_composed_clips_keep_their_origin_scenes_and_other_sounds(tmp_path):
    composed(make_world(tmp_path / "world"), tmp_path / "s", train_anew=True)
    avloc.data_export(tmp_path / "s", tmp_path / "out")
    avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "again", jobs=0)
    one, other = (Store.open(tmp_path / name) for name in ("s", "again"))
    assert_same(one, other)
    told = told_of_clips(tmp_path / "s")
    assert told == told_of_clips(tmp_path / "again") and len(told) == sum(one.splits.values())
    assert origin_of(other.settings) == "composed" == origin_of(TarStore.of(tmp_path / "out").settings)
    assert other.settings["pairs"] == "anew" == TarStore.of(tmp_path / "out").settings["pairs"]
    for split, of in (("test_interactive", scenes_of), ("test_absent", sounds_of)):
        assert of(one.split(split)) == of(other.split(split)) and len(set(of(one.split(split)))) > 1
    avloc.data_export(tmp_path / "again", tmp_path / "twice")
    shards = [path.name for path in (tmp_path / "out").glob("*.tar")]
    assert shards and all(
        (tmp_path / "out" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes() for name in shards
    )


def test_repairs_and_flags_of_recordings_are_kept_and_counted_once(tmp_path):
    class Recording(Clips):
        def read(self, item: Item):
            for number in range(3):
                yield from super().read(Item(f"{item.id}_{number}", item.path, {"number": number}))
            clips = {f"{item.id}_{number}": {"made_up": 0.01} for number in (0, 2)}
            left = [{"clip": f"{item.id}_3", "start": 3.0, "reason": "no picture", "detail": ""}]
            return {"repaired": {"silence": 0.5, "clips": clips}, "left_out": left, "rest": 0.25}

    sounder = {"audible": ["dog"], "visible": [], "static_image": True}
    item = Item("v", "v.mp4", {}, {"tasks": ["single"], "vggsounder": sounder, "bytes": 99})
    listing = Listing({"v": item}, {"all": [Entry("v")]})
    build_store(tmp_path / "s", tmp_path, listing, Recording(), {**SETTINGS, "origin": "synthetic"}, jobs=0)
    avloc.data_export(tmp_path / "s", tmp_path / "out")
    prepared = avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "again", jobs=0)
    first, second, third = (row for row, _ in Store.open(tmp_path / "again").lines())
    assert all(row["vggsounder"] == sounder and row["tasks"] == ["single"] for row in (first, second, third))
    assert first["repaired"] == {"silence": 0.5, "clips": {"v_0": {"made_up": 0.01}}} and first["rest"] == 0.25
    assert "repaired" not in second and third["repaired"] == {"clips": {"v_2": {"made_up": 0.01}}}
    assert third["original"] == {"id": "v", "source": "v.mp4"}
    assert prepared.left_out == {"no picture": 1} and prepared.repaired["silence"] == 0.5
    assert origin_of(Store.open(tmp_path / "again").settings) == "synthetic"


def test_other_tools_find_what_they_expect_in_a_shard(tmp_path):
    avloc.data_export(make(tmp_path / "s"), tmp_path / "out")
    with tarfile.open(tmp_path / "out" / "train-000000.tar") as tar:
        names = tar.getnames()
        assert names[:3] == ["000000000.jpg", "000000000.wav", "000000000.json"] and len(names) == 15
        picture = cv2.imdecode(np.frombuffer(tar.extractfile(names[0]).read(), np.uint8), cv2.IMREAD_COLOR)
        wave, rate = soundfile.read(io.BytesIO(tar.extractfile(names[1]).read()), dtype="int16")
        about = json.loads(tar.extractfile("000000001.json").read())
        assert {member.mtime for member in tar.getmembers()} == {0}
    part = Store.open(tmp_path / "s").split("train")
    assert (
        (picture[..., ::-1] == part.clip(0).frames[0]).all() and rate == RATE and (wave == part.clip(0).waveform).all()
    )
    assert about["labels"] == ["cat, loud"] and about["boxes"][0]["class"] == "cat, loud"


def test_the_same_store_gives_the_same_bytes_and_an_interrupted_export_is_finished(tmp_path):
    store = make(tmp_path / "s")
    for name in ("one", "two"):
        avloc.data_export(store, tmp_path / name, clips=2)
    whole = content(tmp_path / "one")
    assert whole == content(tmp_path / "two")
    # as a killed export leaves it: begun, a shard missing, and what it was writing
    (tmp_path / "two" / "dataset.json").rename(tmp_path / "two" / "exporting.json")
    (tmp_path / "two" / "test-000001.tar").unlink()
    (tmp_path / "two" / ".test-000001.tar.abc.tar").write_bytes(b"half")
    found = avloc.data_export(store, tmp_path / "two", clips=2)
    assert content(tmp_path / "two") == whole and found.kept == found.shards - 1
    with pytest.raises(DataError, match="contains another export"):
        avloc.data_export(store, tmp_path / "two", clips=3)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match=r"is not empty and not an export \(it contains mine.txt\)"):
        avloc.data_export(store, tmp_path / "other")


def test_an_unfinished_export_is_not_read_as_a_whole_one(tmp_path):
    avloc.data_export(make(tmp_path / "s"), tmp_path / "out", clips=2)
    (tmp_path / "out" / "train-000001.tar").unlink()
    prepared = avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "again", jobs=0)
    assert prepared.reasons == {"missing shard": 1} and prepared.splits == {"train": 3, "test": 4}


def test_the_commands_export_and_import(tmp_path):
    store = make(tmp_path / "s")
    text = shown("data", "export", store, "--to", "webdataset", "--out", tmp_path / "out", "--splits", "test")
    assert "4" in text and "1 shard," in text
    found = printed(
        "prepare", "import", "--layout", "webdataset", "--source", tmp_path / "out", "--out", tmp_path / "a"
    )
    assert found["splits"] == {"test": 4}
    assert "no split 'dev'" in error_of("data", "export", store, "--out", tmp_path / "x", "--splits", "dev")


def wav(number: int, seconds: float = 1.0, rate: int = RATE) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, tone(seconds, 300 + 100 * number, rate)[0], rate, format="WAV")
    return held.getvalue()


def jpg(number: int, size: tuple[int, int] = (48, 64)) -> bytes:
    return cv2.imencode(".jpg", np.full((*size, 3), 20 * number, np.uint8))[1].tobytes()


def shard(path: Path, members: list[tuple[str, bytes]], **settings: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w", **settings) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def sample(key: str, number: int = 1, **parts: bytes) -> list[tuple[str, bytes]]:
    return [(f"{key}.{end}", data) for end, data in {"jpg": jpg(number), "wav": wav(number), **parts}.items()]


def imported(source: Path, out: Path, **options: object) -> Store:
    avloc.prepare_import(source, "webdataset", out, **{"jobs": 0, "seconds": 1, "rate": RATE, "size": 32, **options})
    return Store.open(out)


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tgz"])
def test_foreign_shards_with_classes_in_json_cls_or_txt(tmp_path, ending):
    labels = [{"json": b'{"label": "dog", "fps": 3}'}, {"cls": b"cat\n"}, {"txt": b"cow\nhen\n"}, {"cls": b"7"}]
    members = [part for number, own in enumerate(labels) for part in sample(f"k{number}", number, **own)]
    shard(tmp_path / "d" / f"train-000000{ending}", members[:6])
    shard(tmp_path / "d" / f"train-000001{ending}", members[6:])
    store = imported(tmp_path / "d", tmp_path / "s", jobs=2)
    part = store.split("train")
    assert part.classes == ("7", "cat", "cow", "dog", "hen") and part.ids == ["k0", "k1", "k2", "k3"]
    named = [{part.classes[label] for label in np.flatnonzero(row)} for row in part.labels]
    assert named == [{"dog"}, {"cat"}, {"cow", "hen"}, {"7"}]
    assert [round(float(frame.mean()) / 20) for frame in part.all_frames()] == [0, 1, 2, 3]
    pitches = [np.abs(np.fft.rfft(waveform)).argmax() for waveform in part.all_sounds()]
    assert pitches == [300, 400, 500, 600] and not part.annotated.any()


@pytest.fixture
def decompressed(monkeypatch) -> list[int]:
    """Bytes of each piece that is decompressed from now on."""
    read: list[int] = []

    class Counting(gzip._GzipReader):
        def read(self, size=-1):
            content = super().read(size)
            read.append(len(content))
            return content

    monkeypatch.setattr(gzip, "_GzipReader", Counting)
    return read


@pytest.mark.parametrize("order", ["of the shard", "of a list"])
def test_a_compressed_shard_is_read_once_for_its_index_and_once_for_its_samples(tmp_path, decompressed, order):
    """Though its sounds come first, and the list is in the opposite order and spells half of the names with a folder."""
    members = [part for number in range(40) for part in sample(f"k{number:02d}", number % 12)[::-1]]
    path = shard(tmp_path / "a.tar.gz", members)
    names = ["x/" * (number % 2) + f"k{number:02d}" for number in reversed(range(40))]
    (tmp_path / "list.txt").write_text("\n".join(names))
    lists = {"lists": [f"a={tmp_path / 'list.txt'}"]} if order == "of a list" else {}
    part = imported(path, tmp_path / "s", **lists).split("a")
    assert sum(decompressed) < 2.5 * sum(len(content) + 1024 for _, content in members)
    assert len(part) == 40 and (lists == {} or part.ids == names)
    numbers = [int(name[-2:]) % 12 for name in part.ids]
    assert [round(float(frame.mean()) / 20) for frame in part.all_frames()] == numbers


def test_a_process_goes_on_in_a_compressed_shard_from_task_to_task(tmp_path, decompressed):
    path = shard(tmp_path / "a.tar.gz", [part for number in range(40) for part in sample(f"k{number:02d}")])
    found = list_webdataset(path, {}, None)
    total, reader = sum(decompressed), WebdatasetReader(found.root, Moments(32, RATE, RATE), 1)
    for item in found.listing.items.values():
        assert [clip.id for clip in pickle.loads(pickle.dumps(reader)).read(item)] == [item.id]
    assert sum(decompressed) < 2.1 * total


def test_a_compressed_shard_whose_samples_alternate_is_named(tmp_path, caplog):
    both = [*sample("a"), *sample("b")]
    shard(tmp_path / "d" / "near.tar.gz", both)
    shard(tmp_path / "d" / "far.tgz", [both[0], both[2], both[1], both[3]])
    shard(tmp_path / "d" / "plain.tar", [both[0], both[2], both[1], both[3]])
    store = imported(tmp_path / "d", tmp_path / "s")
    assert store.splits == {"far": 2, "near": 2, "plain": 2}
    assert caplog.text.count("members of different samples alternate") == 1
    assert f"{tmp_path / 'd' / 'far.tgz'}: compressed, and members of different samples alternate" in caplog.text


def test_boxes_and_masks_of_a_foreign_json_are_read(tmp_path):
    about = {
        "boxes": [{"box": [0.25, 0, 0.5, 1], "class": "dog"}],
        "masks": [{"size": [2, 4], "counts": [2, 4, 2], "class": "dog"}],
    }
    shard(tmp_path / "a.tar", sample("k", json=json.dumps(about).encode()))
    store = imported(tmp_path / "a.tar", tmp_path / "s")
    clip = store.split("a").clip(0)
    assert (
        store.masked and clip.labels == (0,) and clip.annotated == (True,) and clip.boxes[0].xyxy == (0.25, 0, 0.5, 1)
    )
    assert clip.masks[0].pixels[:, 8:24].all() and clip.masks[0].pixels.sum() == 32 * 16  # columns 1 and 2 of 4


def test_a_video_is_a_sample_and_so_are_sounds_beside_pictures_of_other_kinds(tmp_path):
    make_video(tmp_path / "v.mp4", [painted(n) for n in range(30)], sound=tone(3, 500))
    held = io.BytesIO()
    soundfile.write(held, np.stack([tone(2, 400, 16000)[0]] * 2, 1), 16000, format="OGG")
    png = cv2.imencode(".png", np.full((32, 32, 3), 77, np.uint8))[1].tobytes()
    webp = cv2.imencode(".webp", np.full((32, 32, 3), 77, np.uint8))[1].tobytes()
    members = [
        ("v.mp4", (tmp_path / "v.mp4").read_bytes()),
        ("p.png", png),
        ("p.ogg", held.getvalue()),
        ("w.WEBP", webp),
    ]
    shard(tmp_path / "a.tar", [*members, ("w.FLAC", wav(1))])
    part = imported(tmp_path / "a.tar", tmp_path / "s", frames="raw", size=128).split("a")
    assert part.ids == ["v", "p", "w"]
    from tests.data.making import number_in

    assert number_in(part.clip(0).frames[0]) == 15 and part.starts[0] == pytest.approx(1.0, abs=0.03)
    assert abs(part.clip(1).frames.astype(int) - 77).max() <= 1 and part.starts[1] == pytest.approx(0.5, abs=0.02)


def test_patterns_name_shards_and_missing_ones_are_counted(tmp_path):
    for number in (0, 1, 3):
        shard(tmp_path / f"set-{number:03d}.tar", sample(f"k{number}"))
    prepared = avloc.prepare_import(
        tmp_path / "set-{000..003}.tar", "webdataset", tmp_path / "s", jobs=0, seconds=1, rate=RATE
    )
    assert prepared.splits == {"set": 3} and prepared.reasons == {"missing shard": 1}
    with pytest.raises(DataError, match="none of the 2 files of this pattern exists"):
        imported(tmp_path / "set-{7..8}.tar", tmp_path / "t")
    with pytest.raises(DataError, match="matches no files"):
        imported(tmp_path / "set-{8..7}.tar", tmp_path / "t")
    with pytest.raises(DataError, match="no such file or folder"):
        imported(tmp_path / "none.tar", tmp_path / "t")
    with pytest.raises(DataError, match="no tar file in it"):
        imported(tmp_path / "s", tmp_path / "t")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train-000001.tar", "train"),
        ("val/00001.tar", "val"),
        ("0001.tgz", "all"),
        ("a.b_12.tar.gz", "a.b"),
        ("x.tar", "x"),
    ],
)
def test_a_split_is_the_name_of_its_shards_without_numbers(name, split):
    assert split_of(name) == split


def test_keys_that_come_back_in_another_shard_are_told_apart(tmp_path):
    for number in (0, 1):
        shard(tmp_path / f"t-{number}.tar", sample("000000", number))
    assert imported(tmp_path, tmp_path / "s").split("t").ids == ["t-0/000000", "t-1/000000"]


def test_lists_choose_samples_and_a_missing_one_is_counted(tmp_path):
    shard(tmp_path / "a.tar", [*sample("k1"), *sample("k2"), *sample("k3")])
    (tmp_path / "list.txt").write_text("k3\nk9\n")
    out = tmp_path / "s"
    prepared = avloc.prepare_import(
        tmp_path / "a.tar", "webdataset", out, lists=[f"train={tmp_path / 'list.txt'}"], jobs=0, seconds=1, rate=RATE
    )
    assert prepared.reasons == {"missing sample": 1} and Store.open(out).split("train").ids == ["k3"]


def test_each_thing_that_is_wrong_costs_its_sample_and_has_a_name(tmp_path):
    broken = shard(tmp_path / "d" / "b.tar", [*sample("whole"), *sample("lost")])
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    members = [
        *sample("good"),
        ("silent.jpg", jpg(1)),
        ("unseen.wav", wav(1)),
        *sample("nojson", json=b"{"),
        *sample("badnote", json=b'{"avloc": {"repaired": 3}}'),
        *sample("nonote", json=b'{"avloc": "1.0"}'),
        *sample("badbox", json=b'{"boxes": [{"box": [1, 2]}]}'),
        *sample("badmask", json=b'{"masks": [{"size": [2, 2], "counts": [3]}]}'),
        *sample("late", json=b'{"boxes": [{"box": [0, 0, 1, 1], "frame": 4}]}'),
        *sample("nopicture", jpg=b"text"),
        *sample("nosound", wav=b"text"),
        *sample("short", wav=wav(1, 0.25)),
        ("twice.jpg", jpg(1)), ("twice.jpg", jpg(2)), ("twice.wav", wav(1)),
        ("many.0.jpg", jpg(1)), ("many.1.jpg", jpg(1)), ("many.wav", wav(1)),
        *sample("one", json=b'{"id": "same"}'),
        *sample("other", 5, json=b'{"id": "same"}'),
    ]  # fmt: skip
    shard(tmp_path / "d" / "a.tar", members)
    prepared = avloc.prepare_import(tmp_path / "d", "webdataset", tmp_path / "s", jobs=0, seconds=1, rate=RATE)
    assert prepared.reasons == {
        "broken annotation": 6,
        "missing sound": 1,
        "missing frame": 1,
        "not a picture": 1,
        "not a media file": 1,
        "sound too short": 1,
        "two members of one name": 1,
        "another number of frames": 1,
        "id twice with other content": 1,
        "broken shard": 2,  # the sample that is cut off, and the rest of the file, whose samples nobody knows
    }
    assert Store.open(tmp_path / "s").split("a").ids == ["good", "same"]
    assert Store.open(tmp_path / "s").split("b").ids == ["whole"]


def test_names_are_only_keys_and_links_are_not_followed(tmp_path, caplog):
    secret = tmp_path / "secret.wav"
    secret.write_bytes(wav(9))
    path = tmp_path / "d" / "a.tar"
    path.parent.mkdir()
    with tarfile.open(path, "w") as tar:
        for name, kind in (
            ("good.wav", tarfile.SYMTYPE),
            ("hard.wav", tarfile.LNKTYPE),
            ("pipe.wav", tarfile.FIFOTYPE),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, str(secret)
            tar.addfile(member)
        members = [
            *sample("../../up"),
            *sample("/etc/passwd"),
            ("._a.jpg", b"mac"),
            ("__MACOSX/x.jpg", b"mac"),
            ("README", b""),
        ]
        for name, data in [("good.jpg", jpg(1)), *members]:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    before = sorted(tmp_path.rglob("*"))
    prepared = avloc.prepare_import(tmp_path / "d", "webdataset", tmp_path / "s", jobs=0, seconds=1, rate=RATE)
    assert prepared.reasons == {"missing sound": 1}
    assert Store.open(tmp_path / "s").split("a").ids == ["../../up", "/etc/passwd"]
    assert sorted(path for path in tmp_path.rglob("*") if tmp_path / "s" not in (path, *path.parents)) == before
    assert "3 members do not belong to a sample: link, device or sparse file" in caplog.text
    assert "2 members do not belong to a sample: hidden file" in caplog.text


def test_archives_that_were_joined_or_end_without_their_mark_are_said_to(tmp_path):
    one, two = shard(tmp_path / "1.tar", sample("a")), shard(tmp_path / "2.tar", sample("b"))
    joined, headless, whole = tmp_path / "j.tar", tmp_path / "h.tar", read_index(one)
    joined.write_bytes(one.read_bytes() + two.read_bytes())
    assert not whole.broken and list(whole.samples) == ["a"]
    assert read_index(joined).broken.startswith("more data after the end of the archive")
    bytes_ = bytearray(shard(tmp_path / "3.tar", [*sample("a"), *sample("b")]).read_bytes())
    place = bytes_.index(b"b.jpg")
    bytes_[place + 100] = 0xFF  # the header of the third member: Python's tarfile would end here without a word
    headless.write_bytes(bytes_)
    found = read_index(headless)
    assert found.broken.startswith("no end of the archive after 1 sample:") and list(found.samples) == ["a"]


def test_bombs_are_not_read(tmp_path):
    """A header that claims a gigabyte of name, and a text of many megabytes."""
    member = tarfile.TarInfo("x.json")
    member.size = (1 << 24) + 1
    with tarfile.open(tmp_path / "big.tar.gz", "w:gz") as tar:
        tar.addfile(member, io.BytesIO(bytes(member.size)))
    assert read_index(tmp_path / "big.tar.gz").samples["x"].wrong.startswith("member too large: json of 16777217 bytes")
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, 1 << 30
    with gzip.open(tmp_path / "name.tar.gz", "wb") as file:
        file.write(header.tobuf())
        file.write(bytes(1 << 20))
    assert "a header of 1073741824 bytes" in read_index(tmp_path / "name.tar.gz").broken


@pytest.mark.parametrize("length", range(0, 24))
def test_a_compressed_shard_cut_in_its_header_is_broken(tmp_path, length):
    whole = shard(tmp_path / "a.tar.gz", sample("a")).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[:length])
    index = read_index(tmp_path / "cut.tar.gz")
    assert index.broken and not index.samples


def test_a_flipped_bit_that_only_the_checksum_shows_is_seen(tmp_path):
    path = shard(tmp_path / "a.tar.gz", sample("a"))
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 1  # of the CRC at the end
    path.write_bytes(whole)
    assert "CRC" in read_index(path).broken


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_shard_never_ends_in_a_traceback(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("damaged")
    ending = data.draw(st.sampled_from([".tar", ".tar.gz"]))
    path = shard(folder / f"a{ending}", [*sample("a"), *sample("b", json=b'{"labels": ["x"]}')])
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(whole[: data.draw(st.integers(1, len(whole)))])
    try:
        avloc.prepare_import(path, "webdataset", folder / "s", jobs=0, seconds=1, rate=RATE, size=16)
    except AvlocError as error:
        assert "\n" not in str(error)


def test_a_damaged_dataset_json_is_refused(tmp_path):
    avloc.data_export(make(tmp_path / "s"), tmp_path / "out")
    path = tmp_path / "out" / "dataset.json"
    told = json.loads(path.read_text())
    for key, value in (("classes", 3), ("splits", [1]), ("rate", "x"), ("size", -1), ("frames", "gif"), ("votes", 1.5)):
        path.write_text(json.dumps({**told, key: value}))
        with pytest.raises(DataError, match=r"dataset\.json: not written by `avloc data export`"):
            avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "x", jobs=0)
    path.write_text(json.dumps({**told, "splits": {"train": {"shards": ["../../x.tar"]}}}))
    with pytest.raises(DataError, match="not written by"):
        avloc.prepare_import(tmp_path / "out", "webdataset", tmp_path / "x", jobs=0)


def test_what_cannot_be_exported_is_refused(tmp_path):
    sound = {"kind": "spectrogram", "times": 3, "bands": 2, "view": "LogMel", "settings": {}}
    store = make(tmp_path / "s")
    shutil.copytree(store, tmp_path / "t")
    told = json.loads((tmp_path / "t" / "store.json").read_text())
    (tmp_path / "t" / "store.json").write_text(json.dumps({**told, "sound": sound}))
    with pytest.raises(DataError, match="contains spectrograms and no sounds"):
        avloc.data_export(tmp_path / "t", tmp_path / "out")
    (tmp_path / "t" / "store.json").write_text(json.dumps({**told, "shard": "1/2"}))
    with pytest.raises(DataError, match="is part 1/2 of a store"):
        avloc.data_export(tmp_path / "t", tmp_path / "out")


def test_boxes_of_a_benchmark_take_the_place_of_the_shards_own(tmp_path):
    shard(tmp_path / "a.tar", [*sample("k1", json=b'{"boxes": []}'), *sample("k2")])
    boxes = [{"box": [0, 0, 0.5, 1], "class": "hen"}, {"box": [0.5, 0, 1, 1], "class": "cow", "sounding": False}]
    own = {"clips": [{"id": "k2", "video": "v", "boxes": boxes}]}
    (tmp_path / "own.json").write_text(json.dumps(own))
    store = imported(tmp_path / "a.tar", tmp_path / "s", benchmark="own", annotations=tmp_path / "own.json")
    part = store.split("a")
    assert part.classes == ("cow", "hen") and part.annotated[:, 0].tolist() == [False, True]
    assert part.boxes.clip.tolist() == [1, 1] and part.boxes.sounding.tolist() == [True, False]
    assert part.labels.tolist() == [[False, False], [False, True]]
    assert part.videos == ["k1", "v"]


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_run_lengths_are_those_of_coco(height, width, seed, share):
    mask = np.random.default_rng(seed).random((height, width)) < share
    runs = runs_of(mask)
    assert sum(runs) == height * width and all(run > 0 for run in runs[1:])
    assert (pixels_of(height, width, runs) == mask).all()


def test_a_run_length_example_by_hand():
    # column by column: 0 1 | 1 1 | 0 0
    mask = np.array([[False, True, False], [True, True, False]])
    assert runs_of(mask) == [1, 3, 2] and runs_of(~mask) == [0, 1, 3, 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "a list; expected an object"),
        ('{"labels": [[1]]}', "expected names of classes"),
        ('{"labels": "' + "x" * 300 + '"}', "up to 200 characters"),
        ('{"start": "now"}', "start is"),
        ('{"start": 1e400}', "start is"),
        ('{"id": 5}', "id 5; expected text"),
        ('{"id": "a\\u001b[31m"}', "expected text"),
        ('{"boxes": {}}', "expected a list of objects"),
        ('{"boxes": [{"box": [0, 0, 1, NaN]}]}', "expected left, top"),
        ('{"annotated": [1]}', "expected a list of bool"),
        ("[" * 100000, "not JSON"),
        ("9" * 5000, "not JSON|a int"),
    ],
)
def test_a_json_of_another_form_says_what_is_wrong(text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_about(text.encode())
    assert len(str(caught.value)) < 200
