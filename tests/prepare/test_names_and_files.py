"""Names in lists, labels and boxes meet files: what is found, what is left over, what could be either of two."""

import json
import os
import shutil
import subprocess
import sys
import unicodedata
from collections import Counter
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.errors import DataError
from avloc.prepare.parts.media_files import names_of, passed_over
from avloc.prepare.parts.names import one_of
from avloc.prepare.parts.tree import Tree
from tests.commands import invoke, printed, shown
from tests.data.making import make_video, painted, tone

SMALL = {"seconds": 1.0, "size": 64, "frames": "raw", "jobs": 0}


def grey(path: Path, level: int, seconds: float = 2.0, loud: bool = True) -> Path:
    """A video of one grey."""
    frames = [np.full((48, 64, 3), level, np.uint8)] * round(seconds * 10)
    return make_video(path, frames, sound=tone(seconds) if loud else None)


def level_of(store: Path, split: str = "all") -> dict[str, int]:
    part = Store.open(store).split(split)
    return {name: round(float(frames.mean())) for name, frames in zip(part.ids, part.all_frames(), strict=True)}


def rows(store: Path) -> dict[str, dict]:
    return {row["id"]: row for row in map(json.loads, (store / "manifest.jsonl").read_text("utf-8").splitlines())}


def labels_of(store: Path, split: str = "all") -> dict[str, set[str]]:
    part = Store.open(store).split(split)
    return {
        name: {part.classes[n] for n in np.flatnonzero(own)} for name, own in zip(part.ids, part.labels, strict=True)
    }


@pytest.fixture
def twice(tmp_path) -> Path:
    """dog/0001.mp4 and cat/0001.mp4, which differ; a list of 0001, one of both with their folders, and a label."""
    grey(tmp_path / "v" / "dog" / "0001.mp4", 60)
    grey(tmp_path / "v" / "cat" / "0001.mp4", 120)
    grey(tmp_path / "v" / "other.mp4", 180)
    (tmp_path / "one.txt").write_text("0001\nother\n")
    (tmp_path / "both.csv").write_text("dog/0001\r\ncat\\0001.mp4\r\n")
    (tmp_path / "labels.csv").write_text("0001,dog\nother,dog\n")
    return tmp_path


def test_an_id_that_fits_two_videos_is_neither(twice, caplog):
    lists, labels = [f"all={twice / 'one.txt'}"], twice / "labels.csv"
    found = avloc.prepare_folder(twice / "v", twice / "s", lists, labels, **SMALL)
    assert found.reasons == {"ambiguous name": 1} and level_of(twice / "s") == {"other": pytest.approx(180, abs=3)}
    assert rows(twice / "s")["0001"]["detail"] == "cat/0001.mp4 or dog/0001.mp4"
    assert "one.txt: 1 of 2 listed ids match more than one file: 0001 (cat/0001.mp4, dog/0001.mp4)" in caplog.text
    with pytest.raises(DataError, match=r"one.txt: 1 of 2 listed ids match more than one file: 0001 .*--strict"):
        avloc.prepare_folder(twice / "v", twice / "r", lists, labels, strict=True, **SMALL)
    assert not (twice / "r").exists()


def test_folders_tell_files_of_one_name_apart(twice, caplog):
    lists, labels = [f"all={twice / 'both.csv'}"], twice / "labels.csv"
    found = avloc.prepare_folder(twice / "v", twice / "s", lists, labels, **SMALL)
    assert found.failed == 0
    assert {name: round(level, -1) for name, level in level_of(twice / "s").items()} == {
        "dog/0001": 60,
        "cat\\0001": 120,
    }
    # which of them the label is of cannot be told, so it is given to neither
    assert labels_of(twice / "s") == {"dog/0001": set(), "cat\\0001": set()}
    assert (
        "1 of 2 ids match no clip: other" in caplog.text
        and "1 of 2 ids match more than one clip: 0001 (" in caplog.text
    )
    (twice / "labels.csv").write_text("dog/0001,dog\ncat/0001.mp4,cat\n")
    avloc.prepare_folder(twice / "v", twice / "t", lists, labels, strict=True, **SMALL)
    assert labels_of(twice / "t") == {"dog/0001": {"dog"}, "cat\\0001": {"cat"}}


