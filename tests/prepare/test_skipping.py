"""Frames of a video of which only what they need is decoded: the same, bit for bit, as when all of it is."""

from pathlib import Path

import numpy as np
import pytest

from avloc.prepare.media import film as films
from avloc.prepare.media import packets as reading
from avloc.prepare.media.film import open_film
from avloc.prepare.media.picture import on_display
from avloc.prepare.media.plain import all_frames
from avloc.prepare.media.skipping import Unsure, can_skip, wanted_frames
from tests.data.making import MEDIA, make_video
from tests.prepare.film import Film, breaking, remux

SECONDS = 4
KINDS = [
    ("mp4", Film(seconds=SECONDS, gop=10)),
    ("mp4", Film(seconds=SECONDS, gop=250)),
    ("mp4", Film(seconds=SECONDS, gop=12, bframes=3)),
    ("mkv", Film(seconds=SECONDS, gop=10, bframes=2)),
    ("mov", Film(seconds=SECONDS, gop=7, bframes=1)),
    ("webm", Film(seconds=SECONDS, gop=10)),
    ("3gp", Film(seconds=SECONDS, gop=10)),
]


def moving(path: Path, bframes: bool = True) -> Path:
    """Texture that moves, so that a wrong frame differs everywhere."""
    texture = np.random.default_rng(0).integers(0, 256, (12, 24, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    images = [np.ascontiguousarray(np.roll(texture, 3 * n, 1)[:, :128]) for n in range(60)]
    return make_video(path, images, rate=15, bframes=bframes)


def content(frame) -> np.ndarray:
    return frame.to_ndarray(format="rgb24")


def times_of(kind: str) -> list[float]:
    return {
        "one": [2.2],
        "few": [0.3, 1.9, 2.0, 3.7],
        "four a second": [n + k / 30 for n in range(SECONDS) for k in (0, 7, 14, 21)],
        "all": [n / 20 for n in range(20 * SECONDS)],
        "twice and past the end": [1.0, 1.0, 1.0, 9.0],
        "none": [],
    }[kind]


@pytest.mark.parametrize("wanted", ["one", "few", "four a second", "all", "twice and past the end", "none"])
@pytest.mark.parametrize("number", range(len(KINDS)))
def test_the_frames_are_those_of_full_decoding(tmp_path, number, wanted):
    kind, film = KINDS[number]
    path, times = film.make(tmp_path / f"a.{kind}"), times_of(wanted)
    with open_film(path) as opened:
        assert can_skip(opened)
        film_begun = opened.begin(opened.video, "no picture")
        assert film_begun is opened.video
        found = [(shown.start, shown.end, content(shown.frame)) for shown in wanted_frames(opened, times)]
    with open_film(path) as opened:
        expected = [(shown.start, shown.end, content(shown.frame)) for shown in all_frames(opened, times)]
    assert len(found) == len(expected) == len(times)
    for one, other in zip(found, expected, strict=True):
        assert one[:2] == pytest.approx(other[:2]) and (one[2] == other[2]).all()


@pytest.mark.parametrize("bframes", [False, True])
def test_moving_texture_is_the_same_too(tmp_path, bframes):
    path = moving(tmp_path / "a.mp4", bframes)
    for times in ([2.5], [0.1, 1.3, 3.9], [n / 4 for n in range(16)]):
        with open_film(path) as opened:
            found = [content(shown.frame) for shown in on_display(opened, times)]
        with open_film(path) as opened:
            expected = [content(shown.frame) for shown in all_frames(opened, times)]
        assert all((one == other).all() for one, other in zip(found, expected, strict=True))


@pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")
@pytest.mark.parametrize("name", ["nasa_13013.mp4", "bento.mp4", "odd/unordered.mov", "odd/no_duration.webm"])
def test_real_files_are_the_same(name):
    times = [0.0, 0.2, 0.21, 0.9, 1.0, 4.4]
    with open_film(MEDIA / name) as opened:
        found = [content(shown.frame) for shown in on_display(opened, times)]
    with open_film(MEDIA / name) as opened:
        expected = [content(shown.frame) for shown in all_frames(opened, times)]
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))


def decoded_packets(path: Path, times: list[float], monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets are given to the decoder."""
    count = 0

    def counting(packet):
        nonlocal count
        count += 1
        return packet.decode()

    monkeypatch.setattr("avloc.prepare.media.skipping._decoded", counting)
    with open_film(path) as opened:
        list(on_display(opened, times))
    return count


def test_only_what_is_needed_is_decoded(tmp_path, monkeypatch):
    path = Film(seconds=SECONDS, gop=10).make(tmp_path / "a.mp4")
    assert decoded_packets(path, [3.05], monkeypatch) == 1  # a key frame
    assert decoded_packets(path, [3.45], monkeypatch) == 5
    assert decoded_packets(path, [0.05, 3.05], monkeypatch) == 2
    ordered = Film(seconds=SECONDS, gop=40, bframes=3).make(tmp_path / "b.mp4")
    assert decoded_packets(ordered, [3.95], monkeypatch) < 0.7 * 40


def test_without_key_frames_that_need_nothing_all_is_decoded(tmp_path):
    """Cut before a key frame, a broken packet, stamps that are not trusted."""
    made = Film(seconds=SECONDS, gop=20).make(tmp_path / "made.mkv")
    cut = remux(made, tmp_path / "cut.mkv", lambda kind, number, packet: kind == "audio" or number > 2)
    with open_film(cut) as opened:
        assert not can_skip(opened)
    with open_film(Film(seconds=SECONDS).make(tmp_path / "a.ts")) as opened:
        assert not can_skip(opened)
    broken = remux(made, tmp_path / "broken.mkv", breaking("video", {5}))
    with open_film(broken) as opened:
        opened.begin(opened.video, "no picture")
        with pytest.raises(Unsure):
            list(wanted_frames(opened, [1.0]))
        shown = list(on_display(opened, [0.3, 1.0, 2.5]))
    assert [frame.made_up for frame in shown] == [False, True, False]


def test_a_file_too_large_to_be_kept_is_read_twice_and_gives_the_same(tmp_path, monkeypatch):
    path = Film(seconds=SECONDS, bframes=2).make(tmp_path / "a.mp4")
    times = [0.5, 1.5, 3.2]
    with open_film(path) as opened:
        expected = [content(shown.frame) for shown in on_display(opened, times)]
        sound = films_sound(opened)
    monkeypatch.setattr(reading, "KEPT", 1000)
    with open_film(path) as opened:
        assert opened._packets is None
        found = [content(shown.frame) for shown in on_display(opened, times)]
        assert (films_sound(opened) == sound).all()
    assert all((one == other).all() for one, other in zip(found, expected, strict=True))


def films_sound(opened: films.Film) -> np.ndarray:
    from avloc.prepare.media.sound import hear

    return hear(opened, 16000).waveform
