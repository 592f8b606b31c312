"""SHA-256 of the contents of a store: written into the manifest, recomputed by `avloc data check`."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.data.clip import Clip

_OF_CLIPS = ("classes", "rate", "seconds", "samples", "frames_per_clip", "size", "frames", "votes", "sound")


def content_digest(frames: Iterable[Any], sound: NDArray[Any]) -> bytes:
    """Of a clip's frames as stored (pixels or JPEG bytes) and its sound, int16 or a float32 spectrogram: equal for
    copies with other names.
    """
    digest = hashlib.sha256()
    for frame in frames:
        digest.update(np.ascontiguousarray(frame).data)
    digest.update(np.ascontiguousarray(sound, "<i2" if sound.dtype.kind == "i" else "<f4").data)
    return digest.digest()


def clip_digest(content: bytes, clip: Clip) -> bytes:
    """Of a clip's content and its annotation."""
    boxes = [[box.frame, box.label, box.sounding, *np.array(box.xyxy, np.float32).tolist()] for box in clip.boxes]
    annotated = [bool(frame) for frame in clip.annotated or [False] * len(clip.frame_keys)]
    about = [clip.id, clip.video, clip.start, clip.frame_keys, sorted(clip.labels), annotated, boxes]
    if clip.masks:  # left out if there are none: this keeps the digests of stores without masks
        bits = [hashlib.sha256(np.packbits(mask.pixels).tobytes()).hexdigest() for mask in clip.masks]
        masks = zip(clip.masks, bits, strict=True)
        about.append([[mask.frame, mask.label, bool(mask.sounding), *mask.pixels.shape, told] for mask, told in masks])
    return hashlib.sha256(content + json.dumps(about).encode()).digest()


def item_digest(clips: Sequence[bytes]) -> str:
    """Of the clips of an item, in order."""
    return hashlib.sha256(b"".join(clips)).hexdigest()


def split_digest(settings: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> str:
    """Of one split: the settings that its clips depend on, and its items with their content.

    It does not depend on the path of the store, nor on splits that were added later. rows: of the manifest, those that
    are "ok".
    """
    digest = hashlib.sha256(json.dumps({key: settings.get(key) for key in _OF_CLIPS}, sort_keys=True).encode())
    for row in rows:
        digest.update(json.dumps([row["id"], row["clips"], row.get("sha256")]).encode())
    return digest.hexdigest()[:16]
