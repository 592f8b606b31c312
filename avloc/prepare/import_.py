"""`avloc prepare import`: data that was prepared for a published program into a store."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from avloc.annotations.truth import Truth
from avloc.data.store_settings import FRAMES, refuse_other
from avloc.errors import DataError
from avloc.prepare.layouts import coarse_to_fine, dsol, dsol_mosaics, sspl, visual_context
from avloc.prepare.layouts.coarse_to_fine_labels import keep_labels
from avloc.prepare.layouts.frames_and_sounds import FolderReader, list_folder
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.items import Listing, Reader
from avloc.prepare.parts.marks import read_truth
from avloc.prepare.parts.moments import SHORT, Moments, read_lists
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

#: rate (Hz) and seconds that a layout's sounds have; None: they are files of any rate, clips as long as the files say
LAYOUTS: dict[str, tuple[int | None, float | None]] = {
    "folder": (None, 10.0),
    "sspl": (sspl.RATE, sspl.SECONDS),
    "visual-context": (visual_context.RATE, visual_context.SECONDS),
    "dsol": (None, None),
    "coarse-to-fine": (coarse_to_fine.RATE, None),
}
Lists = dict[str, tuple[Path, list[str]]]
Opened = tuple[tuple[str, ...], Listing, Reader, dict[str, Any]]  # and settings of the store


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
    repair: float = 0.1,
    channels: str = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """One clip for each name, of one frame and the middle of its sound, into the store `out`; of DSOL's and AVE's videos a
    clip for each second.

    layout: "folder" (frames and sounds as files), "sspl" (its HDF5 trees), "visual-context" (its LMDB folders), "dsol" (its
    folders of frames and spectrogram pickles) or "coarse-to-fine" (its HDF5 files). Where the last two hold spectrograms, so
    does the store, and only methods that listen alike read it. lists: "SPLIT=FILE", ids one a line; without them the splits
    are what the layout has. benchmark, annotations: whose boxes the clips get, and where they lie. seconds, rate (Hz): of the
    kept sound, the layout's where None. frame: which of a clip's numbered frames (layouts folder and visual-context). short:
    "fail" counts sounds that are shorter than `seconds`, "repeat" repeats them, as the published loaders do. size: pixels.
    frames: "jpeg" or "raw". store: "hdf5" or "lmdb".
    repair, channels: see `Decoding`. work: see `avloc.prepare.pool.scale.Work`. Items that cannot be used are counted
    with a reason.
    """
    if layout not in LAYOUTS:
        raise DataError(f"layout is {layout!r}; expected one of {', '.join(LAYOUTS)}")
    refuse_other("short", short, SHORT)
    refuse_other("frames", frames, FRAMES)
    if size < 8:
        raise DataError(f"size is {size}; expected at least 8 pixels")
    fixed, length = LAYOUTS[layout]
    if rate is None:
        rate = fixed or 16_000
    if fixed not in (None, rate):
        raise DataError(f"rate is {rate}, but the sounds of layout {layout} are stored at {fixed} Hz; leave --rate out")
    if length is None and seconds is not None:
        raise DataError(
            f"seconds is {seconds}, but clips of layout {layout} are as long as its files say; leave it out"
        )
    seconds = (length or 1.0) if seconds is None else seconds
    if rate < 1000 or not 1 <= seconds * rate < 1e8:
        raise DataError(f"rate is {rate} Hz and seconds {seconds}; expected at least 1000 Hz and more than 0 s")
    if fixed is not None and length is not None and seconds > length:
        raise DataError(
            f"seconds is {seconds}, but the sounds of layout {layout} have {length}; expected as many or fewer"
        )
    source, out = Path(source), Path(out)
    truth = read_truth(benchmark, annotations)
    decoding = Decoding(repair, channels=channels)
    moments = Moments(size, rate, round(seconds * rate), short == "repeat", decoding=decoding)
    classes, listing, reader, held = _opened(layout, source, read_lists(lists), truth, frame, moments)
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
        **held,
        **decoding.settings(),
    }
    prepared = build_store(out, source, listing, reader, settings, **work)
    if layout == "coarse-to-fine" and prepared.shard is None:  # of parts, once they are merged and this is run again
        keep_labels(source, out)
    return prepared


def _opened(layout: str, source: Path, lists: Lists, truth: Truth | None, frame: int, moments: Moments) -> Opened:
    if layout == "folder":
        return *list_folder(source, lists, truth, frame), FolderReader(source, moments), {}
    if layout == "sspl":
        return *sspl.list_sspl(source, lists, truth), sspl.SsplReader(source, moments), {}
    if layout == "visual-context":
        listed = visual_context.list_visual_context(source, lists, truth, frame)
        return *listed, visual_context.VisualContextReader(source, moments), {}
    if layout == "coarse-to-fine":
        classes, listing, rows = coarse_to_fine.list_coarse_to_fine(source, lists, truth)
        form = {"seconds": rows.length, "samples": 0, "sound": rows.spectrograms.to_json()}
        return classes, listing, coarse_to_fine.CoarseToFineReader(source, moments), form
    return _dsol(source, lists, truth, moments)


def _dsol(source: Path, lists: Lists, truth: Truth | None, moments: Moments) -> Opened:
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; {dsol.LAYOUT}")
    spectrograms = {"samples": 0, "sound": dsol.HELD.to_json()}
    if dsol.is_frame_tree(source):
        classes, listing, taken = dsol.list_dsol(source, lists, truth)
        form = {"frames_per_clip": dsol.FRAMES, **(spectrograms if taken else {})}
        reader: Reader = dsol.DsolReader(source, moments)
    else:
        classes, listing = dsol_mosaics.list_mosaics(source, lists, truth)
        form, taken, reader = spectrograms, True, dsol_mosaics.MosaicReader(source, moments)
    if taken and moments.rate != dsol.RATE:
        raise DataError(f"rate is {moments.rate}, but DSOL's spectrograms are of {dsol.RATE} Hz; leave --rate out")
    return classes, listing, reader, form
