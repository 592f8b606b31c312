"""Stamps as arrays: what is taken as it is, what is mended, and what is refused."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avloc.prepare.media.packets import NONE, Track
from avloc.prepare.media.timeline import Jump, read_clock, settle

TICK = Fraction(1, 1000)


def track(stamps: list[int] | np.ndarray, duration: int = 0, base: Fraction = TICK, order: int = 0) -> Track:
    """A track with dts equal to pts, every tenth packet a key frame."""
    pts = np.array(stamps, np.int64)
    count = len(pts)
    keys = np.arange(count) % 10 == 0
    return Track(
        base,
        pts,
        pts.copy(),
        np.full(count, duration, np.int64),
        keys,
        np.zeros(count, bool),
        keys,
        np.arange(count) + order,
    )


def pictures(start: int = 0, count: int = 100) -> np.ndarray:
    return start + 100 * np.arange(count)


def sounds(start: int = 0, count: int = 500) -> np.ndarray:
    return start + 20 * np.arange(count)


def test_ordinary_stamps_stay_as_they_are():
    picture, sound = track(pictures()), track(sounds(), 20)
    settle(picture, sound)
    assert not picture.changed and not sound.changed


def test_gaps_and_offsets_stay_as_they_are():
    picture = track(np.concatenate([pictures(count=30), pictures(6000, 40)]))
    sound = track(np.concatenate([sounds(500, 100), sounds(5000, 200)]), 20)
    settle(picture, sound)
    assert not picture.changed and not sound.changed
    clock = read_clock(picture, sound, 48000, None, True, None)
    assert (clock.zero, clock.picture_from, clock.sound_from, clock.period) == (0.0, 0.0, 0.5, pytest.approx(0.1))
    assert clock.picture_to == pytest.approx(10.0)


@pytest.mark.parametrize("wrong", [30_000, 5_000_000, -40_000])
@pytest.mark.parametrize("count", [1, 3])
def test_a_few_stamps_that_are_astray_are_forgotten(wrong, count):
    stamps = pictures()
    stamps[40 : 40 + count] += wrong
    picture = track(stamps)
    settle(picture, track(sounds(), 20))
    assert (picture.pts[40 : 40 + count] == NONE).all() and (picture.pts == NONE).sum() == count


def test_a_last_stamp_that_is_astray_is_forgotten():
    stamps = pictures()
    stamps[-1] += 10_000_000
    picture = track(stamps)
    settle(picture, track(sounds(), 20))
    assert picture.pts[-1] == NONE and (picture.pts == NONE).sum() == 1


def test_stamps_of_sound_that_shake_are_smoothed_and_steps_that_last_are_not():
    stamps = sounds()
    stamps[100] += 70
    stamps[200:] += 70
    sound = track(stamps, 20)
    settle(None, sound)
    assert sound.pts[100] == 2000 and sound.pts[199] == 3980 and sound.pts[200] == 4070


@pytest.mark.parametrize("restart", [0, 1234, -500_000])
def test_recordings_one_behind_the_other_go_on_where_the_one_before_ended(restart):
    """The second begins with sound alone, 64 ms before its picture."""
    picture = track(np.concatenate([pictures(10_000), pictures(restart + 64)]))
    sound = track(np.concatenate([sounds(10_000), sounds(restart)]), 20)
    settle(picture, sound)
    assert sound.pts[500] == 20_000 and picture.pts[100] == 20_064
    assert (np.diff(picture.pts) > 0).all() and (np.diff(sound.pts) == 20).all()


def test_a_leap_of_hours_in_both_streams_is_closed():
    picture = track(np.concatenate([pictures(), pictures(90_000_000)]))
    sound = track(np.concatenate([sounds(), sounds(90_000_000)]), 20)
    settle(picture, sound)
    assert picture.pts[100] == sound.pts[500] == 10_000


@pytest.mark.parametrize(
    ("second", "third"),
    [
        (pictures(0), sounds(10_000)),  # only the picture goes back
        (pictures(9_000), sounds(0)),  # picture and sound do not go together
    ],
)
def test_jumps_that_leave_in_doubt_what_belongs_together_are_refused(second, third):
    picture = track(np.concatenate([pictures(10_000), second]))
    sound = track(np.concatenate([sounds(10_000), third]), 20)
    with pytest.raises(Jump):
        settle(picture, sound)


def test_the_clock_starts_with_the_earlier_of_picture_and_sound():
    picture, sound = track(pictures(1_400)), track(sounds(1_336), 20)
    clock = read_clock(picture, sound, 16000, None, True, None)
    assert clock.zero == 1.336 and clock.picture_from == pytest.approx(0.064) and clock.sound_from == 0


def test_samples_that_prime_the_decoder_are_before_the_sound():
    sound = track(sounds(-64), 20)
    sound.skip = 1024
    clock = read_clock(track(pictures()), sound, 16000, None, True, None)
    assert clock.zero == 0 and clock.sound_from == 0


def test_pictures_outside_the_edit_list_do_not_count():
    picture = track(pictures(-500))
    picture.discard[:5] = True
    clock = read_clock(picture, track(sounds(), 20), 16000, None, True, None)
    assert clock.zero == 0 and clock.picture_from == 0  # the key frame before it is decoded, but not shown


@pytest.mark.parametrize(("whole", "ends"), [(True, 15.0), (False, 10.0)])
def test_a_header_is_believed_where_the_file_is_whole(whole, ends):
    assert read_clock(track(pictures()), None, 0, 15.0, whole, None).picture_to == pytest.approx(ends)


@given(
    st.lists(st.integers(0, 99), max_size=6, unique=True),
    st.integers(-3_000_000, 3_000_000),
    st.integers(0, 3),
    st.integers(-600, 600),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_what_is_left_of_the_stamps_is_never_moved_against_the_other_stream(dropped, wrong, astray, offset):
    """Packets are lost, some stamps are broken: all others keep their distance to the sound."""
    stamps = np.delete(pictures(offset), dropped)
    truth = stamps.copy()
    places = [20, 21, 50][:astray]
    stamps[places] += wrong
    picture, sound = track(stamps), track(sounds(), 20)
    try:
        settle(picture, sound)
    except Jump:
        return
    sure = (picture.pts != NONE) & (stamps == truth)
    assert (picture.pts[sure] == truth[sure]).all() and (sound.pts == sounds()).all()