def test_one_file_is_not_two_listed_videos(tmp_path):
    grey(tmp_path / "v" / "0001.mp4", 60)
    grey(tmp_path / "v" / "x.mp4", 60)
    (tmp_path / "l.txt").write_text("dog/0001\ncat/0001\nx\n")
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", [f"all={tmp_path / 'l.txt'}"], **SMALL)
    assert found.reasons == {"ambiguous name": 2}
    assert rows(tmp_path / "s")["dog/0001"]["detail"] == "0001.mp4, which another listed id matches too"
    assert "l.txt: 2 of 3 listed ids match the same file as another: dog/0001 (0001.mp4), cat" in str(
        found.unmatched[0]
    )


def test_links_and_copies_of_one_file_are_that_file(twice):
    shutil.copy(twice / "v" / "dog" / "0001.mp4", twice / "v" / "cat" / "0001.mp4")
    (twice / "v" / "more").mkdir()
    os.symlink(twice / "v" / "dog" / "0001.mp4", twice / "v" / "more" / "0001.mp4")
    found = avloc.prepare_folder(twice / "v", twice / "s", [f"all={twice / 'one.txt'}"], strict=True, **SMALL)
    assert found.failed == 0 and level_of(twice / "s")["0001"] == pytest.approx(60, abs=3)
    assert one_of(twice / "v", ["dog/0001.mp4", "cat/0001.mp4", "other.mp4"]) != ["dog/0001.mp4"]
    assert one_of(twice / "v", ["dog/0001.mp4", "gone.mp4"]) == ["dog/0001.mp4", "gone.mp4"]


def test_two_formats_of_one_name_are_two_clips_of_a_folder(tmp_path):
    for name, level in (("a.mp4", 60), ("a.mkv", 120), ("b.mp4", 180)):
        grey(tmp_path / "v" / name, level)
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", **SMALL)
    assert {name: round(level, -1) for name, level in level_of(tmp_path / "s").items()} == {
        "a.mkv": 120,
        "a.mp4": 60,
        "b": 180,
    }
    assert names_of(["x/a.mp4", "y/a.mkv"]) == ["x/a", "y/a"]


def test_two_sounds_beside_a_silent_video_are_not_settled_by_chance(tmp_path):
    for name in ("a", "b"):
        grey(tmp_path / "v" / f"{name}.mp4", 60, loud=name == "b")
        for ending, hertz in ((".wav", 300), (".flac", 900)):
            soundfile.write(tmp_path / "v" / f"{name}{ending}", tone(2, hertz)[0], 22050)
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", **SMALL)
    assert found.reasons == {"ambiguous name": 1} and Store.open(tmp_path / "s").split("all").ids == ["b"]
    assert rows(tmp_path / "s")["a"]["detail"] == "a.flac or a.wav"


def test_names_are_found_after_normalisation_and_with_endings_in_capitals(tmp_path):
    nfd = unicodedata.normalize("NFD", "caf\u00e9")
    grey(tmp_path / "v" / f"{nfd}.MP4", 60)
    grey(tmp_path / "v" / "b.MKV", 120)
    (tmp_path / "l.txt").write_text("caf\u00e9\nb.mkv\n")
    (tmp_path / "l.csv").write_text("\ufeffclass,video\ndog,CAF\ncat,caf\u00e9.mp4\ncow,b\n")
    found = avloc.prepare_folder(
        tmp_path / "v", tmp_path / "s", [f"all={tmp_path / 'l.txt'}"], tmp_path / "l.csv", **SMALL
    )
    assert found.failed == 0 and labels_of(tmp_path / "s") == {"caf\u00e9": {"cat"}, "b": {"cow"}}
    assert [str(join) for join in found.unmatched] == ["l.csv: 1 of 3 ids match no clip: CAF"]


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffid,class\r\na,dog\r\nb,cat\r\n",
        "\ufeffa,dog\nb,cat\n",
        "id,class\ra,dog\rb,cat",
        "ID;Label\na;dog\nb;cat",
    ],
)
def test_tables_of_any_program_give_the_same_labels(tmp_path, content):
    for name in "ab":
        grey(tmp_path / "v" / f"{name}.mp4", 60)
    (tmp_path / "l.csv").write_text(content, newline="")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", labels=tmp_path / "l.csv", strict=True, **SMALL)
    assert Store.open(tmp_path / "s").classes == ("cat", "dog")
    assert labels_of(tmp_path / "s") == {"a": {"dog"}, "b": {"cat"}}


