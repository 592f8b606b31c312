"""What is broken costs its own time: silence, or the frame before, and counted; with too much of it a clip is left out."""

import json
from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.errors import DataError
from avloc.prepare.media.film import open_film
from avloc.prepare.media.sound import hear
from avloc.prepare.writing.store_folder import Prepared
from tests.commands import shown
from tests.data.making import content, make_video, tone
from tests.prepare.film import Film, breaking, remux, second_heard, second_shown


def prepared(folder: Path, **options) -> tuple[Prepared, Store, dict]:
    """The result, the split of all, and the line of the manifest of the one video."""
    out = folder.parent / f"s{len(list(folder.parent.glob('s*')))}"
    usual = {"seconds": 1.0, "every": True, "frames": "raw", "size": 32, "jobs": 0}
    found = avloc.prepare_folder(folder, out, **{**usual, **options})
    (row,) = map(json.loads, (out / "manifest.jsonl").read_text().splitlines())
    return found, Store.open(out).split("all"), row


def pairs(part: Store) -> list[tuple[int, int | None]]:
    heard = [second_heard(sound, part.rate) for sound in part.all_sounds()]
    return [(second_shown(frames[0]), second) for frames, second in zip(part.all_frames(), heard, strict=True)]


def broken(tmp_path: Path, kind: str, places: set[int], ending: str = "mkv", film: Film | None = None) -> Path:
    """A folder with a film of which some packets are broken."""
    made = (film or Film()).make(tmp_path / "made" / f"whole.{ending}")
    (tmp_path / "v").mkdir()
    remux(made, tmp_path / "v" / f"a.{ending}", breaking(kind, places))
    return tmp_path / "v"


def test_a_broken_packet_of_sound_is_its_own_milliseconds_of_silence(tmp_path):
    folder = broken(tmp_path, "audio", {40})  # 16 kHz: a packet is 64 ms; the first primes the decoder
    found, part, row = prepared(folder)
    assert pairs(part) == [(n, n) for n in range(6)]
    assert row["repaired"] == {
        "silence": 0.064, "packets": 1, "clips": {"a/002": {"silence": 0.064, "made_up": 0.064}},
    }  # fmt: skip
    assert found.repaired == {"repaired": 1, "silence": 0.064, "packets": 1} and found.left_out == {}
    start = round((39 * 0.064 - 2.0) * 16000)
    silent = part.sounds([2])[0][start + 100 : start + 924]
    assert np.abs(silent.astype(int)).max() < 300 and np.abs(part.sounds([2])[0].astype(int)).max() > 5000


def test_a_clip_of_which_too_much_is_made_up_is_left_out_and_named(tmp_path):
    folder = broken(tmp_path, "audio", {33, 36, 39, 42})
    found, part, row = prepared(folder)
    assert part.ids == [f"a/{n:03d}" for n in (0, 1, 3, 4, 5)] and pairs(part) == [(n, n) for n in (0, 1, 3, 4, 5)]
    assert [(clip["clip"], clip["reason"]) for clip in row["left_out"]] == [("a/002", "too much is broken")]
    assert "26% of its sound" in row["left_out"][0]["detail"] and row["repaired"]["packets"] == 4
    assert found.left_out == {"too much is broken": 1} and found.ok == 1 and found.failed == 0
    kept, part, _ = prepared(folder, repair=0.3)
    assert len(part) == 6 and kept.left_out == {} and part.settings["repair"] == 0.3


def test_an_item_of_which_no_clip_is_left_fails_with_the_reason(tmp_path):
    folder = broken(tmp_path, "audio", set(range(1, 200, 3)))
    with pytest.raises(DataError, match=r"none of 1 listed items could be prepared \(too much is broken: 1\)"):
        prepared(folder)


def test_sound_of_which_all_is_broken_cannot_be_decoded(tmp_path):
    folder = broken(tmp_path, "audio", set(range(1, 1000)))
    with pytest.raises(DataError, match=r"cannot be decoded: 1"):
        prepared(folder)


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts", "flv"])
def test_a_broken_picture_spoils_what_builds_on_it_and_no_more(tmp_path, ending):
    folder = broken(tmp_path, "video", {23}, ending)
    _, part, row = prepared(folder)
    assert part.ids == [f"a/{n:03d}" for n in (0, 1, 3, 4, 5)]
    assert all(heard in (None, seen) for seen, heard in pairs(part))
    assert row["left_out"][0]["detail"] == "100% of its frames had to be made up" and row["repaired"]["packets"] == 1


def test_a_broken_picture_that_no_other_builds_on_costs_itself(tmp_path):
    folder = broken(tmp_path, "video", {23, 29}, "mkv", Film(bframes=2))  # of 2.2 and 2.8 s, in the order of coding
    _, part, row = prepared(folder)
    assert len(part) == 6 and [seen for seen, _ in pairs(part)] == list(range(6))
    assert "left_out" not in row


