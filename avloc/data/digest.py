"""SHA-256 of what a store keeps: written into the manifest, computed again by `avloc data check`."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Clip

_OF_CLIPS = ("classes", "rate", "seconds", "samples", "frames_per_clip", "size", "frames", "votes", "sound")


def content_digest(frames: Iterable[Any], sound: NDArray[Any]) -> bytes:
    """Of a clip's frames as they are stored (pixels or JPEG bytes) and its sound, int16 or a float32 spectrogram: equal for
    copies under other names."""
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(np.ascontiguousarray(frame).data)
    digest.update(np.ascontiguousarray(sound, "<i2" if sound.dtype.kind == "i" else "<f4").data)
    return digest.digest()


def clip_digest(content: bytes, clip: Clip) -> bytes:
    """Of a clip's content and all that is said about it."""
    boxes = [[box.frame, box.label, box.sounding, *np.array(box.xyxy, np.float32).tolist()] for box in clip.boxes]
    annotated = [bool(frame) for frame in clip.annotated or [False] * len(clip.frame_keys)]
    about = [clip.id, clip.video, clip.start, clip.frame_keys, sorted(clip.labels), annotated, boxes]
    if clip.masks:  # left out where there are none: digests of stores without masks stay as they were
        bits = [hashlib.sha256(np.packbits(mask.pixels).tobytes()).hexdigest() for mask in clip.masks]
        masks = zip(clip.masks, bits, strict=True)
        about.append([[mask.frame, mask.label, bool(mask.sounding), *mask.pixels.shape, told] for mask, told in masks])
    return hashlib.sha256(content + json.dumps(about).encode()).digest()


def item_digest(clips: Sequence[bytes]) -> str:
    """Of the clips of an item, in their order."""
    return hashlib.sha256(b"".join(clips)).hexdigest()


def split_digest(settings: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """Of one split: the settings its clips depend on, and its items with their content.

    Equal wherever the store lies, and also after other splits were added to it. rows: of the manifest, those that are "ok".
    """
    digest = hashlib.sha256(json.dumps({key: settings.get(key) for key in _OF_CLIPS}, sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps([row["id"], row["clips"], row.get("sha256")]).encode())
    return digest.hexdigest()[:16]