def test_every_ending_of_the_list_is_read_and_others_are_counted(tmp_path):
    root = tmp_path / "v"
    for name, kind in (
        ("film.ts", None),
        ("phone.3gp", "3gp"),
        ("old.WMV", "asf"),
        ("vcd.mpeg", "mpeg"),
        ("mute.mov", None),
    ):
        made = grey(tmp_path / "made.mp4", 60, loud=name != "mute.mov")
        root.mkdir(exist_ok=True)
        converted(made, root / name, kind)
    for name, codec, kind in (
        ("mute.opus", "libopus", "ogg"),
        ("p1.aac", "aac", "adts"),
        ("p2.AIFF", "pcm_s16be", "aiff"),
        ("p3.mka", "flac", "matroska"),
    ):
        encoded(root / name, codec, kind)
    for name in ("p1.jpg", "p2.PNG", "p3.bmp", "alone.tif"):
        cv2.imwrite(str(root / name), painted(3))
    for name in ("a.txt", "b.TXT", "c.srt", "none", ".hidden", "._film.ts"):
        (root / name).write_text("x")
    found = avloc.prepare_folder(root, tmp_path / "s", **SMALL)
    assert found.reasons == {} and sorted(rows(tmp_path / "s")) == [
        "film",
        "mute",
        "old",
        "p1",
        "p2",
        "p3",
        "phone",
        "vcd",
    ]
    assert found.passed == {".txt": 2, ".srt": 1, "": 1}
    said = shown(
        "prepare", "folder", "--source", root, "--out", tmp_path / "s", "--seconds", 1, "--size", 64, "--frames", "raw"
    )
    assert "4 files skipped: 2 .txt, 1 .srt, 1 without ending" in said
    assert passed_over(Counter({f".{n}": 1 for n in range(9)})).endswith("1 .4, 4 others")


def converted(path: Path, into: Path, kind: str | None) -> None:
    """The picture and the sound of a video in another container, encoded again where it does not hold them."""
    codecs = {"asf": ("wmv2", "wmav2"), "mpeg": ("mpeg2video", "mp2")}.get(kind or "", ("libx264", "aac"))
    with av.open(str(path)) as source, av.open(str(into), "w", format=kind) as out:
        streams = []
        for stream, codec in zip([*source.streams.video, *source.streams.audio], codecs, strict=False):
            if stream.type == "video":
                new = out.add_stream(codec, rate=25)
                new.width, new.height, new.pix_fmt = 64, 48, "yuv420p"
            else:
                new = out.add_stream(codec, rate=44100, layout="mono", bit_rate=96_000)
            streams.append((stream, new))
        for stream, new in streams:
            source.seek(0)
            number = 0
            resampler = av.AudioResampler("fltp" if new.codec.name != "mp2" else "s16", "mono", 44100)
            for frame in source.decode(stream):
                if stream.type == "video":
                    for _ in range(2 + number % 2):  # 10 frames a second become 25
                        again = av.VideoFrame.from_ndarray(frame.to_ndarray(format="rgb24"), "rgb24")
                        again.pts, number = number, number + 1
                        out.mux(new.encode(again))
                    continue
                for part in resampler.resample(frame):
                    out.mux(new.encode(part))
            out.mux(new.encode(None))


