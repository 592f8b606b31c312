"""In every clip of every recipe picture and sound are of the same second, whatever container, cut, gap or offset."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from statistics import mode

import pytest
from av.packet import Packet

import avloc
from avloc import Store
from tests.data.making import rows_of
from tests.data.published import write_pickle
from tests.prepare.film import CODECS, Film, join, remux, second_heard, second_shown

SECONDS = 7
FILM = Film(seconds=SECONDS)
STILL = tuple(n / 10 for n in range(10 * SECONDS) if n not in range(24, 30) and n not in range(32, 40))
OPEN = "scenecut=0:open-gop=1"
UNEVEN = (0, 0.05, 0.5, 1, 1.4, 2, 2.3, 3, 4, 4.05, 5, 6, 6.5, 6.9)


def without(kind: str, start: float, stop: float) -> Callable[[str, int, Packet], bool]:
    """Drops the packets of a kind between two moments."""

    def edit(of: str, number: int, packet: Packet) -> bool:
        stamp = packet.pts if packet.pts is not None else packet.dts
        return of != kind or not start <= float(stamp * packet.time_base) < stop

    return edit


def shifted(seconds: Fraction) -> Callable[[str, int, Packet], bool]:
    def edit(kind: str, number: int, packet: Packet) -> bool:
        packet.pts += round(seconds / packet.time_base)
        packet.dts = None if packet.dts is None else packet.dts + round(seconds / packet.time_base)
        return True

    return edit


def first(packets: int, of: str = "video") -> Callable[[str, int, Packet], bool]:
    """Drops the first packets of a kind."""
    return lambda kind, number, packet: kind != of or number >= packets


#: name -> (ending, film, what is done to its packets, how many clips of a second it has)
FILMS: dict[str, tuple[str, Film, Callable[[str, int, Packet], bool] | None, int]] = {
    **{f"plain {kind}": (kind, FILM, None, 7) for kind in CODECS if kind != "wmv"},
    "plain wmv": ("wmv", replace(FILM, rate=44100), None, 7),
    **{
        f"sound starts late {kind}": (kind, replace(FILM, sound_from=0.5), None, 7)
        for kind in CODECS
        if kind not in ("avi", "wmv")  # AVI has no stamps
    },
    **{f"picture starts late {kind}": (kind, replace(FILM, picture_from=0.5), None, 7) for kind in CODECS if kind != "wmv"},
    **{
        f"gap in the sound {kind}": (kind, FILM, without("audio", 2.0, 3.5), 7)
        for kind in ("mp4", "mkv", "webm", "ts", "flv", "mov")
    },
    **{f"still picture {kind}": (kind, replace(FILM, times=STILL), None, 7) for kind in ("mp4", "mkv", "webm", "ts", "flv")},
    **{f"cut before a key frame {kind}": (kind, replace(FILM, gop=20), first(3), 5) for kind in ("mp4", "mkv", "ts", "flv")},
    "cut before a key frame 3gp": ("3gp", replace(FILM, gop=10), first(3), 6),
    "cut before a key frame webm": ("webm", replace(FILM, gop=10), first(3), 6),
    **{f"cut at a key frame {kind}": (kind, FILM, without("video", 0.0, 0.95), 6) for kind in ("mp4", "mkv", "ts", "flv")},
    **{f"frames out of order {kind}": (kind, replace(FILM, bframes=2), None, 7) for kind in ("mp4", "mkv", "ts", "flv", "avi")},
    **{f"nine frames a second {kind}": (kind, replace(FILM, fps=9), None, 7) for kind in ("mp4", "mkv", "ts", "flv", "avi")},
    **{
        f"variable frame rate {kind}": (kind, replace(FILM, times=UNEVEN), None, 7)
        for kind in ("mp4", "mkv", "webm", "ts", "flv")
    },
    **{
        f"cut in an open group {kind}": (kind, replace(FILM, gop=10, bframes=2, params=OPEN), first(13), 5)
        for kind in ("mp4", "mkv", "ts", "flv")
    },
    **{f"open groups {kind}": (kind, replace(FILM, gop=10, bframes=2, params=OPEN), None, 7) for kind in ("mp4", "mkv", "ts")},
    **{f"another codec {kind}": (kind, replace(FILM, codecs=("libx265", "aac")), None, 7) for kind in ("mp4", "mkv", "ts")},
    "six channels": ("mp4", replace(FILM, layout="5.1", rate=48000), None, 7),
    "8 kHz": ("mp4", replace(FILM, rate=8000), None, 7),
    "44.1 kHz": ("mkv", replace(FILM, rate=44100, layout="stereo"), None, 7),
    "all starts at 30 s": ("mkv", FILM, shifted(Fraction(30)), 7),
    "stamps wrap around": ("ts", FILM, shifted(Fraction(2**33, 90000) - 3), 7),
}  # fmt: skip


@pytest.fixture(scope="session")
def films(tmp_path_factory) -> Path:
    """The films in a folder, each under its name."""
    root, work = tmp_path_factory.mktemp("films"), tmp_path_factory.mktemp("uncut")
    made: dict[tuple[Film, str], Path] = {}
    for name, (ending, film, edit, _) in FILMS.items():
        if edit is None:
            film.make(root / f"{name}.{ending}")
            continue
        if (film, ending) not in made:
            made[film, ending] = film.make(work / f"{len(made)}.{ending}")
        remux(made[film, ending], root / f"{name}.{ending}", edit)
    return root


@pytest.fixture(scope="session")
def whole(films, tmp_path_factory) -> Path:
    """All of each film, clip by clip."""
    out = tmp_path_factory.mktemp("stores") / "whole"
    avloc.prepare_folder(films, out, seconds=1.0, every=True, frames_per_clip=2, frames="raw", size=32, jobs=2)
    return out


def pairs(store: Path, split: str = "all") -> dict[str, list[tuple[int, int | None]]]:
    """Of each video, the second that most frames of its clips show, and the one they are heard to be."""
    part = Store.open(store).split(split)
    found: dict[str, list[tuple[int, int | None]]] = {}
    for video, frames, sound in zip(part.videos, part.all_frames(), part.all_sounds(), strict=True):
        shown = mode(second_shown(frame) for frame in reversed(frames))
        found.setdefault(video, []).append((shown, second_heard(sound, part.rate)))
    return found


def together(found: list[tuple[int, int | None]]) -> bool:
    """Silence belongs to any picture."""
    return all(heard is None or shown == heard for shown, heard in found)


@pytest.mark.parametrize("name", FILMS)
def test_every_clip_shows_and_sounds_the_same_second(whole, name):
    found = pairs(whole).get(name)
    assert found is not None, rows_of(whole)[name]
    assert together(found), found
    assert sum(heard is not None for _, heard in found) >= 4
    assert len(found) >= FILMS[name][3], rows_of(whole)[name]


def test_no_film_fails_and_none_loses_a_clip_without_a_word(whole):
    for name, row in rows_of(whole).items():
        assert row["status"] == "ok", row
        said = len(row.get("left_out", ())) + round(row.get("rest", 0.0))
        assert len(row["clips"]) + said >= SECONDS - 1, (name, row)


@pytest.mark.parametrize("kind", ["mp4", "mkv", "ts", "flv"])
@pytest.mark.parametrize("codec", ["aac", "libmp3lame"])
def test_joined_films_stay_together(tmp_path, kind, codec):
    one, two = (Film(seconds=3, codecs=("libx264", codec), layout=layout, rate=44100) for layout in ("mono", "stereo"))
    made = [one.make(tmp_path / "made" / f"one.{kind}"), two.make(tmp_path / "made" / f"two.{kind}")]
    (tmp_path / "v").mkdir()
    join(made, tmp_path / "v" / f"joined.{kind}")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, every=True, frames="raw", size=32, jobs=0)
    found = pairs(tmp_path / "s")["joined"]
    assert together(found) and [heard for _, heard in found] == [0, 1, 2, 0, 1, 2]


def test_transport_streams_one_behind_the_other_go_on(tmp_path):
    made = FILM.make(tmp_path / "made" / "one.ts").read_bytes()
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "twice.ts").write_bytes(made * 2)
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, every=True, frames="raw", size=32, jobs=0)
    found = pairs(tmp_path / "s")["twice"]
    assert together(found) and len(found) >= 2 * SECONDS - 1


def test_a_change_of_the_rate_within_a_stream_is_followed(tmp_path):
    made = [Film(seconds=3, rate=rate).make(tmp_path / f"{rate}.ts").read_bytes() for rate in (16000, 44100)]
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "rates.ts").write_bytes(b"".join(made))
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, every=True, frames="raw", size=32, jobs=0)
    found = pairs(tmp_path / "s")["rates"]
    assert together(found) and len({heard for _, heard in found}) == 3


HARD = {
    "plain mp4": "aaaaaaaaaaa",
    "picture starts late mkv": "baaaaaaaaaa",
    "gap in the sound mkv": "caaaaaaaaaa",
    "cut before a key frame mp4": "daaaaaaaaaa",
    "plain ts": "eaaaaaaaaaa",
    "frames out of order avi": "faaaaaaaaaa",
    "plain webm": "gaaaaaaaaaa",
    "stamps wrap around": "haaaaaaaaaa",
}


def tree_of(films: Path, root: Path, name: str = "{}") -> Path:
    """Some of the films under ids."""
    root.mkdir(parents=True, exist_ok=True)
    for film, own in HARD.items():
        ending = FILMS[film][0]
        (root / f"{name.format(own)}.{ending}").hardlink_to(films / f"{film}.{ending}")
    return root


def check(store: Path, split: str, clips: int) -> None:
    found = pairs(store, split)
    assert len(found) == len(HARD)
    for video, seen in found.items():
        assert together(seen) and len(seen) >= clips, (video, seen)


def test_the_middle_of_a_folder_of_videos(films, tmp_path):
    tree_of(films, tmp_path / "v")
    avloc.prepare_folder(tmp_path / "v", tmp_path / "s", seconds=1.0, frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "all", 1)


def test_music(films, tmp_path):
    tree_of(films, tmp_path / "m" / "videos", "{}_0_1000")
    stems = [f"{own}_0_1000" for own in HARD.values()]
    (tmp_path / "m" / "all.txt").write_text("".join(f"{stem}.flac {stem}.mp4\n" for stem in stems))
    (tmp_path / "m" / "MUSIC_solo_videos.json").write_text(json.dumps({"videos": {"flute": list(HARD.values())}}))
    for ending in ("ts",):  # an ending that the lists of MUSIC do not know
        for path in (tmp_path / "m" / "videos").glob(f"*.{ending}"):
            path.rename(path.with_suffix(".mp4"))
    avloc.prepare_music(tmp_path / "m", tmp_path / "s", frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "all", 5)


def test_vggsound(films, tmp_path):
    tree_of(films, tmp_path / "v", "{}_000010")
    rows = [{"file": f"{own}_000010", "class": "dog", "bbox": [[0, 0, 1, 1]]} for own in HARD.values()]
    (tmp_path / "v" / "vggss.json").write_text(json.dumps(rows))
    avloc.prepare_vggsound(tmp_path / "v", tmp_path / "s", at=3.5, seconds=1.0, frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "vggss", 1)
    # a moment that the middle of the sound does not hold is heard all the same
    avloc.prepare_vggsound(tmp_path / "v", tmp_path / "t", at=5.5, seconds=1.0, frames="raw", size=32, jobs=2)
    check(tmp_path / "t", "vggss", 1)


def test_soundnet_flickr(films, tmp_path):
    tree_of(films, tmp_path / "v")
    (tmp_path / "v" / "flickr_10k.txt").write_text("\n".join(HARD.values()))
    avloc.prepare_soundnet_flickr(tmp_path / "v", tmp_path / "s", seconds=1.0, frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "train_10k", 1)


def test_ave(films, tmp_path):
    tree_of(films, tmp_path / "v")
    lines = "".join(f"Bark&{own}&good&0&10\n" for own in HARD.values())
    (tmp_path / "v" / "trainSet.txt").write_text(lines)
    avloc.prepare_ave(tmp_path / "v", tmp_path / "s", frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "train", 5)


def test_audioset_instrument(films, tmp_path):
    tree_of(films, tmp_path / "v")
    write_pickle(tmp_path / "v" / "train_audio.pkl", {own: [1.0] + [0.0] * 14 for own in HARD.values()})
    avloc.prepare_audioset_instrument(tmp_path / "v", tmp_path / "s", frames="raw", size=32, jobs=2)
    check(tmp_path / "s", "train", 5)
