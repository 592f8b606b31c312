"""What is heard: level, timbre, and that objects move with their own notes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from avloc.synthetic.melodies import pulse, random_melody
from avloc.synthetic.mixing import record, rms
from avloc.synthetic.plan import CLASSES, stream
from avloc.synthetic.sounds import SOUND_RATE, TIMBRES, clock_of

SECONDS = 4


def recording(name: str, index: int) -> NDArray:
    rng = stream("test", name, index)
    return record([(name, random_melody(SECONDS, rng))], SECONDS, rng)


def log_bands(waveform: NDArray, bands: int = 64) -> NDArray:
    """Log energy (seconds, windows a second, bands) in bands that widen above 500 Hz."""
    windows = waveform[: SECONDS * SOUND_RATE].reshape(SECONDS, -1, 441)  # 20 ms
    power = np.abs(np.fft.rfft(windows * np.hanning(441), 1024)) ** 2
    edges = np.interp(np.linspace(0, 1, bands + 1), [0, 0.35, 1], [0, np.log1p(500 / 500), np.log1p(11025 / 500)])
    places = np.rint(np.expm1(edges) * 500 / (SOUND_RATE / 1024)).astype(int)
    places = np.maximum.accumulate(np.maximum(places, np.arange(bands + 1)))
    return np.log(np.add.reduceat(power[..., : places[-1]], places[:-1], axis=-1) + 1e-6)


def test_every_class_has_a_timbre_of_its_own_that_a_linear_model_hears():
    features, labels = [], []
    for index in range(30):
        for label, name in enumerate(CLASSES):
            bands = log_bands(recording(name, index))
            features.append(np.concatenate([bands.mean(1), bands.std(1)], axis=1))
            labels.append([label] * SECONDS)
    x, y = np.concatenate(features), np.concatenate(labels)
    half = len(x) * 3 // 5  # whole recordings on either side
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    assert model.fit(x[:half], y[:half]).score(x[half:], y[half:]) > 0.8


@pytest.mark.parametrize("name", CLASSES)
def test_the_level_stays_within_its_range_and_nothing_clips(name):
    for index in range(4):
        waveform = recording(name, index)
        assert waveform.shape == (SECONDS * SOUND_RATE,)
        assert -32.01 < 20 * np.log10(rms(waveform)) < -15.99
        assert np.abs(waveform).max() < 1


@pytest.mark.parametrize("name", CLASSES)
def test_a_source_is_loud_when_its_object_swells_and_not_when_another_does(name):
    own, other = [], []
    for index in range(6):
        rng = stream("swell", name, index)
        melody, strange = random_melody(SECONDS, rng), random_melody(SECONDS, rng)
        waveform = TIMBRES[name](clock_of(melody, SECONDS), rng)
        loud = np.sqrt((waveform.reshape(SECONDS * 10, -1) ** 2).mean(1))
        times = np.arange(SECONDS * 10) / 10
        own.append(np.corrcoef(loud, pulse(melody, times))[0, 1])
        other.append(np.corrcoef(loud, pulse(strange, times))[0, 1])
    assert np.mean(own) > 0.5
    assert np.mean(own) > np.mean(other) + 0.3


def test_two_sources_are_as_loud_as_one():
    rng = stream("levels")
    levels = {1: [], 2: []}
    for _ in range(40):
        for sources in (1, 2):
            names = rng.choice(CLASSES, sources, replace=False)
            waveform = record([(name, random_melody(1, rng)) for name in names], 1, rng)
            levels[sources].append(20 * np.log10(rms(waveform)))
    assert np.mean(levels[2]) == pytest.approx(np.mean(levels[1]), abs=3 * 4.6 * np.sqrt(2 / 40))
