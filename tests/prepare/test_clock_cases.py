"""Files that people reported, where they are here; tests of the same kind that make their own input stand beside this one."""

import json
from pathlib import Path

import pytest

import avloc
from avloc import Store
from tests.data.making import MEDIA
from tests.prepare.film import second_heard, second_shown

CASES = MEDIA.parent / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason=f"no cases at {CASES}")


def every(name: str, tmp_path: Path) -> tuple[dict[str, list[tuple[int, int | None]]], dict[str, dict]]:
    """Of each video of a case, the seconds that its clips show and sound; and the lines of the manifest."""
    avloc.prepare_folder(CASES / name / "v", tmp_path / "s", seconds=1.0, every=True, frames="raw", size=32, jobs=0)
    part = Store.open(tmp_path / "s").split("all")
    found: dict[str, list[tuple[int, int | None]]] = {}
    for video, frames, sound in zip(part.videos, part.all_frames(), part.all_sounds(), strict=True):
        found.setdefault(video, []).append((second_shown(frames[0]), second_heard(sound)))
    return found, {row["id"]: row for row in map(json.loads, (tmp_path / "s" / "manifest.jsonl").open())}


def test_a_cut_before_a_key_frame(tmp_path):
    found, rows = every("01_cut_before_keyframe", tmp_path)
    assert len(found) == 2
    for name, seen in found.items():
        assert seen == [(n, n) for n in range(2, 9)]
        assert rows[name]["clips"][0] == f"{name}/002" and len(rows[name]["left_out"]) == 2


def test_a_gap_in_the_sound(tmp_path):
    found, rows = every("02_gap_in_sound", tmp_path)
    assert len(found) == 3
    for name, seen in found.items():
        assert len(seen) in (9, 10) and seen[5] == (5, 5) and all(heard in (None, shown) for shown, heard in seen)
        assert rows[name]["repaired"]["silence"] == pytest.approx(2.05, abs=0.02)


def test_nine_frames_a_second_and_streams_that_end_early(tmp_path):
    source = CASES / "15_nine_fps_and_short" / "v"
    found = avloc.prepare_vggsound(
        source, tmp_path / "s", annotations=source.parent, seconds=3.0, frames="raw", size=32, jobs=0
    )
    assert found.reasons == {"picture too short": 2, "sound too short": 1}
    part = Store.open(tmp_path / "s").split("vggss")
    assert part.ids == ["abcdefghijk_000010"] and second_shown(part.all_frames()[0, 0]) == 5
    avloc.prepare_folder(source, tmp_path / "m", frames="raw", size=32, seconds=1.0, jobs=0)
    part = Store.open(tmp_path / "m").split("all")
    assert len(part) == 4
    starts = dict(zip(part.ids, part.starts.tolist(), strict=True))
    assert starts["cbcdefghijk_000010"] == pytest.approx(1.5) and starts["dbcdefghijk_000010"] == pytest.approx(
        1.5, abs=0.03
    )


def test_joined_without_reencoding(tmp_path):
    found, rows = every("25_joined_without_reencoding", tmp_path)
    assert found["broken_packet"] == [(n, n) for n in range(5)]
    assert rows["broken_packet"]["repaired"]["packets"] == 1
    assert found["joined_stereo"] == [(n, n) for n in range(10)]
    # the sound of the second is of another rate, which the file does not say: no decoder reads it
    assert found["joined_rate"] == [(n, n) for n in range(5)] and rows["joined_rate"]["rest"] > 4


def test_pictures_that_are_missing_in_the_middle(tmp_path):
    found, _ = every("40_pictures_missing_in_the_middle", tmp_path)
    assert len(found) == 6
    for name, seen in found.items():
        assert len(seen) in (9, 10), name
        assert [shown for shown, _ in seen[:9]] == [0, 1, 2, 2, 2, 2, 6, 7, 8], name
        assert [heard for _, heard in seen[:9]] == list(range(9)), name
