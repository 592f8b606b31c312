"""How closely the sound views agree with librosa, scipy and VGGish's description: 1e-5 relative, for every method's settings.

The mel energies and the log-power spectrograms agree to 1e-5 of a clip's largest value everywhere, and with `double` so do
the logarithms of mel energies, in every band of every sound. Without it they do wherever a band is less than 30 dB (published
scale) under the clip's loudest; further down, in bands that a pure tone leaves empty, float32 holds no such digits.
"""

import inspect
import math
from dataclasses import replace
from pathlib import Path

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

import avloc
from avloc.data.views import LogMel, LogStft, VggishPatches
from avloc.data.waveform_view import Waveform
from avloc.engine.experiment import load_method, method_names, read_experiment
from tests.data.test_views import FULL, sounds
from tests.data.test_views_of_sound import stretched, vggish

CONFIGS = sorted((Path(avloc.__file__).parents[1] / "configs").glob("*.yaml"))
WITHIN = 1e-5
NAMES = ("noise", "chord", "faint tone", "click", "sweep", "loud noise")  # what `sounds` makes
BROAD = (0, 3, 5)  # those that leave no band empty


def views() -> dict[str, object]:
    """How each method hears by default, and in the configurations that are shipped; each view once."""
    found: dict[object, str] = {}
    for name in method_names():
        view = inspect.signature(load_method(name).STAGES[0].__init__).parameters["sound"].default
        if not isinstance(view, Waveform):  # which computes nothing
            found.setdefault(view, name)
    for path in CONFIGS:
        view = read_experiment(path).stages[1].model.get("sound")
        if view is not None and not isinstance(view, Waveform):
            found.setdefault(view, path.stem)
    return {name: view for view, name in found.items()}


VIEWS = views()


def heard(view: object) -> np.ndarray:
    return sounds(view.rate, 5.0 if view.rate == 22050 else 3.0)


def by_librosa(view: LogMel, sound: np.ndarray, kind: type) -> tuple[np.ndarray, np.ndarray]:
    """Mel energies and levels (T, mels), in float64; librosa works in the type of the sound."""
    mel = librosa.feature.melspectrogram(
        y=sound.astype(kind) / kind(FULL), sr=view.rate, n_fft=view.n_fft, hop_length=view.hop, n_mels=view.mels,
        fmin=view.fmin, fmax=view.fmax, power=view.power, pad_mode=view.pad,
    )  # fmt: skip
    if view.decibels:
        log = librosa.power_to_db(mel, ref=1.0, amin=view.offset, top_db=view.top_db)
    else:
        log = np.log(mel + view.offset)
    return mel.T.astype(np.float64), log.T.astype(np.float64)


def test_every_method_is_among_them():
    kinds = {type(view) for view in VIEWS.values()}
    assert kinds == {LogMel, LogStft, VggishPatches} and {"dsol", "coarse_to_fine", "visual_context", "sspl"} <= set(
        VIEWS
    )


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if isinstance(view, LogMel)])
def test_log_mels_agree_with_librosa(name, kind):
    view: LogMel = VIEWS[name]
    waves = heard(view)
    found = view(torch.from_numpy(waves))[:, 0].double().numpy() * view.std + view.mean
    step = 10 / math.log(10) if view.decibels else 1.0
    for number, (levels, sound) in enumerate(zip(found, waves, strict=True)):
        mel, expected = by_librosa(view, sound, kind)
        floored = np.exp(expected / step)  # the energies with their floor
        assert np.abs(np.exp(levels / step) - floored).max() <= WITHIN * mel.max(), NAMES[number]
        loud = expected > expected.max() - 30 * step / (10 / math.log(10))
        far = np.abs(levels - expected)
        assert far[loud].max() <= WITHIN * np.abs(expected).max(), NAMES[number]
        if number in BROAD:
            assert far.max() <= WITHIN * np.abs(expected).max(), NAMES[number]


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if isinstance(view, LogMel)])
def test_log_mels_in_double_precision_agree_with_librosa_in_every_band(name, kind):
    view: LogMel = replace(VIEWS[name], double=True)
    waves = heard(view)
    given = waves if kind is np.float64 else waves.astype(kind) / kind(FULL)  # librosa knows the rounded sound only
    found = view(torch.from_numpy(given))[:, 0].double().numpy() * view.std + view.mean
    assert view(torch.from_numpy(given)).dtype == torch.float32
    for number, (levels, sound) in enumerate(zip(found, waves, strict=True)):
        _, expected = by_librosa(view, sound, kind)
        assert np.abs(levels - expected).max() <= WITHIN / 10 * np.abs(expected).max(), NAMES[number]


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if isinstance(view, LogStft)])
def test_log_power_spectrograms_agree_with_scipy(name):
    view: LogStft = VIEWS[name]
    waves = heard(view)
    found = view(torch.from_numpy(waves))[:, 0].double().numpy()
    count = round(view.seconds * view.rate)
    for number, (levels, sound) in enumerate(zip(found, waves, strict=True)):
        wave = sound[len(sound) // 2 - count // 2 :][:count] / FULL
        density = scipy.signal.spectrogram(wave, view.rate, nperseg=view.window, noverlap=view.overlap)[2]
        expected = np.log(density + view.offset) / view.scale
        assert (np.abs(levels - expected) <= WITHIN * np.abs(expected)).all(), NAMES[number]


@pytest.mark.parametrize("name", [name for name, view in VIEWS.items() if isinstance(view, VggishPatches)])
def test_vggish_patches_agree_with_their_description(name):
    view: VggishPatches = VIEWS[name]
    waves = heard(view)
    found = view(torch.from_numpy(waves))[:, :, 0].double().numpy()
    count = round(view.seconds * view.rate)
    for number, (levels, sound) in enumerate(zip(found, waves, strict=True)):
        wave = sound[len(sound) // 2 - count // 2 :][:count].astype(np.float32) / np.float32(FULL)
        expected = vggish(stretched(wave) if view.stretch else wave)
        assert np.abs(levels - expected).max() <= WITHIN * np.abs(expected).max(), NAMES[number]
