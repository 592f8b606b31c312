"""Frame folders and spectrogram pickles as DSOL's scripts write them.

DTaoo/Discriminative-Sounding-Objects-Localization@7f40207:

audio_frames/STEM/SSS.pkl, the log-mel (201, 64) of a whole second; video_frames/STEM/frame_SSS/CCCCC.jpg, up to four
frames of it. Each second that has both becomes a clip. Pickles are parsed, not executed: anything but one array of
numbers is an error. If every listed video has a sound file (audio/STEM.wav or .flac), the waveforms are used instead.
"""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.audioset import DSOL_CLASSES
from avloc.annotations.pickles import read_plain_pickle
from avloc.annotations.truth import Truth
from avloc.data.clip import Box, Clip
from avloc.endings import SOUNDS, STILLS
from avloc.errors import DataError
from avloc.files import file_size
from avloc.joins import sorted_out
from avloc.leftovers import joined
from avloc.naming import some
from avloc.prepare.layouts.dsol_levels import read_levels
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import hear_file
from avloc.prepare.parts.account import UNHEARD, UNSEEN, Account
from avloc.prepare.parts.id_lists import entries, list_names
from avloc.prepare.parts.inside import OUTSIDE, inside
from avloc.prepare.parts.items import REFUSED, Clips, Entry, Item, Listing
from avloc.prepare.parts.marks import UNNAMED, by_video, of_clip
from avloc.prepare.parts.moments import Moments, read_picture, refuse_ambiguous
from avloc.prepare.parts.music_lists import read_labels
from avloc.prepare.parts.names import one_of
from avloc.walking import listed, visible

logger = logging.getLogger(__name__)

FRAMES = 4
LEVELS, SEEN, HEARD = ("audio_frames", "wav_frames"), "video_frames", ("audio", "audios", "wav", "wavs", ".")
LAYOUT = (
    "expected audio_frames/STEM/000.pkl and video_frames/STEM/frame_000/00000.jpg, or folders with audio/NAME.pkl and "
    "video/NAME.jpg"
)


def is_frame_tree(root: Path) -> bool:
    return (root / SEEN).is_dir()


def list_dsol(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None
) -> tuple[tuple[str, ...], Listing, bool]:
    """The classes, a split for each list (without lists all videos are "all"), and whether spectrograms are used.

    Classes come from MUSIC_*_videos.json in `root`, from LIST_label.pkl beside a list, or from the annotation.
    """
    levels = next((root / name for name in LEVELS if (root / name).is_dir()), None)
    sounds = _sounds(root)
    if levels is None and not sounds:
        raise DataError(f"{root}: frames, but neither audio_frames nor sounds in audio; {LAYOUT}")
    there = listed(levels) if levels is not None else [stem for stem in sounds if (root / SEEN / stem).is_dir()]
    given = {split: entries(file, names) for split, (file, names) in lists.items()}
    splits = given or {"all": [Entry(name) for name in sorted(there)]}
    names = list(dict.fromkeys(entry.item for own in splits.values() for entry in own))
    if not _by_levels(root, levels, names, sounds):
        levels = None
    classes, labels = _labels(root, lists, truth)
    boxes, quiet, joins = by_video(truth, names)
    items, missing, several = dict[str, Item](), set[str](), dict[str, tuple[str, ...]]()
    for name in names:
        if inside(root, name) is None:
            items[name] = Item(name, name, {REFUSED: OUTSIDE})
            continue
        seconds = _seconds(root / SEEN / name, levels and levels / name)
        paths = one_of(root, sounds.get(name, [])) if levels is None else []
        sound = paths[0] if len(paths) == 1 else None
        facts: dict[str, Any] = {
            "levels": f"{levels.name}/{name}" if levels is not None else None,
            "sound": sound,
            "bytes": file_size(root / sound) if sound else None,
            "seconds": seconds,
            "labels": (own := labels.get(name) or labels.get(name[:11]) or []),
            "boxes": {within: of_clip(rows, own, classes) for within, rows in boxes.get(name, {}).items()},
            **({"silent": quiet[name]} if name in quiet else {}),
        }
        if len(paths) > 1:
            several[name] = tuple(paths)
            facts["ambiguous"] = paths[:2]
        elif not seconds or (sound is None and levels is None):
            missing.add(name)
        items[name] = Item(name, f"{SEEN}/{name}", facts)
    found = sorted_out(names, missing, several, sorted({*there, *sounds} - set(names)))
    join = joined(
        list_names(lists) or SEEN, found, "videos lack their frames or sounds", aside="videos are not in any list"
    )
    return classes, Listing(items, splits, (join, *joins)), levels is not None


def _by_levels(root: Path, levels: Path | None, names: list[str], sounds: Mapping[str, object]) -> bool:
    """Whether spectrograms are used: there are some, and not every listed video has a sound file; a warning if some have."""
    without = [name for name in names if name not in sounds]
    if levels is None or not without:
        return False
    if len(without) < len(names):
        few = f"{len(names) - len(without)} of {len(names)} listed videos have a sound file"
        logger.warning("%s: %s (%s has none); spectrograms are used for all", root, few, without[0])
    return True


def _sounds(root: Path) -> dict[str, list[str]]:
    """Stem -> paths in `root`."""
    found: dict[str, list[str]] = {}
    for folder in HEARD:
        for name in listed(root / folder):
            stem, ending = os.path.splitext(name)
            if ending.lower() in SOUNDS:
                found.setdefault(stem, []).append(os.path.normpath(os.path.join(folder, name)))
    return found


