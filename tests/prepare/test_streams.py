"""Sound and pictures that are read forward: any length in little memory, and the same as when they are read at once."""

import tracemalloc
from fractions import Fraction
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from avloc.engine.loaded import load
from avloc.engine.moving_overlay import Scale
from avloc.engine.windows import Asked, moments
from avloc.prepare.media.film import open_film
from avloc.prepare.media.sound import hear, sound_pieces
from avloc.prepare.streams.loudness import Loudness
from avloc.prepare.streams.source import open_video
from avloc.prepare.streams.tape import SoundTape
from tests.data.making import make_video
from tests.prepare.film import Film

RATE = 16_000


@pytest.mark.parametrize("film", [Film(seconds=3.5), Film(seconds=3.5, sound_from=0.4, rate=44100)])
def test_a_sound_in_pieces_is_the_sound_at_once(tmp_path, film):
    path = film.make(tmp_path / "film.mkv")
    with open_film(path) as opened:
        whole = hear(opened, RATE).waveform
    with open_film(path) as opened:  # anew, for a decoder of AAC goes on with its random noise
        pieces = list(sound_pieces(opened, RATE))
    assert len(pieces) > 2
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_the_pictures_are_those_of_the_file_each_until_the_next(tmp_path):
    path = make_video(tmp_path / "a.mp4", 8, times=[0, 0.1, 0.3, 0.35, 0.6, 0.9, 1.0, 1.4])
    with open_video(path) as source:
        shown = list(source.pictures())
    assert [picture.start for picture in shown] == pytest.approx([0, 0.1, 0.3, 0.35, 0.6, 0.9, 1.0, 1.4], abs=1e-3)
    assert all(one.stop == other.start for one, other in pairwise(shown))
    assert shown[-1].stop > 1.4 and shown[0].image.shape == (96, 128, 3)


def test_a_tape_gives_what_is_asked_for_and_silence_around_it():
    samples = np.arange(1, 10_001, dtype=np.int16)
    tape = SoundTape(iter(np.split(samples, 10)), 1000)
    assert tape.cut(-3, 6).tolist() == [0, 0, 0, 1, 2, 3]
    assert tape.cut(2500, 3).tolist() == [2501, 2502, 2503]
    tape.forget(2500)
    assert tape.cut(9998, 4).tolist() == [9999, 10_000, 0, 0]
    assert tape.cut(20_000, 2).tolist() == [0, 0]


def test_quiet_stretches_are_those_of_half_a_second_and_more():
    time = np.arange(6 * RATE) / RATE
    sound = np.rint(8000 * np.sin(time * 3000)).astype(np.int16)
    sound[(time >= 1) & (time < 1.3)] = 0  # a pause
    sound[(time >= 2) & (time < 3)] = 0
    sound[time >= 5] = 0
    loudness = Loudness(RATE)
    for piece in np.split(sound, 7 * 4 * 3 * 2 // 7 // 3):
        loudness.add(piece)
    loudness.finish()
    assert loudness.quiet(-60, 6.5) == [(2.0, 3.0), (5.0, 6.5)]
    assert [loudness.quiet_at(at, -60) for at in (0.5, 1.1, 2.01, 2.5, 3.1, 5.5, 6.4)] == [
        False, False, True, True, False, True, True,
    ]  # fmt: skip
    assert loudness.level(2.1, 2.9) == -120 and loudness.level(0, 1) == pytest.approx(
        20 * np.log10(8000 / 32768 / 2**0.5), abs=0.1
    )
    outline = loudness.outline(0, 6, 60)
    assert not outline[21:29].any() and outline[5, 1] == pytest.approx(8000 / 32768, abs=0.01)


def test_a_sound_that_is_shorter_than_a_pause_can_be_quiet_too():
    loudness = Loudness(RATE)
    loudness.add(np.zeros(3000, np.int16))
    loudness.finish()
    assert loudness.quiet(-60, 0.2) == [(0.0, 0.2)]


class Endless:
    """A stream of ten hours that is made up as it is read."""

    name, moves, begins, film, tracks, has_sound = "endless", True, 0.0, None, 1, True
    frame_rate, aspect, size = Fraction(30), Fraction(1), (64, 64)

    def __init__(self, hours: float) -> None:
        self.seconds = 3600.0 * hours
        self._images = np.random.default_rng(0).integers(0, 255, (64, 16, 16, 3), dtype=np.uint8)

    def squares(self, times, size):
        for number, _ in enumerate(times):
            yield self._images[number % 64]

    def sound(self, rate):
        piece = (3000 * np.sin(np.arange(10 * rate))).astype(np.int16)
        for _ in range(int(self.seconds / 10)):
            yield piece


def test_ten_hours_are_read_in_flat_memory():
    """Of what is held after an hour and after ten, the rest is what each block of sound and each moment adds for good."""
    motion = load("motion", device="cpu").localizer
    small = SimpleNamespace(
        method="motion", localizer=type(motion)(frame=motion.frame.__class__(size=16, resize=16, crop=False), cells=4).eval(),
        classes=None, seconds=None, device="cpu",
    )  # fmt: skip
    source = Endless(10)
    tape = SoundTape(source.sound(1000), 1000)
    small.localizer.sound = type(motion.sound)(1000)
    scale, held = Scale(), {}
    tracemalloc.start()
    try:
        for moment in moments(small, source, tape, Asked(every=10.0)):
            scale.add(moment)
            if moment.time in (3600.0, 35_990.0):
                held[moment.time] = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(scale.peaks) == 3600
    assert held[35_990.0] - held[3600.0] < 20 << 20, held
