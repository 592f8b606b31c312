"""SSPL's HDF5 trees: a file of frames and one of sounds, row by row. zjsong/SSPL@d1af4c7.

Sounds were normalized when the trees were made (lowest sample -1, highest almost 1); the method's view normalizes
again, which changes them by less than 0.1 %.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avloc.annotations.files import id_list
from avloc.annotations.truth import Truth
from avloc.data.clip import Clip
from avloc.errors import DataError
from avloc.prepare.layouts.hdf5_rows import read_row, shape_of
from avloc.prepare.media.container import MediaError
from avloc.prepare.media.sound import to_int16
from avloc.prepare.parts.id_lists import entries
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.prepare.parts.marks import Marks
from avloc.prepare.parts.moments import Moments

RATE, SECONDS = 16_000, 3.0
_FRAME, _SOUND = (256, 256, 3), (48_000,)
LAYOUT = "expected 10k_unlabeled or 144k_unlabeled with h5py_train_frames_*.h5, or 5k_labeled/Data/h5py_test_frames.h5"
_TEST = "vggss_test_4692.csv"


def list_sspl(
    root: Path, lists: Mapping[str, tuple[Path, list[str]]], truth: Truth | None
) -> tuple[tuple[str, ...], Listing]:
    """The splits train_10k, train_144k and test, if they exist; training rows are named by number.

    The rows of the test set are those of vggss_test_4692.csv, or of the list named test.
    """
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; {LAYOUT}")
    if strange := [split for split in lists if split != "test"]:
        raise DataError(f"{root}: a list for {strange[0]!r}, but only the test rows have names; give --lists test=FILE")
    items: dict[str, Item] = {}
    splits: dict[str, list[Entry]] = {}
    for size, files in (("10k", [""]), ("144k", [f"_{n}" for n in range(1, 11)])):
        folder = root / f"{size}_unlabeled"
        if not folder.is_dir():
            continue
        splits[f"train_{size}"] = []
        for number in files:
            pair = tuple(folder / f"h5py_train_{kind}_{size}{number}.h5" for kind in ("frames", "audios"))
            rows = _rows(pair, "train")
            names = [f"{size}{number}/{row:05d}" for row in range(rows)]
            items.update({name: _item(root, name, pair, "train", row) for row, name in enumerate(names)})
            splits[f"train_{size}"] += [Entry(name, f"{pair[0].name}:{row}") for row, name in enumerate(names)]
    data = root / "5k_labeled" / "Data"
    if (data / "h5py_test_frames.h5").exists():
        pair = data / "h5py_test_frames.h5", data / "h5py_test_audios.h5"
        table = lists.get("test") or _own_list(root)
        rows, (file, names) = _rows(pair, "test"), table
        if rows != len(names):
            raise DataError(f"{pair[0]}: {rows} rows, but {file} lists {len(names)} clips; expected one row for each")
        splits["test"] = entries(file, names)
    marks = Marks(truth, {"test": splits.get("test", [])})
    for row, entry in enumerate(splits.get("test", ())):
        own = marks.facts(entry.item), marks.notes(entry.item)
        items[entry.item] = _item(root, entry.item, pair, "test", row, *own)
    if not splits:
        raise DataError(f"{root}: not SSPL's files; {LAYOUT}")
    return marks.classes, Listing(items, splits, marks.joins)


def _own_list(root: Path) -> tuple[Path, list[str]]:
    if not (root / _TEST).is_file():
        raise DataError(f"{root}: no {_TEST} with the names of the test rows; give --lists test=FILE")
    return root / _TEST, id_list(root / _TEST)


def _item(
    root: Path,
    name: str,
    pair: tuple[Path, ...],
    kind: str,
    row: int,
    facts: dict | None = None,
    note: dict | None = None,
) -> Item:
    frames, sounds = (str(path.relative_to(root)) for path in pair)
    made = {"frames": frames, "sounds": sounds, "kind": kind, "row": row, **(facts or {})}
    return Item(name, f"{frames}:{row}", made, note or {})


def _rows(pair: tuple[Path, ...], kind: str) -> int:
    """Rows of a pair of files, after checking that both have the published form."""
    counts = []
    for path, name, shape in zip(pair, (f"{kind}_frames", f"{kind}_audios"), (_FRAME, _SOUND), strict=True):
        if not path.is_file():
            raise DataError(f"{path}: missing; expected one file of frames and one of sounds")
        found = shape_of(path, name, f"(it holds {{}}); expected (N, {', '.join(map(str, shape))})")
        if found[1:] != shape:
            raise DataError(f"{path}: {name} has the shape {found}; expected (N, {', '.join(map(str, shape))})")
        counts.append(found[0])
    if counts[0] != counts[1]:
        raise DataError(f"{pair[0]}: {counts[0]} rows, but {pair[1].name} has {counts[1]}; expected the same number")
    return counts[0]


@dataclass(frozen=True)
class SsplReader:
    root: Path
    moments: Moments

    def read(self, item: Item) -> Iterator[Clip]:
        facts = item.facts
        kind, row = facts["kind"], facts["row"]
        picture = read_row(self.root / facts["frames"], f"{kind}_frames", row, item.path)
        sound = read_row(self.root / facts["sounds"], f"{kind}_audios", row, item.path)
        if not picture.any() and not sound.any():
            raise MediaError(item.path, "empty row", "all zeros: a list that ended early")
        yield self.moments.clip(item.id, item.path, facts, picture.astype(np.uint8), to_int16(sound))
