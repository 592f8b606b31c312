"""Heat maps over the time of a video: the frames and the sound of each, batch by batch, in constant memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from avloc.data.as_stored import heard
from avloc.data.loader import Batch
from avloc.data.optical_flow import motion_of
from avloc.engine.found_boxes import FoundBox, boxes_of
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.nn.objects import loudest_of
from avloc.prepare.streams.source import Source
from avloc.prepare.streams.tape import SoundTape

TOGETHER = 8  # windows per batch
FRAMES = 32  # most frames in a batch: of a method with many frames per window, they use most of the memory
RATE = 16_000  # Hz for a method that accepts any rate
USUAL = 1.0  # s of sound for a method without a fixed length


class Model(Protocol):
    """What is needed of a model, as returned by `avloc.load`. classes: names of its maps, None if they have none."""

    @property
    def method(self) -> str: ...
    @property
    def localizer(self) -> Localizer: ...
    @property
    def classes(self) -> Sequence[str] | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def device(self) -> torch.device: ...


@dataclass(frozen=True)
class Listening:
    """The input of a model: Hz, seconds of sound per map, and frames in that time."""

    rate: int
    seconds: float
    frames: int


@dataclass(frozen=True)
class Asked:
    """every: s between two maps. quiet_below: dBFS below which it is silent. mask_size: (width, height) of masks, or None."""

    every: float = 0.5
    quiet_below: float = -60.0
    mask_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if not 0.01 <= self.every <= 3600:
            raise AvlocError(f"every is {self.every:g}; expected seconds from 0.01 to 3600")
        if not -120 <= self.quiet_below <= 0:
            raise AvlocError(f"quiet_below is {self.quiet_below:g}; expected a level from -120 to 0 dBFS")


@dataclass(frozen=True)
class Moment:
    """One heat map. time: s, the middle of what is shown. level: dBFS of the sound around it.

    maps: (K, h, w), zeros where it is silent. sounding: by the calibration of the model, whether what is heard comes from
    what is seen; None without one.
    """

    time: float
    level: float
    silent: bool
    maps: NDArray[np.float32]
    boxes: tuple[FoundBox, ...] = ()
    sounding: bool | None = None

    @property
    def heat(self) -> NDArray[np.float32]:
        """The maximum of the maps at each position, (h, w)."""
        loudest: NDArray[np.float32] = self.maps.max(0)
        return loudest

    @property
    def shown(self) -> bool:
        """Whether the map is shown."""
        return not self.silent and self.sounding is not False


def listening_of(model: Model) -> Listening:
    localizer = model.localizer
    rate = getattr(localizer.sound, "rate", None) or RATE
    seconds = localizer.window or model.seconds or getattr(localizer.sound, "seconds", None) or USUAL
    several = localizer.needs.every_frame or localizer.motion is not None
    return Listening(int(rate), float(seconds), localizer.window_frames if several else 1)


def times_of(seconds: float, every: float) -> list[float]:
    """The times (s) of the heat maps of a source that lasts this long."""
    times: list[float] = np.arange(0, max(seconds, 1e-3), every).tolist()
    return times


def moments(model: Model, source: Source, tape: SoundTape, asked: Asked) -> Iterator[Moment]:
    """The heat maps of a source, one every `every` seconds from time 0 to its end.

    tape: its sound at the rate of `listening_of(model)`. A map at time t is computed from the sound and the frames
    around t; a source shorter than the window of the method is used as a whole, with its sound repeated to the length
    of the window. Silent moments are not computed.
    """
    localizer, listening = model.localizer, listening_of(model)
    if localizer.needs.every_frame and localizer.window_needed and not source.moves:
        raise AvlocError(f"{source.name}: {model.method} needs a moving picture; give a video, or use another method")
    times = times_of(source.seconds, asked.every)
    plan = _Plan(source.seconds, listening, np.array(times))
    pictures = _Pictures(source.squares(plan.frame_times, localizer.frame.size))
    waiting: list[_Window] = []
    shape: tuple[int, ...] = (1, 1, 1)
    for number, time in enumerate(times):
        places = plan.frames[number]
        start = round(plan.starts[number] * listening.rate)
        tape.forget(min(start, round((time - 1) * listening.rate)))
        silent = tape.quiet_at(time, asked.quiet_below)
        sound = tape.cut(start, max(round(plan.span * listening.rate), 1))
        level = tape.loudness.level(max(time - (half := min(asked.every, 1) / 2), 0), min(time + half, source.seconds))
        moment = Moment(round(time, 6), round(level, 2), silent, np.zeros(shape, np.float32))
        frames = pictures.of(places)
        waiting.append(
            _Window(moment, frames, min(int((time - plan.starts[number]) / plan.step), len(frames) - 1), sound)
        )
        if len(waiting) >= min(TOGETHER, max(FRAMES // listening.frames, 1)):
            yield from (done := _computed(model, waiting, listening, asked))
            shape, waiting = done[-1].maps.shape, []
    if waiting:
        yield from _computed(model, waiting, listening, asked)


class _Window(NamedTuple):
    """The input of one map: frames (F, size, size, 3), the index of the one on display at its time, and the sound (S,)."""

    moment: Moment
    frames: NDArray[np.uint8]
    now: int
    sound: NDArray[np.int16]


class _Plan:
    """The frames and the stretch of sound for each time.

    span: s of a window. step: s between its frames. starts: when each window begins. frame_times: when frames are taken,
    rising. frames: of each window the numbers of its frames.
    """

    def __init__(self, seconds: float, listening: Listening, times: NDArray[np.float64]) -> None:
        self.span = min(listening.seconds, max(seconds, 0.04))
        self.step = self.span / listening.frames
        starts = np.clip(times - self.span / 2, 0, max(seconds - self.span, 0))
        if listening.frames == 1:
            self.starts = starts
            self.frame_times = times.tolist()
            self.frames = [range(number, number + 1) for number in range(len(times))]
            return
        # windows start on a grid of frames, so that overlapping ones share frames
        first = np.round(starts / self.step).astype(int)
        self.starts = first * self.step
        used = np.unique(first[:, None] + np.arange(listening.frames))
        place = {int(cell): number for number, cell in enumerate(used)}
        self.frame_times = ((used + 0.5) * self.step).tolist()
        self.frames = [range(place[int(one)], place[int(one)] + listening.frames) for one in first]


class _Pictures:
    """Frames by number, read in order and dropped when no longer needed."""

    def __init__(self, squares: Iterator[NDArray[np.uint8]]) -> None:
        self._squares, self._next = squares, 0
        self._held: dict[int, NDArray[np.uint8]] = {}

    def of(self, places: range) -> NDArray[np.uint8]:
        """(F, size, size, 3)."""
        while self._next < places.stop:
            self._held[self._next] = next(self._squares)
            self._next += 1
        self._held = {number: image for number, image in self._held.items() if number >= places.start}
        return np.stack([self._held[number] for number in places])


def _computed(model: Model, waiting: list[_Window], listening: Listening, asked: Asked) -> list[Moment]:
    loud = [number for number, window in enumerate(waiting) if not window.moment.silent]
    done = [window.moment for window in waiting]
    if not loud:
        return done
    frames = np.stack([waiting[number].frames for number in loud])
    sounds = np.stack([_filled(waiting[number].sound, model, listening) for number in loud])
    maps, seen, fits = _maps(model, frames, [waiting[number].now for number in loud], sounds)
    calibration: Any = getattr(model, "calibration", None)
    verdicts = [None] * len(loud) if calibration is None else calibration.sounding(maps, fits).tolist()
    for row, number in enumerate(loud):
        boxes = boxes_of(maps[row], model.classes, None if seen is None else seen[row], asked.mask_size)
        done[number] = replace(done[number], maps=maps[row], boxes=tuple(boxes), sounding=verdicts[row])
    empty = np.zeros(maps.shape[1:], np.float32)
    return [replace(moment, maps=empty) if moment.silent else moment for moment in done]


def _filled(sound: NDArray[np.int16], model: Model, listening: Listening) -> NDArray[np.int16]:
    """The sound of a short video is repeated, as in published tests; not for a method that accepts any length."""
    samples = round(listening.seconds * listening.rate)
    if len(sound) >= samples or getattr(model.localizer.sound, "rate", None) is None:
        return sound
    return np.resize(sound, samples)


def _maps(
    model: Model, frames: NDArray[np.uint8], now: list[int], sounds: NDArray[np.int16]
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """From frames (B, F, size, size, 3) and sounds (B, S): maps (B, K, h, w), the probability that each class is in
    view if known, and the fit of frame and sound, (B,), if the calibration needs it.
    """
    localizer, device = model.localizer, model.device
    with torch.inference_mode():
        every = torch.from_numpy(frames).to(device)
        raw = torch.from_numpy(sounds).to(device)
        seen_frames = localizer.frame(every.flatten(0, 1)).unflatten(0, every.shape[:2])
        sound, waveform = heard(localizer.sound, raw, None)
        rows, shown = torch.arange(len(now)), torch.tensor(now)
        batch = Batch(seen_frames[rows, shown], sound, waveform)
        if localizer.needs.every_frame:
            batch.frames = seen_frames
        if localizer.motion is not None:
            first = shown.clamp(max=every.shape[1] - 2)  # as in stores, the last frame has the motion that led to it
            batch.motion = motion_of(localizer, every[rows, first], every[rows, first + 1])
        if model.classes is not None and localizer.sees_probabilities:
            located, looked = localizer.locate_and_look(batch)
        else:
            located, looked = localizer.locate(batch), None
        if localizer.maps_differ:
            located = loudest_of(located)
        maps = located.float().cpu().numpy()
        seen = None if looked is None else looked.float().cpu().numpy()
        fits = None
        if getattr(getattr(model, "calibration", None), "needs_fits", False):
            found = localizer.fits(batch)
            fits = None if found is None else found.float().cpu().numpy()
    if not np.isfinite(maps).all():
        raise AvlocError(f"{model.method}: a heat map holds NaN or infinity; the weights may be damaged")
    return maps, seen, fits
