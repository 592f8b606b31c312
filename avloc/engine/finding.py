"""Localizes the sound of one video, or of a picture with a sound: `find(model, "clip.mp4")`."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.engine.foreign import warn_if_foreign
from avloc.engine.found import Found
from avloc.engine.moving_overlay import Scale
from avloc.engine.windows import Asked, Listening, Model, Moment, listening_of, moments
from avloc.errors import AvlocError
from avloc.prepare.streams.source import Source, StillSource, open_still, open_video
from avloc.prepare.streams.tape import SoundTape

CHANNELS = 32  # no sound has more; an array with more is transposed


def find(
    model: Model,
    video: str | Path | None = None,
    *,
    image: Any = None,
    sound: Any = None,
    rate: int | None = None,
    every: float = 0.5,
    quiet_below: float = -60.0,
    track: int | None = None,
    masks: bool = False,
) -> Found:
    """Where the sound comes from in a video file, or in a picture with a sound.

    video: a file. image: instead of a video, a picture: a file or an array (H, W, 3) uint8 RGB. sound: its sound, a
    file or an array (S,) or (channels, S), int16 or float in [-1, 1]. rate: Hz, of an array. every: s between two maps.
    quiet_below: dBFS; anything below is silent. track: the sound track of a file, counted from 1. masks: add masks to
    boxes. AvlocError for files that cannot be read, and for arrays of another shape, type or rate.
    """
    Asked(every, quiet_below)  # this refuses invalid values before a file is opened
    opened, waveform = _opened(video, image, sound, rate, track)
    given = [Path(one) for one in (video, image) if isinstance(one, str | Path)]
    warn_if_foreign(getattr(model, "source", model.method), getattr(model, "origin", ""), given)
    listening = listening_of(model)
    scale = Scale()
    with opened() as source:
        tape = SoundTape(source.sound(listening.rate), listening.rate)
        asked = Asked(every, quiet_below, source.size if masks else None)
        found = list(moments(model, source, tape, asked))
        for moment in found:
            scale.add(moment)
        tape.finish()
        quiet = tape.loudness.quiet(quiet_below, source.seconds)
        name, seconds = source.name, source.seconds
    found = _of_one_shape(found, model)
    return Found(
        name=name,
        method=model.method,
        seconds=seconds,
        times=np.array([moment.time for moment in found]),
        maps=np.stack([moment.maps for moment in found]),
        boxes=[scale.strong(moment.boxes) if moment.shown else () for moment in found],
        silent=np.array([moment.silent for moment in found]),
        sounding=np.array([moment.shown for moment in found]),
        levels=np.array([moment.level for moment in found]),
        quiet=quiet,
        scale=scale.limits,
        classes=None if model.classes is None else tuple(model.classes),
        calibrated=getattr(model, "calibration", None) is not None,
        every=every,
        _loudness=tape.loudness,
        _open=opened,
        _moments=found,
        _waveform=waveform,
    )


def _of_one_shape(found: list[Moment], model: Model) -> list[Moment]:
    """Gives silent moments before the first map its shape; (K, 1, 1) if everything is silent."""
    from dataclasses import replace

    shape = next((one.maps.shape for one in found if not one.silent), (len(model.classes or "1"), 1, 1))
    empty = np.zeros(shape, np.float32)
    return [replace(one, maps=empty) if one.maps.shape != shape else one for one in found]


def _opened(video: Any, image: Any, sound: Any, rate: int | None, track: int | None) -> tuple[Any, Any]:
    """A function that opens the source, and the waveform of an array with its rate, else None."""
    if (video is None) == (image is None):
        raise AvlocError(
            "expected a video, or an image with its sound: predict('clip.mp4') or predict(image=..., sound=...)"
        )
    if video is not None:
        if sound is not None or rate is not None:
            raise AvlocError("a video has its own sound; give sound and rate only with image")
        return partial(open_video, Path(video), track), None
    if sound is None:
        raise AvlocError("image needs its sound: a file, or an array with its rate")
    pictured = isinstance(image, str | Path)
    if isinstance(sound, str | Path):
        if rate is not None:
            raise AvlocError("a sound file contains its rate; give rate only with an array")
        return partial(open_still, Path(image) if pictured else image_array(image), Path(sound), track), None
    waveform = sound_array(sound)
    if rate is None:
        raise AvlocError(f"sound is an array of shape {np.shape(sound)}: give its rate in Hz, such as rate=16000")
    if not isinstance(rate, int | np.integer) or not 1000 <= rate <= 384_000:
        raise AvlocError(f"rate is {rate!r}; expected a whole number of Hz from 1000 to 384000")
    if pictured:
        from avloc.prepare.streams.source import read_picture

        array = read_picture(image)
    else:
        array = image_array(image)
    name = str(image) if pictured else "image"
    still = StillSource(name, array, len(waveform) / rate, partial(_resampled, waveform, int(rate)))
    return partial(_given, still), (waveform, int(rate))


def _given(source: Source) -> AbstractContextManager[Source]:
    return nullcontext(source)


def image_array(image: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8; AvlocError for anything else."""
    array = np.asarray(image)
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape or array.dtype != np.uint8:
        raise AvlocError(f"image has shape {array.shape} and type {array.dtype}; expected (H, W, 3) uint8, RGB")
    return np.ascontiguousarray(array)


def sound_array(sound: Any) -> NDArray[np.float32]:
    """(S,) in [-1, 1], channels averaged; AvlocError for anything but (S,) or (channels, S), int16 or float."""
    array = np.asarray(sound)
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise AvlocError(f"sound has shape {array.shape}; expected (S,) or (channels, S)")
    if array.ndim == 2 and array.shape[0] > CHANNELS:
        raise AvlocError(f"sound has shape {array.shape}; expected (channels, S): transpose it")
    if array.dtype == np.int16:
        array = array.astype(np.float32) / 32768
    elif array.dtype.kind != "f":
        raise AvlocError(f"sound is of type {array.dtype}; expected int16, or float in [-1, 1]")
    array = array.astype(np.float32)
    if not np.isfinite(array).all():
        raise AvlocError("sound holds NaN or infinity; expected numbers in [-1, 1]")
    peak = float(np.abs(array).max())
    if peak > 2:  # resampling can leave values slightly above 1
        raise AvlocError(f"sound reaches {peak:g}; expected float in [-1, 1]: divide it by its full scale")
    mono: NDArray[np.float32] = array if array.ndim == 1 else array.mean(0)
    return mono


def _resampled(waveform: NDArray[np.float32], own: int, rate: int) -> Iterator[NDArray[np.int16]]:
    from avloc.prepare.media.placing import to_int16

    if own != rate:
        import soxr

        waveform = soxr.resample(waveform, own, rate, quality="HQ")
    yield to_int16(waveform)


__all__ = ["Found", "Listening", "Model", "find"]
