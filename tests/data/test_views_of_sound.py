"""LogStft beside scipy, VggishPatches beside their description, LogMel as Hu et al. hear: published worked numbers."""

import librosa
import numpy as np
import pytest
import scipy.signal
import torch

from avloc.data.views import LogMel, LogStft, VggishPatches
from avloc.data.waveform_view import Waveform
from avloc.errors import AvlocError
from tests.data.test_views import FULL, sounds


def by_scipy(sound: np.ndarray, rate: int) -> np.ndarray:
    """(257, T) of one float clip, in float64."""
    _, _, density = scipy.signal.spectrogram(sound.clip(-1, 1), rate, nperseg=512, noverlap=274)
    return np.log(density + 1e-7) / 12


def loud(rate: int, seconds: float) -> np.ndarray:
    """The clips of `sounds` as floats; one leans to one side, one is louder than full scale."""
    waves = sounds(rate, seconds).astype(np.float64) / FULL
    waves[0] += 0.3
    waves[4] *= 3
    return waves


@pytest.mark.parametrize(("rate", "seconds", "frames"), [(24000, 3.0, 301), (16000, 10.0, 671), (22050, 10.0, 925)])
def test_log_stft_is_scipys(rate, seconds, frames):
    waves = loud(rate, seconds)
    found = LogStft(rate=rate)(torch.from_numpy(waves))
    assert found.shape == (len(waves), 1, 257, frames) and found.dtype == torch.float32 and found.is_contiguous()
    expected = np.stack([by_scipy(wave, rate) for wave in waves])
    assert np.abs(found[:, 0].numpy() - expected).max() < 1e-4


def test_an_odd_window_and_another_overlap_are_scipys_too():
    wave = loud(16000, 1.0)[1]
    view = LogStft(window=301, overlap=100, offset=1e-6, scale=1.0)
    density = scipy.signal.spectrogram(wave, 16000, nperseg=301, noverlap=100)[2]
    assert np.abs(view(torch.from_numpy(wave[None]))[0, 0].numpy() - np.log(density + 1e-6)).max() < 1e-3


def test_silence_is_minus_1_343175_in_log_stft():
    spectrum = LogStft(rate=24000)(torch.zeros(2, 72000, dtype=torch.int16))
    assert spectrum.shape == (2, 1, 257, 301)
    torch.testing.assert_close(spectrum, torch.full_like(spectrum, -1.343175), rtol=0, atol=1e-6)


def test_log_stft_hears_the_middle_or_the_first_seconds():
    wave = torch.from_numpy(loud(24000, 10.0))
    middle, first = (LogStft(rate=24000, seconds=3.0, part=part)(wave) for part in ("middle", "first"))
    assert torch.equal(middle, LogStft(rate=24000)(wave[:, 120000 - 36000 : 120000 + 36000]))
    assert torch.equal(first, LogStft(rate=24000)(wave[:, :72000]))