@pytest.mark.parametrize("ending", ["mkv", "mp4", "ts", "flv"])
def test_a_lost_picture_that_others_build_on_is_noticed(tmp_path, ending):
    """With one key frame, the second that begins with a lost picture would go on showing the one before."""
    made = Film(gop=250).make(tmp_path / "made" / f"whole.{ending}")
    (tmp_path / "v").mkdir()
    remux(made, tmp_path / "v" / f"a.{ending}", lambda kind, number, packet: kind == "audio" or number != 30)
    _, part, row = prepared(tmp_path / "v")
    assert pairs(part) == [(n, n) for n in range(3)] and len(row["left_out"]) == 3


def test_gaps_whose_stamps_go_on_rightly_are_silence_and_not_made_up(tmp_path):
    made = Film().make(tmp_path / "made" / "whole.mkv")
    (tmp_path / "v").mkdir()
    keep = lambda kind, number, packet: kind == "video" or not 2.0 <= float(packet.pts * packet.time_base) < 4.0  # noqa: E731
    remux(made, tmp_path / "v" / "a.mkv", keep)
    found, part, row = prepared(tmp_path / "v")
    assert pairs(part) == [(0, 0), (1, 1), (2, None), (3, None), (4, 4), (5, 5)]
    assert row["repaired"]["silence"] == pytest.approx(1.984) and "packets" not in row["repaired"]
    assert found.repaired["silence"] == row["repaired"]["silence"]


def test_a_sound_that_ends_in_broken_packets_is_not_silence_for_ever(tmp_path):
    folder = broken(tmp_path, "audio", set(range(63, 1000)))
    _, part, _ = prepared(folder)
    assert pairs(part)[:4] == [(n, n) for n in range(4)] and len(part) == 4


def test_repairs_are_shown_and_checked(tmp_path):
    folder = broken(tmp_path, "audio", {33, 36, 39, 42, 60})
    out = tmp_path / "store"
    table = shown(
        "prepare", "folder", "--source", folder, "--out", out, "--seconds", 1, "--every", "--jobs", 0, width=100
    )
    assert "1 item repaired: 0.32 s of silence filled in, 5 broken packets skipped" in table
    assert "1 clip left out: too much is broken" in table
    checked = shown("data", "check", out, width=100)
    assert (
        "all: 1 item repaired" in checked
        and "all: repaired or partly left out: a" in checked
        and "no problems found" in checked
    )
    found = avloc.data_check(out).splits["all"]
    assert found.mended == ["a"] and found.left_out == {"too much is broken": 1} and found.repaired["packets"] == 5


def test_repairs_are_the_same_when_taken_up_again_or_done_by_more_processes(tmp_path):
    folder = broken(tmp_path, "audio", {40})
    options = {"seconds": 1.0, "every": True, "size": 32}
    avloc.prepare_folder(folder, tmp_path / "one", jobs=1, **options)
    avloc.prepare_folder(folder, tmp_path / "two", jobs=2, **options)
    before = content(tmp_path / "two")
    again = avloc.prepare_folder(folder, tmp_path / "two", jobs=2, **options)
    assert before == content(tmp_path / "two") == content(tmp_path / "one") and again.repaired["packets"] == 1


def test_lines_of_files_that_needed_no_repair_are_as_they_were(tmp_path):
    make_video(tmp_path / "v" / "a.mp4", 30, sound=tone(3))
    _, part, row = prepared(tmp_path / "v")
    assert set(row) == {"id", "split", "source", "where", "status", "row", "clips", "times", "sha256", "shard"}
    assert not {"repair", "tail", "channels"} & set(part.settings)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"repair": 1.5}, "repair is 1.5; expected a share of a clip, from 0 to 1"),
        ({"tail": "keep"}, "tail is 'keep'; expected"),
        ({"channels": "both"}, "channels is 'both'; expected"),
    ],
)
def test_other_values_are_refused(tmp_path, options, expected):
    make_video(tmp_path / "v" / "a.mp4", 10, sound=tone(1))
    with pytest.raises(DataError, match=expected):
        avloc.prepare_folder(tmp_path / "v", tmp_path / "s", **options)


def test_stamps_that_jump_in_one_stream_alone_are_refused_with_a_reason(tmp_path):
    """A recording with sound and behind it one without: nobody knows how far the sound goes."""
    made = Film(seconds=3).make(tmp_path / "made" / "whole.ts")
    mute = remux(made, tmp_path / "made" / "mute.ts", lambda kind, number, packet: kind == "video")
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "a.ts").write_bytes(made.read_bytes() + mute.read_bytes())
    with pytest.raises(DataError, match="time stamps jump: 1"):
        prepared(tmp_path / "v")


def test_a_file_without_picture_starts_with_its_first_sample(tmp_path):
    Film(sound_from=0.0).make(tmp_path / "whole.mkv")
    remux(tmp_path / "whole.mkv", tmp_path / "late.mkv", lambda kind, number, packet: kind == "audio" and number > 20)
    with open_film(tmp_path / "late.mkv") as film:
        assert second_heard(hear(film, 16000).waveform[:8000]) == 1