def _seconds(frames: Path, levels: Path | None) -> list[int]:
    """The seconds with a folder of frames, and with a spectrogram if these are used; named by three digits, from 1000 on by
    four."""
    seen = {name[6:] for name in listed(frames) if name.startswith("frame_")}
    if levels is not None:
        seen &= {name[:-4] for name in listed(levels) if name.endswith(".pkl")}
    return sorted(int(second) for second in seen if second.isdecimal() and second == f"{int(second):03d}")


def _labels(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None
) -> tuple[tuple[str, ...], dict[str, list[int]]]:
    """Class names, and the classes of each video by its id."""
    named: dict[str, list[str]] = {}
    if any(root.glob("MUSIC_*_videos.json")):
        named = {video: list(names) for video, names in read_labels(root).items()}
    known = tuple(sorted({name for names in named.values() for name in names}))
    for file, _ in lists.values():
        beside = file.with_name(f"{file.stem}_label.pkl")
        if file.suffix == ".pkl" and beside.is_file():
            named |= _label_vectors(beside)
            known = DSOL_CLASSES
    classes = (truth.classes if truth is not None else ()) or known
    strange = sorted({name for names in named.values() for name in names} - set(classes))
    if strange:
        raise DataError(f"{root}: the labels have the class {strange[0]!r}, the annotation has {some(classes, 8)}")
    return classes or UNNAMED, {video: sorted(map(classes.index, names)) for video, names in named.items()}


def _label_vectors(path: Path) -> dict[str, list[str]]:
    """LIST_label.pkl of AudioSet-instrument: {id: vector of 13}, whose largest entry is the class."""
    table = read_plain_pickle(path)
    try:
        vectors = {str(name): np.asarray(vector, float).reshape(len(DSOL_CLASSES)) for name, vector in table.items()}
    except (AttributeError, TypeError, ValueError):
        raise DataError(f"{path}: expected {{id: vector}} of the {len(DSOL_CLASSES)} classes") from None
    return {name: [DSOL_CLASSES[int(vector.argmax())]] for name, vector in vectors.items()}


@dataclass(frozen=True)
class DsolReader:
    """Clips of whole seconds with the first four frames of each; if there are fewer, the last one is repeated."""

    root: Path
    moments: Moments

    def read(self, item: Item) -> Clips:
        facts = item.facts
        refuse_ambiguous(item.path, facts)
        if facts["levels"] is None and facts["sound"] is None:
            raise MediaError(item.path, "missing sound", "neither a spectrogram nor a sound file")
        if not (self.root / item.path).is_dir():
            raise MediaError(item.path, "missing frame", "no folder of this name", bool(facts["seconds"]))
        rate, channels, read = self.moments.rate, self.moments.decoding.channels, 0
        heard = None if facts["sound"] is None else hear_file(self.root / facts["sound"], rate, channels)
        account = Account([] if heard is None else [heard], None, self.moments.decoding)
        for second in facts["seconds"]:
            names, clip = self._names(f"{item.path}/frame_{second:03d}"), f"{item.id}/{second:03d}"
            if not names or (heard is not None and second >= heard.clips(rate)):
                why = (UNHEARD, "the sound ends before it") if names else (UNSEEN, "its folder has no frame")
                account.leave_out(clip, float(second), *why)
                continue
            if not account.keep(clip, float(second), 1.0, ()):
                continue
            read += 1
            yield self._clip(item, second, names[:FRAMES], None if heard is None else heard.cut(second * rate, rate))
        if not read:
            few = MediaError(item.path, "too short", "no second has both frames and sound")
            raise account.refusal(item.path, few)
        return account.notes()

    def _names(self, folder: str) -> list[str]:
        try:
            return sorted(
                name for name in os.listdir(self.root / folder) if visible(name) and name.lower().endswith(STILLS)
            )
        except OSError as error:
            raise MediaError(folder, "missing frame", str(error.strerror), passing=True) from None

    def _clip(self, item: Item, second: int, names: list[str], waveform: NDArray[np.int16] | None) -> Clip:
        folder, boxes = f"frame_{second:03d}", item.facts["boxes"]
        frames = [self.moments.square(read_picture(self.root, f"{item.path}/{folder}/{name}")) for name in names]
        # AudioSet's boxes belong to a second, those of MUSIC to a frame
        marks, quiet = (
            [
                rows.get(f"{folder}/{name}", rows.get(str(second)) if not pick else None)
                for pick, name in enumerate(names)
            ]
            for rows in (boxes, item.facts.get("silent", {}))
        )
        lacking = FRAMES - len(names)
        keys = [f"{item.id}/{folder}/{name}" for name in names]
        if boxes.get(str(second)) is not None and f"{folder}/{names[0]}" not in boxes:
            keys[0] = f"{item.id}/{second}"
        found = [
            Box((x1, y1, x2, y2), pick, label, sounds)
            for every, sounds in ((marks, True), (quiet, False))
            for pick, rows in enumerate(every)
            for x1, y1, x2, y2, label in rows or ()
        ]
        return Clip(
            id=f"{item.id}/{second:03d}",
            video=item.id,
            split="",
            start=float(second),
            frames=np.stack(frames + frames[-1:] * lacking),
            frame_keys=(*keys, *("" for _ in range(lacking))),
            waveform=np.empty(0, np.int16) if waveform is None else waveform,
            labels=tuple(
                sorted({*item.facts["labels"], *(box.label for box in found if box.sounding and box.label >= 0)})
            ),
            boxes=tuple(found),
            annotated=(*(rows is not None for rows in marks), *(False for _ in range(lacking))),
            spectrogram=None
            if waveform is not None
            else read_levels(self.root, f"{item.facts['levels']}/{second:03d}.pkl"),
        )
