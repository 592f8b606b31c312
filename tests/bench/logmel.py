"""How fast a batch of sounds becomes log-mel spectrograms, beside librosa clip by clip.

    python tests/bench/logmel.py [--clips 256] [--rounds 5]

Both on one thread, by processor time; rounds in turn, the best of each. 10 times librosa or more is expected of DSOL's
201x64 spectrogram.
"""

import argparse
import os
import time
from collections.abc import Callable

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

import librosa  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from avloc.data.views import LogMel  # noqa: E402


def by_librosa(view: LogMel, sounds: np.ndarray) -> np.ndarray:
    """One clip after the other, with the bank made once, as a script that knows librosa would."""
    bank = librosa.filters.mel(sr=view.rate, n_fft=view.n_fft, n_mels=view.mels)
    found = []
    for sound in sounds:
        spectrum = librosa.stft(sound / np.float32(32767), n_fft=view.n_fft, hop_length=view.hop, pad_mode="constant")
        found.append(librosa.power_to_db(bank @ np.abs(spectrum), amin=view.offset, top_db=view.top_db).T)
    return np.stack(found)


def by_feature(view: LogMel, sounds: np.ndarray) -> np.ndarray:
    """The same through librosa.feature.melspectrogram, which makes its bank for each clip."""
    found = []
    for sound in sounds:
        mel = librosa.feature.melspectrogram(
            y=sound / np.float32(32767), sr=view.rate, n_fft=view.n_fft, hop_length=view.hop, n_mels=view.mels,
            power=1.0, pad_mode="constant",
        )  # fmt: skip
        found.append(librosa.power_to_db(mel, amin=view.offset, top_db=view.top_db).T)
    return np.stack(found)


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
    sounds = (np.random.default_rng(0).normal(0, 0.1, (given.clips, 16000)) * 32767).astype(np.int16)
    views = {"DSOL, 201x64": LogMel(), "quick, 101x64": LogMel(n_fft=512, hop=160)}
    raw = torch.from_numpy(sounds)
    for title, view in views.items():
        difference = np.abs(view(raw)[:, 0].numpy() - by_librosa(view, sounds)).max()
        found = best(
            {
                "avloc": lambda view=view: view(raw),
                "librosa": lambda view=view: by_librosa(view, sounds),
                "feature": lambda view=view: by_feature(view, sounds),
            },
            given.rounds,
        )
        each = {name: 1e6 * seconds / given.clips for name, seconds in found.items()}
        print(
            f"{title}: {each['avloc']:.0f} us a clip, librosa {each['librosa']:.0f}, its melspectrogram {each['feature']:.0f}: "
            f"{each['librosa'] / each['avloc']:.1f} and {each['feature'] / each['avloc']:.1f} times (want 10); "
            f"largest difference {difference:.1e} dB"
        )


if __name__ == "__main__":
    main()
