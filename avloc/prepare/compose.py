"""`avloc prepare compose`: scenes of your own photographs and sounds, with exact ground truth."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

from avloc.errors import DataError
from avloc.options import Ask, verb
from avloc.prepare.composing.dealing import Looks, refuse_few
from avloc.prepare.composing.export import write_truth, write_videos
from avloc.prepare.composing.gathering import Folders, gather
from avloc.prepare.composing.listing import COUNTS, list_scenes, read_counts, usual_counts
from avloc.prepare.composing.pictures import PictureLayout
from avloc.prepare.composing.reader import SceneReader
from avloc.prepare.composing.scenes import Frame, Kind
from avloc.prepare.composing.sounds import SoundLayout
from avloc.prepare.composing.splitting import SHARES, read_shares
from avloc.prepare.media.container import MediaError
from avloc.prepare.parts.options import Frames, Out, Rate, Seconds, StoreKind
from avloc.prepare.parts.recipe import moments_of
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.build import Prepared, build_store
from avloc.prepare.writing.store_folder import USUAL

logger = logging.getLogger(__name__)

BLOCK = 64  # scenes a shard
FEW = 5000  # training clips; with fewer, fixed pairs of picture and sound could be memorised


@verb
def prepare_compose(
    pictures: Annotated[Path, "photographs by class: class folders, COCO, Pascal VOC, Open Images, PNGs with alpha"],
    sounds: Annotated[Path, "sounds by class: class folders, ESC-50, FSD50K, UrbanSound8K or VGGSound"],
    out: Out = Path("data/composed"),
    classes: Annotated[
        Path | None, "table class,picture,sound that defines the classes; default: match equal names"
    ] = None,
    backgrounds: Annotated[Path | None, "pictures to put objects on; default: generated backgrounds"] = None,
    silent: Annotated[Path | None, "class folders of pictures of objects that never sound"] = None,
    noise: Annotated[Path | None, "class folders of sounds that nothing in view ever makes"] = None,
    groups: Annotated[
        Path | None, "table file,group of files that must stay in the same part, such as one person's"
    ] = None,
    splits: Annotated[Sequence[str], "PART=SHARE of all photographs and recordings; may be repeated"] = SHARES,
    count: Annotated[Sequence[str], "PART:KIND=NUMBER of scenes; may be repeated"] = COUNTS,
    seed: Annotated[int, "seed for the parts and the scenes"] = 0,
    seconds: Seconds = 3.0,
    size: Annotated[int, "side of a scene in pixels"] = 256,
    rate: Rate = 16000,
    area: Annotated[str, "LOW:HIGH share of the frame that an object takes up"] = "0.07:0.33",
    level: Annotated[str, "LOW:HIGH loudness of a clip, RMS in dB of full scale"] = "-28:-14",
    short: Annotated[
        Literal["pad", "repeat"], "what to do with short sounds: pad them with silence or repeat them"
    ] = "pad",
    min: Annotated[int, "minimum number of photographs and recordings of each class in each part", Ask(least=1)] = 4,
    whole: Annotated[bool, "show photographs with marked objects unchanged, as in VPO"] = False,
    picture_layout: Annotated[PictureLayout, "layout of the pictures"] = "auto",
    sound_layout: Annotated[SoundLayout, "layout of the sounds"] = "auto",
    masks: Annotated[bool, "store the pixels of cut-outs too; scores then use these pixels"] = False,
    train_anew: Annotated[bool, "pair pictures and sounds of a class anew in each training epoch"] = False,
    export_truth: Annotated[
        bool, "write the ground truth of all splits but training as JSON, to score any model's heat maps"
    ] = False,
    videos: Annotated[Path | None, "folder for an mp4 file of each clip, except those for training"] = None,
    motion: Annotated[
        Literal["still", "moving"], "whether the picture of these videos is still or moves slowly"
    ] = "still",
    frames: Frames = "jpeg",
    store: StoreKind = "hdf5",
    **work: Unpack[Scale],
) -> Prepared:
    """Scenes of your own photographs and sounds, with exact ground truth. docs/data/compose.md

    Kinds: whole (a picture fills the frame), solo (one source, up to two silent objects), pair (one sounds, one of another
    class is silent), duet (both sound), mosaic (four pictures, two sound), interactive (a pair with each of its sounds),
    absent (nothing in view sounds). Each photograph, recording and background is used in only one part.
    """
    if size < 32 or size % 2 or seed < 0:
        raise DataError(
            f"size is {size}, seed {seed}; expected an even size of at least 32 pixels, and a seed of 0 or more"
        )
    moments = moments_of(size, rate, seconds)
    frame = Frame(size, rate, moments.samples, _range("area", area, 0.001, 0.5), _range("level", level, -80, -3))
    shares = read_shares(splits)
    asked = tuple(count) != COUNTS
    counts = read_counts(count, list(shares)) if asked else usual_counts(count, list(shares))
    folders = Folders(
        pictures,
        sounds,
        silent,
        noise,
        backgrounds,
        classes,
        groups,
        picture_layout=picture_layout,
        sound_layout=sound_layout,
    )
    found = gather(folders, shares, seed, whole)
    parts = [part for part in shares if any(part == asked for asked, _ in counts)]
    refuse_few(found.pools, found.classes, parts, min)
    looks = Looks(found.roots, rate)
    looks.bad |= {file: ("", MediaError(file, why)) for file, why in found.left_out.items()}
    listing = list_scenes(counts, found.pools, frame, looks, seed, min, asked, found.photographs, work.get("progress"))
    _warn_of_few(counts, train_anew)
    settings: dict[str, Any] = {
        "data": "composed",
        "classes": list(found.classes),
        "rate": rate,
        "seconds": frame.seconds,
        "samples": frame.samples,
        "frames_per_clip": 1,
        "size": size,
        "frames": frames,
        "store": store,
        "seed": seed,
        "parts": shares,
        "short": short,
        "whole": whole,
        "pairs": "anew" if train_anew else "stored",
        **{name: value for name, value in (("masks", masks), ("area", area), ("level", level)) if value != USUAL[name]},
    }
    reader = SceneReader(found.roots, found.classes, frame, short == "repeat", masks)
    prepared = build_store(out, pictures, listing, reader, settings, block=BLOCK, **work)
    if prepared.shard is None:
        shown = [split for split in listing.splits if not split.startswith("train")]
        if export_truth:
            write_truth(out, shown)
        if videos is not None:
            write_videos(out, shown, videos, motion == "moving", work.get("jobs"), work.get("progress"))
    return prepared


def _range(option: str, text: str, least: float, most: float) -> tuple[float, float]:
    low, colon, high = text.partition(":")
    try:
        found = float(low), float(high)
    except ValueError:
        found = 1.0, 0.0
    if not (colon and least <= found[0] <= found[1] <= most):
        raise DataError(f"{option} is {text!r}; expected LOW:HIGH within {least:g} to {most:g}")
    return found


def _warn_of_few(counts: Mapping[tuple[str, Kind], int], anew: bool) -> None:
    train = sum(number for (part, _), number in counts.items() if part.startswith("train"))
    if 0 < train < FEW and not anew:
        logger.warning(
            "%d training clips with fixed pairs of picture and sound can be memorised; --train-anew pairs them anew in "
            "each epoch",
            train,
        )
