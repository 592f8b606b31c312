"""Opens sources: an upright picture with its alpha, or a sound as a waveform, and measures what drawing needs."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from avloc.prepare.composing.boxes import SMALLEST
from avloc.prepare.composing.groups import located
from avloc.prepare.composing.masks import drawn_mask
from avloc.prepare.composing.sources import Source
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import read_sound

HOP = 0.1  # s, step of a sound's loudness profile
SILENT = 33  # of 32767
# what Pillow raises for files that are not pictures, truncated or malicious
_BROKEN = (
    OSError, SyntaxError, ValueError, KeyError, IndexError, TypeError, EOFError, struct.error, zlib.error,
    OverflowError, MemoryError, Image.DecompressionBombError,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Picture:
    """rgb: (h, w, 3) uint8. alpha: (h, w) uint8, None if all of it is opaque."""

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None


def read_picture(source: Source, roots: Mapping[str, Path]) -> Picture:
    """A picture as a viewer shows it, or the object cut out of it; MediaError if it is unusable.

    Boxes and masks refer to the upright picture, unless only the stored orientation has the size in the annotation.
    """
    picture = _opened(source.file, located(source.file, roots), source.size)
    height, width = picture.rgb.shape[:2]
    if min(height, width) < SMALLEST:
        raise MediaError(source.file, "picture too small", f"{width}x{height}; expected at least {SMALLEST} px")
    if source.size is not None and (width, height) != source.size:
        wanted = "x".join(map(str, source.size))
        raise MediaError(source.file, "picture of another size", f"{width}x{height}; its annotation says {wanted}")
    if source.crop is None:
        return picture if source.size is not None else _trimmed(source.file, picture)
    if source.mask is not None:
        try:
            picture = Picture(picture.rgb, drawn_mask(source.mask, width, height))
        except (ValueError, TypeError, KeyError) as error:
            raise MediaError(source.file, "broken mask", str(error)) from None
    left, top = (int(np.floor(side)) for side in source.crop[:2])
    right, bottom = (int(np.ceil(side)) for side in source.crop[2:])
    alpha = None if picture.alpha is None else picture.alpha[top:bottom, left:right]
    return _trimmed(source.file, Picture(picture.rgb[top:bottom, left:right], alpha))


def _opened(name: str, path: Path, size: tuple[int, int] | None) -> Picture:
    if not path.is_file():
        raise MediaError(name, "missing file")
    try:
        with Image.open(path) as opened:
            stored = opened.size
            turned = ImageOps.exif_transpose(opened)
            upright = opened if size is not None and turned.size != size and stored == size else turned
            return _pixels(upright)
    except PermissionError:
        raise MediaError(name, "may not be read") from None
    except _BROKEN as error:
        text = (str(error) or type(error).__name__).splitlines()[0].replace(str(path), name)
        raise MediaError(name, "not a picture", text) from None


def _pixels(picture: Image.Image) -> Picture:
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        both = np.array(picture.convert("RGBA"))
        alpha = both[..., 3]
        return Picture(np.ascontiguousarray(both[..., :3]), None if alpha.min() == 255 else alpha)
    if picture.mode.startswith("I"):  # 16 bits per channel
        grey = np.array(picture).astype(np.float64)
        wide = grey / 257 if grey.max() > 255 else grey
        return Picture(np.repeat(np.clip(np.rint(wide), 0, 255).astype(np.uint8)[..., None], 3, axis=2), None)
    return Picture(np.array(picture.convert("RGB")), None)


def _trimmed(name: str, picture: Picture) -> Picture:
    """Cropped to the box of the visible part (alpha above a half)."""
    if picture.alpha is None:
        return picture
    shown = picture.alpha > 127
    xs, ys = np.flatnonzero(shown.any(0)), np.flatnonzero(shown.any(1))
    if not len(xs):
        raise MediaError(name, "empty mask", "no pixel of it is visible")
    part = np.s_[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    width, height = len(range(xs[0], xs[-1] + 1)), len(range(ys[0], ys[-1] + 1))
    if min(width, height) < 8:
        raise MediaError(name, "picture too small", f"{width}x{height} of it is visible")
    return Picture(picture.rgb[part], picture.alpha[part])


def hear(source: Source | str, roots: Mapping[str, Path], rate: int) -> NDArray[np.int16]:
    """(S,) at `rate` Hz; MediaError if it is unusable, silent, or contains values that are not finite."""
    file = source if isinstance(source, str) else source.file
    try:
        with np.errstate(invalid="raise"):
            sound = read_sound(located(file, roots), rate)
    except FloatingPointError:
        raise MediaError(file, "sound with NaN", "some of its samples are not numbers") from None
    except MediaError as error:
        raise MediaError(file, error.reason, error.detail) from None
    if not len(sound) or int(np.abs(sound.astype(np.int32)).max()) < SILENT:
        raise MediaError(file, "silent sound", "it never exceeds a thousandth of full scale")
    return sound


@dataclass(frozen=True, eq=False)
class Look:
    """Measurements of a usable source.

    aspect: width by height of a picture or object. samples: of a sound. profile: energy of each tenth of a second of it.
    """

    aspect: float = 1.0
    samples: int = 0
    profile: NDArray[np.float64] | None = None


def look_at(source: Source, roots: Mapping[str, Path], rate: int) -> Look:
    """Open a source once; MediaError if it is unusable."""
    if source.file.partition(":")[0] in ("sounds", "noise"):
        return _profiled(hear(source, roots, rate), rate)
    height, width = read_picture(source, roots).rgb.shape[:2]
    return Look(aspect=width / height)


def _profiled(sound: NDArray[np.int16], rate: int) -> Look:
    hop = max(1, round(HOP * rate))
    energy = np.add.reduceat(np.square(sound.astype(np.float64)), np.arange(0, len(sound), hop))
    return Look(samples=len(sound), profile=energy)


def facts_of(source: Source, roots: Mapping[str, Path]) -> dict[str, Any]:
    """What a reader needs to find a source again; if its size changed, it is another file."""
    path = located(source.file, roots)
    found: dict[str, Any] = {"file": source.file, "bytes": path.stat().st_size if path.is_file() else None}
    if source.crop is not None:
        found["crop"] = [round(side, 3) for side in source.crop]
    if source.size is not None:
        found["size"] = list(source.size)
    if source.mask is not None:
        found["mask"] = source.mask
    return found


def source_of(facts: Mapping[str, Any]) -> Source:
    """The source that `facts_of` describes."""
    crop, size = facts.get("crop"), facts.get("size")
    return Source(
        facts["file"], "", "", None if crop is None else tuple(crop), None if size is None else tuple(size),
        facts.get("mask"),
    )  # fmt: skip
