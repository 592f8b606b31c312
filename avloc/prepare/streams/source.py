"""The input of a prediction: a video file, or one picture with a sound. It is read forward and never held as a whole."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from avloc.data.pictures import read_image
from avloc.prepare.media.colours import SDR, Tags, ToRgb, tags_of
from avloc.prepare.media.container import MediaError, refuse_unreadable
from avloc.prepare.media.film import Film, open_film
from avloc.prepare.media.orientation import matrix_of, upright
from avloc.prepare.media.picture import on_display
from avloc.prepare.media.plain import Frames
from avloc.prepare.media.sound import sound_pieces
from avloc.prepare.media.square import Square

Image = NDArray[np.uint8]  # (H, W, 3) RGB
NO_SOUND = "it has no sound; give it alone: with --sound FILE, in Python as image=..., sound=..."
STILL_RATE = 10  # pictures per second of a video made from one picture


class Picture(NamedTuple):
    """An upright picture, shown from `start` to `stop` (s). broken: it depends on pictures that could not be decoded."""

    image: Image
    start: float
    stop: float
    broken: bool = False


class Source(Protocol):
    """name: for messages. seconds: the end of the picture. size: upright, (width, height).

    aspect: width of a pixel divided by its height. tags: of the colours of its pictures. film: the open file that has the
    sound, None for arrays. tracks: the number of sound tracks. moves: it has more than one picture.
    """

    name: str
    seconds: float
    begins: float
    size: tuple[int, int]
    frame_rate: Fraction
    aspect: Fraction
    tags: Tags
    film: Film | None
    tracks: int
    moves: bool

    @property
    def has_sound(self) -> bool: ...

    def squares(self, times: Sequence[float], size: int) -> Iterator[Image]:
        """The pictures shown at the rising `times` (s), resized to size x size."""
        ...

    def sound(self, rate: int) -> Iterator[NDArray[np.int16]]:
        """The waveform from time 0 on at `rate` Hz, in pieces; nothing if there is no sound."""
        ...

    def pictures(self) -> Iterator[Picture]:
        """All pictures in turn."""
        ...


class VideoSource:
    """An open video file; see `Source`."""

    moves = True

    def __init__(self, film: Film) -> None:
        self.film: Film | None = film
        self._film, self.name = film, str(film.path)
        self.tracks = len(film.container.streams.audio)
        film.begin(film.video, "no picture")
        first = next(iter(Frames(film)), None)
        if first is None:
            raise MediaError(film.path, "no picture", "no frame could be decoded")
        frame = first[0]
        self.tags = tags_of(frame)
        matrix = matrix_of(frame)
        turned = matrix is not None and abs(matrix[0]) + abs(matrix[3]) < abs(matrix[1]) + abs(matrix[2])
        self.size = (frame.height, frame.width) if turned else (frame.width, frame.height)
        aspect = Fraction(getattr(film.video, "sample_aspect_ratio", None) or 1)
        self.aspect = 1 / aspect if turned else aspect
        rate = film.video.average_rate or film.video.guessed_rate if film.video is not None else None
        usable = rate is not None and 1 <= rate <= 240
        self.frame_rate = Fraction(rate) if usable and rate is not None else Fraction(1 / film.clock.period)
        self.frame_rate = self.frame_rate.limit_denominator(1001)
        self.begins = film.clock.picture_from or 0.0
        self.seconds = max(film.clock.picture_to or 0.0, self.begins + film.clock.period)

    @property
    def has_sound(self) -> bool:
        return self._film.sound is not None and len(self._film.sound) > 0

    def squares(self, times: Sequence[float], size: int) -> Iterator[Image]:
        square = Square(size)
        for shown in on_display(self._film, times):
            yield square(shown.frame)

    def sound(self, rate: int) -> Iterator[NDArray[np.int16]]:
        return sound_pieces(self._film, rate) if self.has_sound else iter(())

    def pictures(self) -> Iterator[Picture]:
        waiting: Picture | None = None
        to_rgb = ToRgb()
        for frame, start, spoiled in Frames(self._film):
            image = np.ascontiguousarray(upright(to_rgb(frame), matrix_of(frame)))
            if waiting is not None and image.shape != waiting.image.shape:  # a stream may change its size
                height, width = waiting.image.shape[:2]
                image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
            if waiting is not None:
                yield waiting._replace(stop=start)
            waiting = Picture(image, start, start, spoiled or bool(frame.is_corrupt))
        if waiting is not None:
            yield waiting._replace(stop=max(self.seconds, waiting.start + self._film.clock.period))


class StillSource:
    """One picture (H, W, 3) with a sound; see `Source`.

    seconds: of the sound. pieces: returns the sound's waveform at a rate. film: the open sound file, None for an array.
    """

    moves = False
    begins = 0.0
    aspect = Fraction(1)
    tags = SDR
    frame_rate = Fraction(STILL_RATE)

    def __init__(
        self,
        name: str,
        image: Image,
        seconds: float,
        pieces: Callable[[int], Iterator[NDArray[np.int16]]],
        film: Film | None = None,
    ) -> None:
        self.name, self.seconds, self.film = name, seconds, film
        self.size = image.shape[1], image.shape[0]
        self.tracks = 1 if film is None else len(film.container.streams.audio)
        self._image, self._pieces = image, pieces

    @property
    def has_sound(self) -> bool:
        return self.seconds > 0

    def squares(self, times: Sequence[float], size: int) -> Iterator[Image]:
        way = cv2.INTER_AREA if max(self._image.shape[:2]) > size else cv2.INTER_LINEAR
        square: Any = cv2.resize(self._image, (size, size), interpolation=way)
        yield from (square for _ in times)

    def sound(self, rate: int) -> Iterator[NDArray[np.int16]]:
        return self._pieces(rate)

    def pictures(self) -> Iterator[Picture]:
        count = max(round(self.seconds * STILL_RATE), 1)
        for number in range(count):
            yield Picture(self._image, number / STILL_RATE, (number + 1) / STILL_RATE)


@contextmanager
def open_video(path: str | Path, track: int | None = None) -> Iterator[VideoSource]:
    """Open a video file for reading forward; MediaError if that fails, or for a picture. track: the sound track, from 1."""
    with open_film(path, track) as film:
        if film.container.format.name == "image2" or film.container.format.name.endswith("_pipe"):
            raise MediaError(path, "a picture", NO_SOUND)
        yield VideoSource(film)


@contextmanager
def open_still(picture: str | Path | Image, sound: str | Path, track: int | None = None) -> Iterator[StillSource]:
    """A picture, (H, W, 3) or a file, and the sound of another file; MediaError if a file cannot be read."""
    image, name = (picture, "image") if isinstance(picture, np.ndarray) else (read_picture(picture), str(picture))
    with open_film(sound, track) as film:
        if film.sound is None or not len(film.sound):
            raise MediaError(sound, "no sound track")
        seconds = sum(len(piece) for piece in sound_pieces(film, 8000)) / 8000
        if not seconds:
            raise MediaError(sound, "too short", "its sound has no duration")
        yield StillSource(name, image, seconds, lambda rate: sound_pieces(film, rate), film)


def read_picture(path: str | Path) -> Image:
    """(H, W, 3) RGB of a picture file."""
    refuse_unreadable(path)
    stored = read_image(Path(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)  # turned as its EXIF data say
    if stored is None:
        raise MediaError(path, "not a picture", "expected a JPEG, PNG or another still")
    if stored.dtype.kind != "u":
        raise MediaError(path, "not a picture", f"its pixels are {stored.dtype}; expected 8 or 16 bits")
    if stored.dtype != np.uint8:  # PNGs of 16 bits
        stored = (stored.astype(np.float32) / np.iinfo(stored.dtype).max * 255).astype(np.uint8)
    if stored.ndim == 2:
        return np.ascontiguousarray(np.repeat(stored[..., None], 3, axis=2))
    return np.ascontiguousarray(stored[..., 2::-1])
