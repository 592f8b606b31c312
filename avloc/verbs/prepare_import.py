"""`avloc prepare import`: data that was prepared for a published program into a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

from avloc.annotations.benchmarks import BENCHMARKS
from avloc.annotations.files import Files
from avloc.annotations.truth import Truth
from avloc.data.build import Prepared, build_store
from avloc.data.sources import sspl, visual_context
from avloc.data.sources.base import Listing, Reader
from avloc.data.sources.folder import FolderReader, list_folder
from avloc.data.sources.moments import Moments, read_lists
from avloc.data.work import Scale
from avloc.errors import DataError

#: rate (Hz) and seconds that a layout's sounds have; None: they are files of any rate
LAYOUTS: dict[str, tuple[int | None, float]] = {
    "folder": (None, 10.0),
    "sspl": (sspl.RATE, sspl.SECONDS),
    "visual-context": (visual_context.RATE, visual_context.SECONDS),
}


def prepare_import(
    source: Path,
    layout: str,
    out: Path,
    lists: Sequence[str] = (),
    benchmark: str | None = None,
    annotations: Path | None = None,
    seconds: float | None = None,
    rate: int | None = None,
    frame: int = 7,
    short: str = "fail",
    size: int = 256,
    frames: str = "jpeg",
    store: str = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """One clip for each name, of one frame and the middle of its sound, into the store `out`.

    layout: "folder" (frames and sounds as files), "sspl" (its HDF5 trees) or "visual-context" (its LMDB folders).
    lists: "SPLIT=FILE", ids one a line; without them the splits are what the layout has. benchmark, annotations: whose
    boxes the clips get, and where they lie. seconds, rate (Hz): of the kept sound, the layout's where None. frame: which
    of a clip's numbered frames (layouts folder and visual-context). short: "fail" counts sounds that are shorter than
    `seconds`, "repeat" repeats them, as the published loaders do. size: pixels. frames: "jpeg" or "raw". store: "hdf5"
    or "lmdb". work: see `avloc.data.work.Work`. Items that cannot be used are counted with a reason.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    if short not in ("fail", "repeat"):
        raise DataError(f"short is {short!r}; expected 'fail' or 'repeat'")
    if frames not in ("jpeg", "raw"):
        raise DataError(f"frames is {frames!r}; expected 'jpeg' or 'raw'")
    if size < 8:
        raise DataError(f"size is {size}; expected at least 8 pixels")
    fixed, length = LAYOUTS[layout]
    seconds = length if seconds is None else seconds
    if rate is None:
        rate = fixed or 16_000
    if fixed not in (None, rate):
        raise DataError(f"rate is {rate}, but the sounds of layout {layout} are stored at {fixed} Hz; leave --rate out")
    if rate < 1000 or not 0 < seconds * rate < 1e8:
        raise DataError(f"rate is {rate} Hz and seconds {seconds}; expected at least 1000 Hz and more than 0 s")
    if fixed is not None and seconds > length:
        raise DataError(
            f"seconds is {seconds}, but the sounds of layout {layout} have {length}; expected as many or fewer"
        )
    source, out = Path(source), Path(out)
    truth = read_truth(benchmark, annotations)
    moments = Moments(size, rate, round(seconds * rate), short == "repeat")
    classes, listing, reader = _opened(layout, source, read_lists(lists), truth, frame, moments)
    settings = {
        "data": layout,
        "classes": classes,
        "rate": rate,
        "seconds": seconds,
        "samples": moments.samples,
        "frames_per_clip": 1,
        "size": size,
        "frames": frames,
        "store": store,
        "frame": frame,
        "short": short,
        "votes": 1 if truth is None else truth.votes,
    }
    return build_store(out, source, listing, reader, settings, **work)


def read_truth(benchmark: str | None, annotations: Path | None) -> Truth | None:
    """The boxes of a benchmark, None where none is asked for."""
    if (benchmark is None) != (annotations is None):
        missing = "annotations" if annotations is None else "benchmark"
        raise DataError(f"--{missing} is missing; a benchmark's name and the place of its boxes are given together")
    if benchmark is None or annotations is None:
        return None
    if benchmark not in BENCHMARKS:
        raise DataError(f"benchmark {benchmark!r} is not known; `avloc benchmarks` lists them")
    return BENCHMARKS[benchmark].read(Files(annotations))


def _opened(
    layout: str,
    source: Path,
    lists: dict[str, tuple[Path, list[str]]],
    truth: Truth | None,
    frame: int,
    moments: Moments,
) -> tuple[tuple[str, ...], Listing, Reader]:
    if layout == "folder":
        return *list_folder(source, lists, truth, frame), FolderReader(source, moments)
    if layout == "sspl":
        return *sspl.list_sspl(source, lists, truth), sspl.SsplReader(source, moments)
    return (
        *visual_context.list_visual_context(source, lists, truth, frame),
        visual_context.VisualContextReader(source, moments),
    )
