"""Faults that hypothesis draws: whatever is lost, moved or broken, no clip that is kept pairs one second with another."""

from pathlib import Path

import numpy as np
import pytest
from av.error import FFmpegError
from av.packet import Packet
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avloc.data.clip import Clip
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.items import Item
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.videos import VideoReader
from tests.prepare.film import Film, breaking, remux, second_heard, second_shown

KINDS = ("mkv", "mp4", "ts", "flv")
FILMS = {
    "short groups": Film(gop=10),
    "long groups": Film(gop=250),
    "out of order": Film(gop=20, bframes=2),
}

#: where packets are lost, and how many: fewer than a group of pictures has, and groups begin with a second. Where pictures are
#: lost until a key frame, what is left looks as if the one before had stood still, and is shown so by every player
span = st.tuples(st.integers(0, 95), st.integers(1, 9))


def places(most: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(1, most), max_size=4)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[tuple[str, str], Path]:
    root = tmp_path_factory.mktemp("whole")
    return {(kind, name): film.make(root / name / f"a.{kind}") for kind in KINDS for name, film in FILMS.items()}


def clips_of(path: Path) -> list[Clip]:
    """None are there where the file is refused."""
    facts = {"path": path.name, "sound": None, "labels": [], "video": "a", "boxes": None}
    reader = VideoReader(path.parent, Moments(32, 16000, 16000), 1, True)
    try:
        return list(reader.read(Item("a", path.name, facts)))
    except MediaError as error:
        assert len(str(error)) < 400 and "\n" not in str(error)
        return []


def assert_together(clips: list[Clip]) -> None:
    for clip in clips:
        heard = second_heard(clip.waveform)
        assert heard is None or heard == second_shown(clip.frames[0]), clip.id


@given(
    kind=st.sampled_from(KINDS),
    name=st.sampled_from(list(FILMS)),
    lost=st.lists(span, max_size=1),
    silent=st.lists(span, max_size=3),
    broken=st.fixed_dictionaries(
        {"video": st.sets(st.integers(1, 59), max_size=4), "audio": st.sets(st.integers(1, 95), max_size=4)}
    ),
)
@settings(max_examples=80, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_clip_that_is_kept_pairs_two_seconds(whole, tmp_path, kind, name, lost, silent, broken):
    gone = {"video": {n for at, count in lost for n in range(at, at + count)}}
    gone["audio"] = {n for at, count in silent for n in range(at, at + count)}

    def spoil(of: str, number: int, packet: Packet) -> bool:
        if number in gone[of]:
            return False
        # bytes that the decoder notices; others it takes for a picture, and nobody can know better
        return breaking(of, broken[of])(of, number, packet)

    path = tmp_path / f"a.{kind}"
    try:
        remux(whole[kind, name], path, spoil)
    except FFmpegError:  # a container that does not take such packets
        return
    assert_together(clips_of(path))


@given(
    kind=st.sampled_from(KINDS),
    picture=st.floats(0.0, 1.5),
    sound=st.floats(0.0, 1.5),
)
@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_streams_that_start_at_different_times_keep_their_offset(tmp_path, kind, picture, sound):
    film = Film(picture_from=round(picture, 1), sound_from=round(sound, 2))
    clips = clips_of(film.make(tmp_path / f"a.{kind}"))
    assert len(clips) >= 3
    middle = [clip for clip in clips if 1 <= clip.start <= 4]
    zero = min(film.picture_from, film.sound_from)  # where the time line begins
    for clip in middle:
        heard, seen = second_heard(clip.waveform[6000:10000]), second_shown(clip.frames[0])
        assert heard is None or abs(heard - seen) == 0 or abs((clip.start + 0.5 + zero) % 1 - 0.5) > 0.3


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=60), st.sampled_from(["mkv", "ts"])
)
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_bytes_that_are_broken_anywhere_cost_no_more_than_a_reason(whole, tmp_path, changes, kind):
    """Headers, stamps and lengths too: the file is refused in one line, or what is kept has its sound."""
    content = bytearray(whole[kind, "short groups"].read_bytes())
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content)
    for clip in clips_of(path):
        assert clip.frames.shape == (1, 32, 32, 3) and clip.waveform.dtype == np.int16 and len(clip.waveform) == 16000
