"""YAMNet: AudioSet's 521 classes for each window of a sound, from the published TensorFlow Lite file."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.files import regular
from avloc.nn.tags import Tags
from avloc.weights import located

RATE, WINDOW, HOP = 16_000, 15_600, 7_680  # Hz, samples (0.975 s) and samples (0.48 s)
CLASSES, EMBEDDING = 521, 1024


class YamnetNet(nn.Module):
    """Waveforms (B, S) at 16 kHz to the tags of their windows, with ai-edge-litert on the CPU.

    Windows of 0.975 s start every 0.48 s; zeros are appended to complete the last one, as in the released code. The
    file itself is a buffer, so the weights of a run contain it. It cannot be trained.
    """

    rate, classes, embedding = RATE, CLASSES, EMBEDDING
    model: Tensor

    def __init__(self, weights: str | None):
        super().__init__()
        found = np.zeros(0, np.uint8)
        if weights is not None:
            found = np.frombuffer(_read(weights), np.uint8).copy()
        self.register_buffer("model", torch.from_numpy(found))
        self.where = weights
        self._runner: tuple[Any, int, dict[int, int]] | None = None
        if weights is not None:
            self._interpreter()  # refuse a file of another kind now

    def forward(self, waveforms: Tensor) -> Tags:
        count, samples = waveforms.shape
        windows = 1 + max(0, -(-(samples - WINDOW) // HOP))
        padded = np.zeros((count, WINDOW + (windows - 1) * HOP), np.float32)
        padded[:, :samples] = waveforms.detach().float().cpu().numpy()
        scores = np.empty((count, windows, CLASSES), np.float32)
        embedding = np.empty((count, windows, EMBEDDING), np.float32)
        run, into, outputs = self._interpreter()
        for clip in range(count):
            for window in range(windows):
                run.set_tensor(into, padded[clip, window * HOP : window * HOP + WINDOW])
                run.invoke()
                scores[clip, window] = run.get_tensor(outputs[CLASSES]).reshape(-1, CLASSES)[0]
                if EMBEDDING in outputs:
                    embedding[clip, window] = run.get_tensor(outputs[EMBEDDING]).reshape(-1, EMBEDDING)[0]
        device = waveforms.device
        found = torch.from_numpy(scores).to(device)
        return Tags(found, torch.from_numpy(embedding).to(device) if EMBEDDING in outputs else None)

    def _interpreter(self) -> tuple[Any, int, dict[int, int]]:
        """The interpreter, its input, and its outputs by their width."""
        if self._runner is None:
            self._runner = _opened(self.model.cpu().numpy().tobytes(), self.where or "the run's weights")
        return self._runner

    def _load_from_state_dict(self, state: dict[str, Tensor], prefix: str, *rest: Any) -> None:
        if f"{prefix}model" in state:
            self.model, self._runner = torch.empty_like(state[f"{prefix}model"]), None
        super()._load_from_state_dict(state, prefix, *rest)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runner": None}  # an interpreter cannot be copied


def _read(weights: str) -> bytes:
    path = located(weights)
    try:
        return regular(path).read_bytes()
    except OSError as error:
        raise AvlocError(f"audio weights {weights}: {error.strerror or error}; give YAMNet's .tflite file") from None


@contextmanager
def _without_greeting() -> Iterator[None]:
    """Suppresses the library's own "INFO: Created ..."; everything else that it writes to stderr appears afterwards."""
    try:
        stderr = os.dup(2)
    except OSError:  # a program without stderr
        yield
        return
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            kept.seek(0)
            os.write(2, b"".join(line for line in kept if not line.startswith(b"INFO: ")))


def _opened(content: bytes, where: str) -> tuple[Any, int, dict[int, int]]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        raise AvlocError("ai-edge-litert is not installed, but YAMNet needs it: pip install 'avloc[real]'") from None
    if not content:
        raise AvlocError(
            "audio.tagger yamnet has no weights; set audio.weights to official or to YAMNet's .tflite file"
        )
    try:
        with _without_greeting():
            run = Interpreter(model_content=content, num_threads=1)
            (given,) = run.get_input_details()
            if list(given["shape"]) != [WINDOW]:  # the file that accepts sounds of any length
                run.resize_tensor_input(given["index"], [WINDOW])
            run.allocate_tensors()
        outputs = {int(one["shape"][-1]): one["index"] for one in run.get_output_details()}
    except (ValueError, RuntimeError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise AvlocError(f"audio weights {where}: not YAMNet's .tflite ({first}); see `avloc weights list`") from None
    if CLASSES not in outputs:
        raise AvlocError(
            f"audio weights {where}: {sorted(outputs)} outputs; YAMNet has {CLASSES} scores: another network"
        )
    return run, given["index"], outputs
