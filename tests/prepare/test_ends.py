"""Where picture and sound end: what is whole, what is a rest, what is padded, and what is refused."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import soundfile

import avloc
from avloc import Store
from avloc.errors import DataError
from avloc.prepare.layouts.tar_store import TarStore
from tests.commands import shown
from tests.data.making import make_music, make_video, number_in, rows_of, tone
from tests.prepare.film import Film, second_heard, second_shown
from tests.prepare.test_webdataset import sample, shard, wav


def beside(root: Path, name: str, sound: float, frames: int = 30, rate: int = 16000) -> None:
    """A video of ten frames a second, whose sound is a file of its own, so that its length is exact."""
    make_video(root / f"{name}.mp4", frames)
    soundfile.write(root / f"{name}.wav", tone(sound, 300, rate)[0], rate)


def test_a_clip_that_lacks_less_than_ten_milliseconds_of_sound_is_whole(tmp_path):
    beside(tmp_path / "v", "nearly", 2.995)
    beside(tmp_path / "v", "less", 2.985)
    for every in (False, True):
        out = tmp_path / f"s{every}"
        avloc.prepare_folder(tmp_path / "v", out, seconds=1.0, every=every, jobs=0)
        found = {name: len(row["clips"]) for name, row in rows_of(out).items()}
        assert found == ({"less": 2, "nearly": 3} if every else {"less": 1, "nearly": 1})
    avloc.prepare_folder(tmp_path / "v", tmp_path / "t", seconds=3.0, jobs=0)
    assert {name: row.get("reason") for name, row in rows_of(tmp_path / "t").items()} == {
        "nearly": None, "less": "sound too short",
    }  # fmt: skip
    sound = Store.open(tmp_path / "t").split("all").sounds([0])[0]
    assert (sound[-80:] == 0).all() and sound[:-90].astype(int).std() > 5000


def test_a_clip_that_lacks_less_than_half_a_frame_of_picture_is_whole(tmp_path):
    root = tmp_path / "m"
    make_music(root, {"all": ["flute", "harp"]}, seconds=2)
    first, second = sorted((root / "videos").iterdir())
    make_video(first, 20, rate=Fraction(51, 5), sound=tone(2.1))  # ends at 1.96 s, half a frame is 0.049
    make_video(second, 19, rate=10, sound=tone(2.1))
    avloc.prepare_music(root, tmp_path / "s", jobs=0)
    assert [len(row["clips"]) for row in rows_of(tmp_path / "s").values()] == [2, 1]


def test_a_rest_that_no_clip_has_is_said(tmp_path):
    beside(tmp_path / "v", "a", 3.6, 36)
    beside(tmp_path / "v", "b", 3.05, 30)
    found = avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, every=True, jobs=0)
    assert rows_of(tmp_path / "s")["a"]["rest"] == 0.6 and "rest" not in rows_of(tmp_path / "s")["b"]
    assert found.repaired == {"rest": 1, "rest_seconds": 0.6}
    table = shown("prepare", "folder", "--source", tmp_path / "v", "--out", tmp_path / "t", "--every", "--seconds", 1)
    assert "0.6 s at the end of 1 item not used (too short for a clip)" in table


@pytest.mark.parametrize(("sound", "frames"), [(3.6, 36), (3.6, 60), (6.0, 36)])
def test_a_rest_is_padded_where_that_is_asked_for(tmp_path, sound, frames):
    """Whichever of picture and sound ends first."""
    beside(tmp_path / "v", "a", sound, frames)
    avloc.prepare_folder(
        tmp_path / "v",
        tmp_path / "s",
        seconds=1.0,
        every=True,
        frames_per_clip=2,
        tail="pad",
        frames="raw",
        size=64,
        jobs=0,
    )
    part, row = Store.open(tmp_path / "s").split("all"), rows_of(tmp_path / "s")["a"]
    assert len(part) == 4 and row["clips"][3] == "a/003" and part.settings["tail"] == "pad"
    assert number_in(part.all_frames()[3][0]) == 32
    assert row["padded"] == 0.4 and number_in(part.all_frames()[3][1]) == (35 if frames == 36 else 36)
    assert (part.sounds([3])[0][-6300:] == 0).all() == (sound < 6)


def test_music_pads_a_last_second(tmp_path):
    root = tmp_path / "m"
    make_music(root, {"all": ["flute"]}, seconds=2)
    (video,) = (root / "videos").iterdir()
    make_video(video, 25, sound=tone(2.5))
    avloc.prepare_music(root, tmp_path / "s", frames="raw", size=64, tail="pad", jobs=0)
    part, (row,) = Store.open(tmp_path / "s").split("all"), rows_of(tmp_path / "s").values()
    assert len(part) == 3 and row["padded"] == pytest.approx(0.46, abs=0.04) and "rest" not in row
    assert [number_in(frame) for frame in part.all_frames()[2]] == [20, 22, 24, 24]


def test_a_short_video_is_padded_to_one_clip(tmp_path):
    beside(tmp_path / "v", "a", 0.6, 6)
    with pytest.raises(DataError, match="sound too short: 1"):
        avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, jobs=0)
    avloc.prepare_folder(tmp_path / "v", tmp_path / "t", seconds=1.0, tail="pad", jobs=0)
    assert rows_of(tmp_path / "t")["a"]["padded"] == 0.4


def test_the_middle_is_that_of_what_has_both_picture_and_sound(tmp_path):
    """Picture of 4 s and sound of 10, and the other way round."""
    Film(seconds=10, picture_to=4).make(tmp_path / "v" / "picture_ends.mp4")
    Film(seconds=10, sound_to=4).make(tmp_path / "v" / "sound_ends.mp4")
    Film(seconds=10, picture_from=5).make(tmp_path / "v" / "picture_begins.mkv")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, frames="raw", size=32, jobs=0)
    part = Store.open(tmp_path / "s").split("all")
    starts = dict(zip(part.ids, part.starts.tolist(), strict=True))
    assert starts["picture_ends"] == pytest.approx(1.5) and starts["sound_ends"] == pytest.approx(1.5, abs=0.05)
    assert starts["picture_begins"] == pytest.approx(7.0, abs=0.05)
    shown_at = dict(zip(part.ids, (second_shown(frames[0]) for frames in part.all_frames()), strict=True))
    assert shown_at == {"picture_ends": 2, "sound_ends": 2, "picture_begins": 7}


def test_videos_in_shards_are_cut_where_those_of_a_folder_are(tmp_path):
    films = {
        "picture_ends.mp4": Film(seconds=10, picture_to=4),
        "sound_ends.mp4": Film(seconds=10, sound_to=4),
        "picture_begins.mkv": Film(seconds=10, picture_from=5),
    }
    members = [(name, film.make(tmp_path / "v" / name).read_bytes()) for name, film in films.items()]
    shards = shard(tmp_path / "all.tar", [*members, *sample("whole", wav=wav(1, 4.0))])
    how = {"seconds": 1.0, "rate": 8000, "size": 256, "frames": "raw", "jobs": 0}
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", **how)
    avloc.prepare_import(shards, "webdataset", tmp_path / "t", **how)
    folder = Store.open(tmp_path / "s").split("all")
    for part in (Store.open(tmp_path / "t").split("all"), TarStore.of(shards, 8000, 1.0).split("all")):
        for clip, name in enumerate(part.ids[:3]):
            other = folder.clip(folder.ids.index(name))
            assert (part.frames_of([clip])[0] == other.frames).all() and (
                part.sounds([clip])[0] == other.waveform
            ).all()
    part = Store.open(tmp_path / "t").split("all")
    assert part.starts[:3].tolist() == [folder.starts[folder.ids.index(name)] for name in part.ids[:3]]
    assert part.starts[3] == 1.5


def test_what_picture_and_sound_have_in_common_may_be_too_short(tmp_path):
    Film(seconds=10, picture_to=2).make(tmp_path / "v" / "a.mp4")
    with pytest.raises(DataError, match="picture too short: 1"):
        avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=3.0, jobs=0)
    shards = shard(tmp_path / "a.tar", [("a.mp4", (tmp_path / "v" / "a.mp4").read_bytes())])
    with pytest.raises(DataError, match="picture too short: 1"):
        avloc.prepare_import(shards, "webdataset", tmp_path / "t", seconds=3.0, jobs=0)


def vggsound(tmp_path: Path, **films: Film) -> Path:
    for name, film in films.items():
        film.make(tmp_path / "v" / f"{name}_000010.mp4")
    marked = [{"file": f"{name}_000010", "class": "dog", "bbox": [[0, 0, 1, 1]]} for name in films]
    (tmp_path / "v" / "vggss.json").write_text(json.dumps(marked))
    return tmp_path / "v"


def test_a_frame_is_not_paired_with_sound_that_ended_before_it(tmp_path):
    films = {"abcdefghijk": Film(seconds=10), "bbcdefghijk": Film(seconds=10, sound_to=4)}
    films["cbcdefghijk"] = Film(seconds=10, picture_to=4)
    found = avloc.prepare_vggsound(vggsound(tmp_path, **films), tmp_path / "s", frames="raw", size=32, jobs=0)
    assert found.reasons == {"sound too short": 1, "picture too short": 1} and found.splits == {"vggss": 1}
    row = rows_of(tmp_path / "s")["bbcdefghijk_000010"]
    assert "before the frame of 5.00 s" in row["detail"]


def test_the_moment_of_the_frame_is_in_what_is_heard(tmp_path):
    """The middle three of six seconds do not hold the frame of 5.0 s."""
    source = vggsound(tmp_path, abcdefghijk=Film(seconds=6), bbcdefghijk=Film(seconds=10))
    avloc.prepare_vggsound(source, tmp_path / "s", frames="raw", size=32, jobs=0)
    part = Store.open(tmp_path / "s").split("vggss")
    assert [second_shown(frames[0]) for frames in part.all_frames()] == [5, 5]
    heard = [[second_heard(sound[n : n + 8000]) for n in range(4000, 48000, 16000)] for sound in part.all_sounds()]
    assert heard == [[3, 4, 5], [3, 4, 5]] or heard[0][-1] == 5
    assert part.starts[1] == pytest.approx(3.5, abs=0.05) and part.starts[0] <= 5 <= part.starts[0] + 3


def ave(tmp_path: Path, film: Film, **options) -> dict:
    film.make(tmp_path / "v" / "abcdefghijk.mp4")
    (tmp_path / "v" / "trainSet.txt").write_text("Bark&abcdefghijk&good&0&10\n")
    avloc.prepare_ave(tmp_path / "v", tmp_path / "s", size=32, jobs=0, **options)
    return rows_of(tmp_path / "s")["abcdefghijk"]


def test_a_second_whose_frame_comes_after_the_sound_is_left_out_and_named(tmp_path):
    row = ave(tmp_path, Film(seconds=10, sound_to=4.3))
    assert len(row["clips"]) == 4
    assert row["left_out"][0]["clip"] == "abcdefghijk/4" and row["left_out"][0]["reason"] == "sound too short"


def test_a_second_that_is_filled_with_silence_is_counted(tmp_path):
    row = ave(tmp_path, Film(seconds=10, sound_to=4.7))
    assert len(row["clips"]) == 5 and row["padded"] == pytest.approx(0.26, abs=0.05)


def test_silence_is_where_the_sound_lacks(tmp_path):
    Film(seconds=3, sound_to=2.6).make(tmp_path / "v" / "a.mp4")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, every=True, tail="pad", jobs=0)
    sounds = Store.open(tmp_path / "s").split("all").all_sounds()
    assert len(sounds) == 3 and np.abs(sounds[2][-4000:].astype(int)).max() == 0
