"""A still at the time of each heat map, NAME.frames/SECONDS.jpg."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2

from avloc.drawing.colours import Image
from avloc.errors import AvlocError
from avloc.files import umask
from avloc.temporaries import prefix_of

NEAR = 1e-6  # s; times of pictures are multiples of their period, and those of stills of another


class Stills:
    """The times (s) that still need a picture, rising, and the folder for them."""

    def __init__(self, folder: Path, times: Sequence[float]) -> None:
        self._folder, self._waiting = folder, list(times)[::-1]

    def due(self, until: float) -> Iterator[float]:
        """The times before `until` that have no still yet; each must be given to `keep`."""
        while self._waiting and self._waiting[-1] < until - NEAR:
            yield self._waiting.pop()

    def keep(self, image: Image, time: float) -> None:
        done, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
        if done:
            (self._folder / f"{time:09.2f}.jpg").write_bytes(content.tobytes())


@contextmanager
def stills_in(folder: Path, times: Sequence[float]) -> Iterator[Stills]:
    """The folder gets its name when all stills are there, and replaces an earlier one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=prefix_of(folder), dir=folder.parent))
    try:
        yield Stills(made, times)
        shutil.rmtree(folder, ignore_errors=True)
        os.chmod(made, 0o777 & ~umask())
        os.replace(made, folder)
    except OSError as error:
        raise AvlocError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