@pytest.mark.parametrize(("seconds", "times"), [(4.0, 3), (5.0, 3), (9.99, 2)])
def test_a_short_clip_is_repeated_before_its_part_is_taken(seconds, times):
    wave = torch.from_numpy(loud(16000, seconds)[:2])
    tiled = torch.cat([wave] * times, dim=1)
    length = tiled.shape[1]
    assert torch.equal(LogStft(seconds=10.0, part="first")(wave), LogStft()(tiled[:, :160000]))
    middle = tiled[:, length // 2 - 80000 : length // 2 + 80000]
    assert torch.equal(LogStft(seconds=10.0)(wave), LogStft()(middle))


def vggish(sound: np.ndarray) -> np.ndarray:
    """(P, 96, 64) of one clip at 16 kHz, frame by frame, from the description alone."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    frames = np.stack([sound[160 * k : 160 * k + 400] * window for k in range(1 + (len(sound) - 400) // 160)])
    magnitude = np.abs(np.fft.rfft(frames, 512))
    mel = 1127 * np.log(1 + np.linspace(0, 8000, 257) / 700)
    edges = np.linspace(*1127 * np.log(1 + np.array([125, 7500]) / 700), 66)
    bank = np.zeros((257, 64))
    for band in range(64):
        low, middle, high = edges[band : band + 3]
        bank[:, band] = np.maximum(0, np.minimum((mel - low) / (middle - low), (high - mel) / (high - middle)))
    bank[0] = 0
    log = np.log(magnitude @ bank + 0.01)
    return log[: len(log) // 96 * 96].reshape(-1, 96, 64)


def stretched(sound: np.ndarray) -> np.ndarray:
    sound = sound - sound.min()
    return (sound / (sound.max() + 0.001) - 0.5) * 2


def test_a_clip_that_was_repeated_may_be_heard_from_its_start_and_a_long_one_still_in_its_middle():
    random = np.random.default_rng(0)
    short, long = (
        torch.from_numpy(random.normal(0, 3000, (2, samples)).astype(np.int16)) for samples in (20_000, 60_000)
    )
    first, middle = LogStft(seconds=3.0, repeated="first"), LogStft(seconds=3.0)
    tiled = short.repeat(1, 48_000 // 20_000 + 1)[:, :48_000]
    torch.testing.assert_close(first(short), middle(tiled), rtol=0, atol=0)
    assert not torch.equal(first(short), middle(short))
    assert torch.equal(first(long), middle(long))


def test_vggish_patches_are_what_the_description_says():
    waves = sounds(16000, 3.0)
    found = VggishPatches()(torch.from_numpy(waves))
    assert found.shape == (len(waves), 3, 1, 96, 64) and found.dtype == torch.float32
    expected = np.stack([vggish(stretched(wave.astype(np.float32) / np.float32(FULL))) for wave in waves])
    assert np.abs(found[:, :, 0].numpy() - expected).max() < 1e-4
    plain = VggishPatches(stretch=False)(torch.from_numpy(waves))[:, :, 0].numpy()
    assert np.abs(plain - np.stack([vggish(wave.astype(np.float32) / FULL) for wave in waves])).max() < 1e-4


def test_silence_in_vggish_patches_is_the_offset_or_loud_when_stretched():
    silence = torch.zeros(1, 48000, dtype=torch.int16)
    plain = VggishPatches(stretch=False)(silence)
    torch.testing.assert_close(plain, torch.full_like(plain, -4.60517), rtol=0, atol=1e-5)
    loud = VggishPatches()(silence)  # the constant -1, whose energy leaks out of the lowest bin
    assert loud.min().item() == pytest.approx(-4.6024, abs=1e-4)
    assert loud.max().item() == pytest.approx(-0.6353, abs=1e-4)


@pytest.mark.parametrize(("seconds", "times"), [(10.0, 1), (2.0, 2), (1.0, 4)])
def test_vggish_patches_hear_the_middle_three_seconds_of_a_clip_repeated_if_short(seconds, times):
    wave = torch.from_numpy(sounds(16000, seconds))
    tiled = torch.cat([wave] * times, dim=1)
    start = tiled.shape[1] // 2 - 24000
    assert torch.equal(VggishPatches()(wave), VggishPatches(seconds=None)(tiled[:, start : start + 48000]))


def test_vggish_listens_at_16_khz_only():
    with pytest.raises(ValueError, match="rate is 24000 Hz; VGGish needs 16000 Hz"):
        VggishPatches(rate=24000)


COARSE = LogMel(rate=22050, n_fft=882, hop=441, power=2.0, decibels=False, offset=float(np.spacing(1)), pad="reflect")


@pytest.mark.parametrize("pad", ["reflect", "constant"])
def test_five_seconds_at_22050_hz_are_251_by_64_of_the_natural_logarithm(pad):
    waves = sounds(22050, 5.0)
    found = LogMel(**{**vars(COARSE), "pad": pad})(torch.from_numpy(waves))[:, 0].numpy()
    assert found.shape == (len(waves), 251, 64)
    for own, sound in zip(found, waves, strict=True):
        mel = librosa.feature.melspectrogram(
            y=sound.astype(np.float64) / FULL, sr=22050, n_fft=882, win_length=882, hop_length=441, n_mels=64,
            pad_mode=pad,
        ).T  # fmt: skip
        # float32 holds the magnitudes of a window to 1e-7 of the largest; a high band weighs its bins less than a low one
        doubt = 2 * np.log1p(3e-7 * np.sqrt(mel.max(1, keepdims=True) / (mel + COARSE.offset)))
        assert (np.abs(own - np.log(mel + COARSE.offset)) < 1e-3 + doubt).all()


def test_silence_is_minus_36_04365_in_the_natural_logarithm():
    spectrum = COARSE(torch.zeros(1, 110250, dtype=torch.int16))
    assert spectrum.shape == (1, 1, 251, 64)
    torch.testing.assert_close(spectrum, torch.full_like(spectrum, -36.04365), rtol=0, atol=1e-5)


def test_peak_makes_every_clip_as_loud_as_can_be():
    waves = torch.from_numpy(sounds()) // 4
    view = LogMel(peak=True, top_db=None)
    loudest = waves.abs().amax(1, keepdim=True)
    torch.testing.assert_close(view(waves), LogMel(top_db=None)(waves.float() / loudest), rtol=0, atol=0.01)
    assert (view(torch.zeros(1, 16000)) + 100).abs().max() < 1e-4


@pytest.mark.parametrize("options", [{"shift": 0.3}, {"gain": 6.0}, {"hide": 0.2}])
@pytest.mark.parametrize("kind", [LogStft, VggishPatches])
def test_every_view_may_vary_the_sound_repeatably(kind, options):
    if kind is VggishPatches and "hide" in options:
        pytest.skip("VGGish examples are not hidden")
    view, waves = kind(**options), torch.from_numpy(sounds())
    plain, varied = view(waves), view(waves, torch.Generator().manual_seed(1))
    assert torch.equal(varied, view(waves, torch.Generator().manual_seed(1)))
    assert varied.shape == plain.shape and not torch.equal(varied, plain) and torch.equal(plain, kind()(waves))


@pytest.mark.parametrize("view", [LogStft(seconds=0.5), VggishPatches(), COARSE])
def test_a_batch_sounds_as_its_clips_do_one_by_one(view):
    waves = torch.from_numpy(sounds(view.rate, 1.0))
    together = view(waves)
    for number, wave in enumerate(waves):
        torch.testing.assert_close(view(wave[None])[0], together[number], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    ("view", "samples", "match"),
    [
        (LogStft(), 400, "window 512 and overlap 274 for 400 samples"),
        (LogStft(overlap=512), 9000, "overlap 512 for 9000 samples; expected an overlap below the window"),
        (
            VggishPatches(seconds=0.5),
            16000,
            r"0.50 s are heard, an example of VGGish takes 0.98 s; raise sound.seconds",
        ),
        (VggishPatches(seconds=None), 15599, r"0.97 s are heard"),
    ],
    ids=["shorter than a window", "all overlap", "half a second", "a sample too short"],
)
def test_sounds_that_fill_no_window_are_refused_in_a_line(view, samples, match):
    with pytest.raises(AvlocError, match=match):
        view(torch.zeros(2, samples))


def test_a_single_example_is_enough():
    assert VggishPatches(seconds=None)(torch.zeros(1, 15600)).shape == (1, 1, 1, 96, 64)


@pytest.mark.parametrize(
    "view", [VggishPatches(seconds=1e-30), LogStft(rate=16_000, seconds=1e-30), Waveform(16_000, seconds=1e-30)]
)
def test_a_view_that_hears_less_than_a_sample_says_so(view):
    with pytest.raises(AvlocError, match=r"sound\.seconds is shorter than a sample|sounds that fill one"):
        view(torch.zeros(2, 16_000, dtype=torch.int16))