def encoded(path: Path, codec: str, kind: str) -> None:
    with av.open(str(path), "w", format=kind) as out:
        stream = out.add_stream(codec, rate=48000, layout="mono")
        wave = (np.sin(np.arange(96000) / 48000 * 2 * np.pi * 440) * 20000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(wave[None], "s16", "mono")
        frame.rate, frame.pts = 48000, 0
        resampler = av.AudioResampler(
            stream.codec.audio_formats[0].name, "mono", 48000, frame_size=stream.frame_size or 1024
        )
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


def test_files_of_the_system_are_no_videos(tmp_path):
    grey(tmp_path / "v" / "a.mp4", 60)
    for name in ("._a.mp4", "__MACOSX/._a.mp4", "__MACOSX/a.mp4", "@eaDir/a.mp4", ".trash/b.mp4", "Thumbs.db"):
        (tmp_path / "v" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "v" / name).write_bytes(b"no video")
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", strict=True, **SMALL)
    assert (found.ok, found.failed, found.passed) == (1, 0, {})
    assert Tree(tmp_path / "v", "videos").names == {"a"}


@pytest.mark.parametrize("environment", [{}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}])
def test_names_that_are_not_utf_8_cost_at_most_their_file(tmp_path, environment):
    root = tmp_path / "gr\u00fc\u00dfe"
    grey(root / "good.mp4", 60)
    grey(root / "gr\u00fcn.mp4", 120)
    shutil.copy(grey(tmp_path / "other.mp4", 180), os.path.join(os.fsencode(root), b"caf\xe9.mp4"))
    (tmp_path / "l.csv").write_bytes("good,dog\ngr\u00fcn,cat\n".encode() + b"caf\xe9.mp4,cow\n")
    line = ["prepare", "folder", "--source", root, "--labels", tmp_path / "l.csv", "--seconds", "1", "--size", "64"]
    for jobs in ("0", "2"):
        out = tmp_path / f"s\u00fc{jobs}"
        command = [sys.executable, "-m", "avloc", *map(str, line), "--out", str(out), "--jobs", jobs]
        ran = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
        assert ran.returncode == 0 and "Traceback" not in ran.stderr, ran.stderr
        assert sorted(rows(out)) == ["caf%E9", "good", "gr\u00fcn"] and all(
            row["status"] == "ok" for row in rows(out).values()
        )
        assert labels_of(out) == {"good": {"dog"}, "gr\u00fcn": {"cat"}, "caf%E9": {"cow"}}
        assert json.loads((out / "store.json").read_text("utf-8"))["source"].endswith("gr\u00fc\u00dfe")
        again = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
        assert again.returncode == 0
        checked = [sys.executable, "-m", "avloc", "data", "check", str(out)]
        seen = subprocess.run(checked, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
        assert seen.returncode == 0 and "no problems found" in seen.stdout


def test_boxes_of_a_users_own_are_found_by_video_and_second(tmp_path, caplog):
    root = tmp_path / "ave"
    make_video(root / "AVE" / "RUhOCu3LNXM.mp4", 100, sound=tone(10))
    (root / "Annotations.txt").write_text(
        "Category&VideoID&Quality&StartTime&EndTime\nChurch bell&RUhOCu3LNXM&good&0&10\n"
    )
    images = [{"id": n, "file_name": f"RUhOCu3LNXM/{n}.jpg", "width": 100, "height": 100} for n in (3, 4)]
    marks = [{"id": n, "image_id": n, "category_id": 1, "bbox": [10, 10, 40, 40]} for n in (3, 4)]
    coco = {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "Church bell"}]}

    def boxed(name: str) -> list[str]:
        (tmp_path / "boxes.json").write_text(json.dumps(coco))
        avloc.prepare_ave(root, tmp_path / name, boxes=tmp_path / "boxes.json", size=64, jobs=0)
        part = Store.open(tmp_path / name).split("all")
        return [part.frame_keys[clip][0] for clip in part.boxes.clip]

    assert boxed("s") == ["RUhOCu3LNXM/3", "RUhOCu3LNXM/4"] and "boxes.json" not in caplog.text
    images[0]["file_name"] = "RUhOCu3LNXM\\3.jpg"
    assert boxed("t") == ["RUhOCu3LNXM/3", "RUhOCu3LNXM/4"]
    images[0]["file_name"] = "nosuchvideo/3.jpg"
    assert boxed("u") == ["RUhOCu3LNXM/4"]
    assert "boxes.json: 1 of 2 annotated ids are not VIDEOID/SECOND of a listed video: nosuchvideo/3" in caplog.text
    with pytest.raises(DataError, match=r"boxes.json: 1 of 2 annotated ids .*: nosuchvideo/3; --strict"):
        avloc.prepare_ave(root, tmp_path / "v", boxes=tmp_path / "boxes.json", size=64, jobs=0, strict=True)


def test_boxes_of_a_benchmark_say_what_they_do_not_meet(tmp_path, caplog):
    for name in ("a", "b", "c"):
        grey(tmp_path / "v" / f"{name}.mp4", 60)
    clips = [{"id": name, "boxes": [{"box": [0, 0, 0.5, 0.5]}]} for name in ("a.mp4", "gone")]
    (tmp_path / "own.json").write_text(json.dumps({"clips": clips}))
    how = {"benchmark": "own", "annotations": tmp_path / "own.json"}
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", **how, **SMALL)
    line = "own: 1 of 2 annotated ids match no clip: gone; 2 clips have no annotation: b, c"
    assert [str(join) for join in found.unmatched] == [line] and line in caplog.text
    part = Store.open(tmp_path / "s").split("all")
    assert part.annotated[:, 0].tolist() == [True, False, False] and len(part.boxes) == 1
    # a split of which nothing is annotated, for training, lacks nothing
    for split, ids in (("train", "b\nc\n"), ("test", "a\n")):
        (tmp_path / f"{split}.txt").write_text(ids)
    lists = [f"{split}={tmp_path / f'{split}.txt'}" for split in ("train", "test")]
    (tmp_path / "own.json").write_text(json.dumps({"clips": clips[:1]}))
    avloc.prepare_folder(tmp_path / "v", tmp_path / "t", lists, **how, strict=True, **SMALL)


