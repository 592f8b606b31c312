import io
import wave

import numpy as np

from avloc.drawing.markup import sound
from avloc.drawing.sound import WAVE_COLOUR, log_mel, sound_picture, wav_bytes

RATE = 8000
TONE = (12000 * np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)).astype(np.int16)


def test_a_wav_file_holds_the_samples_as_they_were():
    with wave.open(io.BytesIO(wav_bytes(TONE, RATE))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        assert (np.frombuffer(file.readframes(RATE), "<i2") == TONE).all()


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
    markup = sound(TONE, RATE, sound_picture(TONE, RATE), 'clip "1" <b>')
    assert 'aria-label="Sound of clip &quot;1&quot; &lt;b&gt;"' in markup and "data:audio/wav;base64," in markup
