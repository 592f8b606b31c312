"""`avloc prepare folder`: any folder of videos into a store."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.data.build import Prepared, build_store
from avloc.data.sources.marks import read_truth
from avloc.data.sources.moments import SHORT, Moments, read_lists
from avloc.data.sources.videos import VideoReader, list_videos
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.data.work import Scale
from avloc.errors import DataError
from avloc.files import why


def prepare_folder(
    source: Path,
    out: Path,
    lists: Sequence[str] = (),
    labels: Path | None = None,
    benchmark: str | None = None,
    annotations: Path | None = None,
    seconds: float = 3.0,
    every: bool = False,
    frames_per_clip: int = 1,
    size: int = 256,
    rate: int = 16000,
    short: str = "fail",
    frames: str = "jpeg",
    store: str = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Cut videos into clips of `seconds` and write them to the store `out`.

    Of each video its middle, or with `every` all of it, clip by clip. frames_per_clip: frames kept of each clip, at the
    middles of as many equal parts. lists: "SPLIT=FILE", ids one a line; without them every video is in the split "all".
    labels: a .csv of ids and classes. benchmark, annotations: whose boxes the clips get, and where they lie. size: pixels,
    frames become size x size. rate: Hz. short: "fail" counts videos whose sound is shorter, "repeat" repeats it. frames:
    "jpeg" or "raw". store: "hdf5" or "lmdb". work: see `avloc.data.work.Work`.
    """
    refuse_other("short", short, SHORT)
    refuse_other("frames", frames, FRAMES)
    if size < 8 or rate < 1000 or frames_per_clip < 1 or not 0 < seconds * rate < 1e8:
        raise DataError(
            f"size is {size}, rate {rate}, frames_per_clip {frames_per_clip}, seconds {seconds}; expected at least 8 pixels, "
            "1000 Hz, 1 frame and more than 0 s"
        )
    source, out = Path(source), Path(out)
    truth = read_truth(benchmark, annotations)
    moments = Moments(size, rate, round(seconds * rate), short == "repeat")
    classes, listing = list_videos(source, read_lists(lists), truth, None if labels is None else _classes(Path(labels)))
    settings = {
        "data": "folder of videos",
        "classes": classes,
        "rate": rate,
        "seconds": seconds,
        "samples": moments.samples,
        "frames_per_clip": frames_per_clip,
        "size": size,
        "frames": frames,
        "store": store,
        "every": every,
        "short": short,
        "votes": 1 if truth is None else truth.votes,
    }
    reader = VideoReader(source, moments, frames_per_clip, every)
    return build_store(out, source, listing, reader, settings, **work)


def _classes(path: Path) -> dict[str, list[str]]:
    """Classes by id, from lines "id,class"; an id with several has a line each."""
    found: dict[str, list[str]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for number, row in enumerate(csv.reader(file), 1):
                if not row:
                    continue
                if len(row) < 2 or not row[1].strip():
                    raise DataError(f"{path}:{number}: found {','.join(row)!r}; expected id,class")
                found.setdefault(row[0].strip(), []).append(row[1].strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({why(error)}); expected lines of id,class") from None
    return found