def test_what_was_left_over_is_kept_in_the_store_and_changes_nothing_else(tmp_path):
    for name in ("a", "b"):
        grey(tmp_path / "v" / f"{name}.mp4", 60)
    (tmp_path / "l.csv").write_text("a,dog\nb,dog\n")
    line = [
        "prepare",
        "folder",
        "--source",
        tmp_path / "v",
        "--labels",
        tmp_path / "l.csv",
        "--seconds",
        1,
        "--size",
        64,
    ]
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", labels=tmp_path / "l.csv", seconds=1.0, size=64, jobs=0)
    (tmp_path / "l.csv").write_text("a,dog\nb,dog\nc,dog\n")
    left = {"kind": "missing", "count": 1, "words": "of 3 ids match no clip", "names": ["c"]}
    found = printed(*line, "--out", tmp_path / "t")
    assert found["unmatched"] == [{"what": "l.csv", "matched": 2, "left": [left]}]
    assert json.loads((tmp_path / "t" / "store.json").read_text())["unmatched"] == found["unmatched"]
    assert "unmatched" not in json.loads((tmp_path / "s" / "store.json").read_text())
    assert Store.open(tmp_path / "s").fingerprint == Store.open(tmp_path / "t").fingerprint
    assert "l.csv: 1 of 3 ids match no clip: c" in shown(*line, "--out", tmp_path / "t")
    parts = [tmp_path / f"{n}_of_2" for n in (1, 2)]
    for n, part in enumerate(parts, 1):
        avloc.prepare_folder(
            tmp_path / "v", part, labels=tmp_path / "l.csv", seconds=1.0, size=64, jobs=0, shard=f"{n}/2"
        )
    assert [str(join) for join in avloc.data_merge(parts, tmp_path / "m").unmatched] == [
        "l.csv: 1 of 3 ids match no clip: c"
    ]
    assert (tmp_path / "m" / "store.json").read_bytes() == (tmp_path / "t" / "store.json").read_bytes()


def test_no_file_is_named_that_is_not_there(tmp_path, caplog):
    grey(tmp_path / "v" / "a.mp4", 60)
    (tmp_path / "l.txt").write_text("".join(f"gone{n}\n" for n in range(25)))
    with pytest.raises(DataError, match=r"none of 25 listed items could be prepared \(missing file: 25\)"):
        avloc.prepare_folder(tmp_path / "v", tmp_path / "s", [f"all={tmp_path / 'l.txt'}"], **SMALL)
    assert "5 more failed" in caplog.text and "manifest" not in caplog.text
    caplog.clear()
    (tmp_path / "l.txt").write_text("".join(f"gone{n}\n" for n in range(25)) + "a\n")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", [f"all={tmp_path / 'l.txt'}"], **SMALL)
    assert f"5 more failed; {tmp_path / 's' / 'manifest.jsonl'} lists them all" in caplog.text


def test_a_tree_never_takes_the_first_of_two(tmp_path):
    for name, level in (
        ("train/x.mp4", 60),
        ("test/x.mp4", 120),
        ("train/y.mp4", 60),
        ("z/ID_30.mp4", 60),
        ("ID_030.mp4", 90),
    ):
        grey(tmp_path / name, level)
    for folder in ("s1", "s2"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "p.wav", tone(2, len(tmp_path.parts) * 50 + 10 * int(folder[1]))[0], 22050)
    for folder in ("frames/q", "flow/q"):
        (tmp_path / folder).mkdir(parents=True)
        cv2.imwrite(str(tmp_path / folder / "0001.jpg"), painted(len(folder)))
    cv2.imwrite(str(tmp_path / "p.jpg"), painted(3))
    tree = Tree(tmp_path, "videos")
    assert tree.find("x")["ambiguous"] == ["test/x.mp4", "train/x.mp4"] and tree.find("x")["path"] is None
    assert tree.find("y")["path"] == "train/y.mp4" and "ambiguous" not in tree.find("y")
    assert tree.find("train/x")["path"] == "train/x.mp4" and tree.find("test\\x.mp4")["path"] == "test/x.mp4"
    assert tree.find("ID_000030")["ambiguous"] == ["ID_030.mp4", "z/ID_30.mp4"]  # two spellings of one moment
    assert tree.find("ID_030")["path"] == "ID_030.mp4"
    assert tree.find("p")["ambiguous"] == ["s1/p.wav", "s2/p.wav"] and "p" not in tree and "y" in tree
    assert tree.find("q")["ambiguous"] == ["flow/q", "frames/q"]


