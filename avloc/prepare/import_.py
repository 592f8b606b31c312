"""`avloc prepare import`: data that was prepared for a published program into a store."""

from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.options import verb
from avloc.prepare.layouts import coarse_to_fine, dsol, dsol_levels, dsol_mosaics, sspl, visual_context, webdataset
from avloc.prepare.layouts.coarse_to_fine_labels import keep_labels
from avloc.prepare.layouts.frames_and_sounds import FolderReader, list_folder
from avloc.prepare.layouts.shard_names import exported, of_clips
from avloc.prepare.layouts.webdataset_reader import WebdatasetReader
from avloc.prepare.parts.decoding import Decoding
from avloc.prepare.parts.id_lists import read_lists
from avloc.prepare.parts.items import Listing, Reader
from avloc.prepare.parts.marks import read_truth
from avloc.prepare.parts.moments import Moments
from avloc.prepare.parts.options import Benchmark, Boxes, Channel, Lists, Out, Repair, Short, Source, StoreKind
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store

#: rate (Hz) and seconds of a layout's sounds; None: files of any rate and length
LAYOUTS: dict[str, tuple[int | None, float | None]] = {
    "folder": (None, 10.0),
    "sspl": (sspl.RATE, sspl.SECONDS),
    "visual-context": (visual_context.RATE, visual_context.SECONDS),
    "dsol": (None, None),
    "coarse-to-fine": (coarse_to_fine.RATE, None),
    "webdataset": (None, 3.0),
}
Ids = dict[str, tuple[Path, list[str]]]  # of each split, with the file that lists them
Opened = tuple[tuple[str, ...], Listing, Reader, dict[str, Any]]  # and settings of the store


@verb
def prepare_import(
    source: Source,
    layout: Annotated[
        Literal["folder", "sspl", "visual-context", "dsol", "coarse-to-fine", "webdataset"],
        "layout of the data, see above",
    ],
    out: Out,
    lists: Lists = (),
    benchmark: Benchmark = None,
    annotations: Boxes = None,
    seconds: Annotated[float | None, "seconds of sound stored, from the middle; default: the layout's"] = None,
    rate: Annotated[int | None, "sampling rate of the stored sound in Hz; default: the layout's, or 16000"] = None,
    frame: Annotated[int, "which frame to use if there are several (layouts folder and visual-context)"] = 7,
    short: Short = "fail",
    size: Annotated[int | None, "side of the stored frames in pixels; default: 256, or as in an exported store"] = None,
    frames: Annotated[
        Literal["jpeg", "raw"] | None, "how frames are stored; default: jpeg, or as in an exported store"
    ] = None,
    store: StoreKind = "hdf5",
    repair: Repair = 0.1,
    channels: Channel = "mean",
    **work: Unpack[Scale],
) -> Prepared:
    """Data prepared for a published program, or frames and sounds in two folders.

    Each name becomes a clip with one frame and the middle of its sound; DSOL's and AVE's videos give a clip for each
    second.

    \b
    folder          video_frames/ID/007.jpg, frames/ID.jpg or images/ID.jpg,
                    and audios/ID.wav or audio/ID.wav
    sspl            10k_unlabeled, 144k_unlabeled, 5k_labeled
    visual-context  SPLIT_images.lmdb, SPLIT_audios.lmdb
    dsol            audio_frames/STEM/000.pkl and video_frames/STEM/frame_000,
                    or the folders of MUSIC-synthetic
    coarse-to-fine  Video.h5, Spec.h5, and Roi.h5, labels_a.npy, labels_v.npy
                    if they exist
    webdataset      tar files of KEY.jpg or KEY.mp4, KEY.wav, KEY.json; SOURCE
                    is a folder, a file, or shards-{000..009}.tar

    If there are spectrograms but no sounds, the store contains spectrograms, and only methods that use the same
    spectrograms can read it. Without --lists the splits are those of the layout. Items that cannot be used are
    counted with the reason.
    """
    told = exported(source) if layout == "webdataset" else {}
    size, frames = told.get("size", 256) if size is None else size, frames or told.get("frames", "jpeg")
    if size < 8:
        raise DataError(f"size is {size}; expected at least 8 pixels")
    fixed, length = LAYOUTS[layout]
    if rate is None:
        rate = fixed or told.get("rate", 16_000)
    if fixed not in (None, rate):
        raise DataError(f"rate is {rate}, but the sounds of layout {layout} are stored at {fixed} Hz; leave out --rate")
    if length is None and seconds is not None:
        raise DataError(
            f"seconds is {seconds}, but the files of layout {layout} fix the length of clips; leave out --seconds"
        )
    seconds = told.get("seconds", length or 1.0) if seconds is None else seconds
    if rate < 1000 or not 1 <= seconds * rate < 1e8:
        raise DataError(f"rate is {rate} Hz and seconds {seconds}; expected at least 1000 Hz and more than 0 s")
    if fixed is not None and length is not None and seconds > length:
        raise DataError(
            f"seconds is {seconds}, but the sounds of layout {layout} have {length}; expected as many or fewer"
        )
    truth = read_truth(benchmark, annotations)
    decoding = Decoding(repair, channels=channels)
    moments = Moments(size, rate, round(seconds * rate), short, decoding=decoding)
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
        "votes": told.get("votes", 1) if truth is None else truth.votes,
        **held,
        **decoding.settings(),
    }
    root = reader.root if isinstance(reader, WebdatasetReader) else source
    prepared = build_store(out, root, listing, reader, settings, **work)
    if layout == "coarse-to-fine" and prepared.shard is None:  # available once parts are merged and this is run again
        keep_labels(source, out)
    return prepared


def _opened(layout: str, source: Path, lists: Ids, truth: Truth | None, frame: int, moments: Moments) -> Opened:
    if layout == "webdataset":
        found = webdataset.list_webdataset(source, lists, truth)
        form: dict[str, Any] = {"frames_per_clip": found.frames, **of_clips(found.told)}
        form |= {"masks": True} if found.masks else {}
        return found.classes, found.listing, WebdatasetReader(found.root, moments, found.frames), form
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


def _dsol(source: Path, lists: Ids, truth: Truth | None, moments: Moments) -> Opened:
    if not source.is_dir():
        raise DataError(f"{source}: no such folder; {dsol.LAYOUT}")
    spectrograms = {"samples": 0, "sound": dsol_levels.HELD.to_json()}
    if dsol.is_frame_tree(source):
        classes, listing, taken = dsol.list_dsol(source, lists, truth)
        form = {"frames_per_clip": dsol.FRAMES, **(spectrograms if taken else {})}
        reader: Reader = dsol.DsolReader(source, moments)
    else:
        classes, listing = dsol_mosaics.list_mosaics(source, lists, truth)
        form, taken, reader = spectrograms, True, dsol_mosaics.MosaicReader(source, moments)
    if taken and moments.rate != dsol_levels.RATE:
        raise DataError(
            f"rate is {moments.rate}, but DSOL's spectrograms are for {dsol_levels.RATE} Hz; leave out --rate"
        )
    return classes, listing, reader, form
