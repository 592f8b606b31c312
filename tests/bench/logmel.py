"""How fast a batch of sounds becomes spectrograms, beside librosa (or scipy) clip by clip, for every method's settings.

    python tests/bench/logmel.py [--clips 256] [--rounds 5]

Both on one thread, by processor time; rounds in turn, the best of each. 10 times `librosa.feature.melspectrogram` or more
is expected of the log-mel views, which makes its bank of filters for each clip, as it does for whoever calls it; beside it
stands what a script takes that keeps the bank. Both take the same logarithm. How closely they agree is what
tests/data/test_agreement.py tests; VGGish's triangles are none that librosa has, so there only the time compares.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import scipy.signal  # noqa: E402
import torch  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from avloc.data.views import LogMel, LogStft, VggishPatches  # noqa: E402
from avloc.methods.coarse_to_fine.stage_one import SOUND  # noqa: E402

Sounds = NDArray[np.int16]
View = LogMel | LogStft | VggishPatches
VGGISH = {"sr": 16000, "n_fft": 512, "win_length": 400, "hop_length": 160, "power": 1.0, "center": False}
VGGISH_BANK = {"n_mels": 64, "fmin": 125.0, "fmax": 7500.0, "htk": True, "norm": None}
VIEWS: dict[str, tuple[View, float]] = {  # and the seconds of a clip
    "DSOL": (LogMel(), 1.0),
    "synthetic worlds": (LogMel(n_fft=512, hop=160, mean=-45.0, std=18.0), 1.0),
    "coarse-to-fine, AVE and AudioSet": (SOUND, 1.0),
    "coarse-to-fine, SoundNet-Flickr": (SOUND, 5.0),
    "SSPL (float64)": (VggishPatches(stretch=False), 3.0),
    "Hard Way, EZ-VSL (scipy)": (LogStft(seconds=3.0), 3.0),
    "visual context (scipy)": (LogStft(rate=24_000, seconds=3.0), 3.0),
}

kept_bank = lru_cache(librosa.filters.mel)


def wave_of(sound: Sounds, kind: type = np.float32) -> NDArray[Any]:
    return sound.astype(kind) / kind(32767)


def by_melspectrogram(view: View, sounds: Sounds) -> NDArray[Any]:
    """A call of librosa.feature.melspectrogram for each clip, and the logarithm."""
    if isinstance(view, LogMel):
        mels = (
            librosa.feature.melspectrogram(
                y=wave_of(sound), sr=view.rate, n_fft=view.n_fft, hop_length=view.hop, n_mels=view.mels,
                power=view.power, pad_mode=view.pad,
            )
            for sound in sounds
        )  # fmt: skip
        return np.stack([logarithm(view, mel).T for mel in mels])
    if isinstance(view, VggishPatches):
        mels = (
            librosa.feature.melspectrogram(y=np.pad(wave_of(sound, np.float64), 56), **VGGISH, **VGGISH_BANK)
            for sound in sounds
        )
        return np.stack([examples(mel) for mel in mels])
    spectra = (
        scipy.signal.spectrogram(wave_of(sound), view.rate, nperseg=view.window, noverlap=view.overlap)[2]
        for sound in sounds
    )
    return np.stack([np.log(density + view.offset) / view.scale for density in spectra])


def by_kept_bank(view: View, sounds: Sounds) -> NDArray[Any] | None:
    """The same with the bank made once, where there is one."""
    if isinstance(view, LogMel):
        bank = kept_bank(sr=view.rate, n_fft=view.n_fft, n_mels=view.mels)
        spectra = (
            librosa.stft(wave_of(sound), n_fft=view.n_fft, hop_length=view.hop, pad_mode=view.pad) for sound in sounds
        )
        return np.stack([logarithm(view, bank @ np.abs(spectrum) ** view.power).T for spectrum in spectra])
    if isinstance(view, VggishPatches):
        bank = kept_bank(sr=16000, n_fft=512, dtype=np.float64, **VGGISH_BANK)
        settings = {name: VGGISH[name] for name in ("n_fft", "win_length", "hop_length", "center")}
        waves = (np.pad(wave_of(sound, np.float64), 56) for sound in sounds)
        return np.stack([examples(bank @ np.abs(librosa.stft(wave, **settings))) for wave in waves])
    return None


def logarithm(view: LogMel, mel: NDArray[Any]) -> NDArray[Any]:
    to_db = librosa.power_to_db
    mel = to_db(mel, amin=view.offset, top_db=view.top_db) if view.decibels else np.log(mel + view.offset)
    return mel if (view.mean, view.std) == (0, 1) else (mel - view.mean) / view.std


def examples(mel: NDArray[Any]) -> NDArray[Any]:
    log = np.log(mel.T + 0.01).astype(np.float32)
    return log[: len(log) // 96 * 96].reshape(-1, 1, 96, 64)


def best(works: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Least processor seconds of each work; a first round warms up."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for number in range(rounds + 1):
        for name, work in works.items():
            start = time.process_time()
            work()
            if number:
                times[name].append(time.process_time() - start)
    return {name: min(values) for name, values in times.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clips", type=int, default=256)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", "Empty filters detected")  # DSOL's own bank has two
    for title, (view, seconds) in VIEWS.items():
        noise = np.random.default_rng(0).normal(0, 0.1, (given.clips, int(seconds * view.rate)))
        sounds = (noise * 32767).astype(np.int16)
        raw = torch.from_numpy(sounds)
        works: dict[str, Callable[[], object]] = {
            "avloc": lambda view=view, raw=raw: view(raw),
            "whole": lambda view=view, sounds=sounds: by_melspectrogram(view, sounds),
        }
        if not isinstance(view, LogStft):
            works["kept"] = lambda view=view, sounds=sounds: by_kept_bank(view, sounds)
        each = {name: 1e6 * spent / given.clips for name, spent in best(works, given.rounds).items()}
        kept = f", {each['kept'] / each['avloc']:.1f} times with its bank kept" if "kept" in each else ""
        times = f"{each['avloc']:.0f} us a clip, {each['whole']:.0f} one by one"
        print(f"{title}, {seconds:g} s: {times}: {each['whole'] / each['avloc']:.1f} times{kept}")


if __name__ == "__main__":
    main()