def test_an_ambiguous_name_of_a_published_set_is_no_clip(tmp_path, caplog):
    for name, level in (
        ("a/abcdefghijk_000030.mp4", 60),
        ("b/abcdefghijk_000030.mp4", 90),
        ("bbcdefghijk_000030.mp4", 60),
        ("dbcdefghijk_000030.mp4", 60),
    ):
        grey(tmp_path / "v" / name, level, 10)
    (tmp_path / "l.txt").write_text("abcdefghijk_000030\nbbcdefghijk_000030\nccdefghijkl_000030\n")
    (tmp_path / "v" / "a" / "about.txt").write_text("x")
    lists = [f"train={tmp_path / 'l.txt'}"]
    found = avloc.prepare_vggsound(tmp_path / "v", tmp_path / "s", lists=lists, splits=["train"], size=64, jobs=0)
    assert found.reasons == {"ambiguous name": 1, "missing file": 1} and found.passed == {".txt": 1}
    assert [str(join) for join in found.unmatched] == [
        "l.txt: 1 of 3 listed ids match no file: ccdefghijkl_000030; 1 of 3 listed ids match more than one file: "
        "abcdefghijk_000030 (a/abcdefghijk_000030.mp4, b/abcdefghijk_000030.mp4); 1 video is not in any "
        "list: dbcdefghijk_000030.mp4"
    ]
    assert "l.txt: 1 of 3 listed ids match no file" in caplog.text
    said = invoke(
        "prepare", "vggsound", "--source", tmp_path / "v", "--lists", lists[0], "--splits", "train", "--out", tmp_path / "t",
        "--strict",
    )  # fmt: skip
    assert said.exit_code == 2 and "--strict requires every name to have a match" in said.stderr


def test_frames_and_sounds_are_found_whatever_their_endings(tmp_path):
    root = tmp_path / "v"
    (root / "frames").mkdir(parents=True)
    for name in ("a.PNG", "b.jpg", "c.jpg", "d.webp", "._b.jpg"):
        cv2.imwrite(str(root / "frames" / name), painted(3))
    encoded_names = (("a.OPUS", "libopus", "ogg"), ("b.wav", "pcm_s16le", "wav"), ("c.wav", "pcm_s16le", "wav"))
    (root / "audio").mkdir()
    for name, codec, kind in (*encoded_names, ("c.flac", "flac", "flac"), ("d.m4a", "aac", "ipod")):
        encoded(root / "audio" / name, codec, kind)
    for name in ("audio/._b.wav", "audio/about.txt", "frames/notes"):
        (root / name).write_text("x")
    found = avloc.prepare_import(root, "folder", tmp_path / "s", seconds=1.0, size=64, jobs=0)
    assert Store.open(tmp_path / "s").split("all").ids == ["a", "b", "d"] and found.reasons == {"ambiguous name": 1}
    assert found.passed == {".txt": 1, "": 1}
    assert [str(join) for join in found.unmatched] == [
        "audio: 1 of 4 listed ids match more than one file: c (audio/c.flac, audio/c.wav)"
    ]


def test_boxes_that_every_leaves_out_are_counted(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 20, sound=tone(2.0))
    (tmp_path / "own.json").write_text(json.dumps({"clips": [{"id": "a", "boxes": [{"box": [0, 0, 0.5, 0.5]}]}]}))
    how = {"benchmark": "own", "annotations": tmp_path / "own.json", **SMALL}
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", every=True, **how)
    assert [str(join) for join in found.unmatched] == [
        "boxes: 1 video has boxes for their middle, which --every leaves out: a"
    ]
    with pytest.raises(DataError, match="which --every leaves out: a; --strict"):
        avloc.prepare_folder(tmp_path / "v", tmp_path / "t", every=True, strict=True, **how)
    assert avloc.prepare_folder(tmp_path / "v", tmp_path / "u", **how).unmatched == ()
