import io

import numpy as np
import pytest
import soundfile

from avloc.drawing.markup import player
from avloc.drawing.sound import WAVE_COLOUR, log_mel, sound_file, sound_picture

RATE = 8000
TONE = (12000 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.int16)


@pytest.mark.parametrize("rate", [700, RATE, 16000, 96000])
def test_a_sound_to_listen_to_is_the_sound(rate):
    content, kind = sound_file(TONE, rate)
    heard, found = soundfile.read(io.BytesIO(content), dtype="float32")
    times = 5 if rate == 700 else 1  # what browsers are too quick for is played with every sample several times
    assert found == rate * times and kind == ("audio/mpeg" if rate in (8000, 16000) else "audio/flac")
    if kind == "audio/flac":
        assert (np.rint(heard[::times] * 32768) == TONE).all()
    else:  # the same tone as loud, whatever an MP3 adds at its ends
        spectrum = np.abs(np.fft.rfft(heard[:RATE]))
        assert abs(spectrum.argmax() - 1000) <= 1 and heard[1000:7000].max() == pytest.approx(12000 / 32768, rel=0.1)
        assert len(content) < len(TONE)


def test_a_tone_is_one_bright_band_of_the_log_mel():
    level = log_mel(TONE, RATE)
    band = level[:, 100].argmax()
    assert level.shape == (64, 256) and level.max() == 0
    assert level[band, 20:230].min() > -3 and level[-1, 100] < -30


def test_the_waveform_reaches_the_edges_at_its_peak():
    shown = (sound_picture(TONE // 10, RATE) == WAVE_COLOUR).all(2)
    assert shown[0].any() and shown[47].any() and not shown[48:].any()


def test_silence_is_a_flat_line_and_a_dark_picture():
    shown = sound_picture(np.zeros(RATE, np.int16), RATE)
    assert (shown[:48] == WAVE_COLOUR).all(2).sum() == shown.shape[1]
    assert shown[56:].max() < 10
    assert sound_picture(np.zeros(0, np.int16), RATE)[56:].max() < 10


def test_a_clip_of_a_few_samples_can_be_shown():
    assert sound_picture(np.ones(3, np.int16), RATE).shape == (184, 512, 3)


def test_a_player_says_whose_sound_it_is():
    markup = player(TONE, RATE, 'clip "1" <b>')
    assert 'aria-label="Sound of clip &quot;1&quot; &lt;b&gt;"' in markup and "data:audio/mpeg;base64," in markup


def test_a_spectrogram_cannot_be_played():
    assert player(np.zeros((4, 8), np.float32), RATE, "clip") == ""
