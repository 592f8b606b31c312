"""The files about one input: NAME.json, NAME.csv and NAME.h5, written as results arrive, in little memory."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.engine.found_boxes import FoundBox, run_lengths
from avloc.engine.moving_overlay import Scale
from avloc.engine.windows import Moment
from avloc.files import replacing
from avloc.plain_json import plain_json

FORMAT, VERSION = "avloc.predict", 1
BEGINNING = f'{{\n "format": "{FORMAT}",\n'
COLUMNS = ("time", "silent", "sounding", "level_dbfs", "class", "heard", "score", "left", "top", "right", "bottom")


@dataclass(frozen=True)
class Kept:
    """A Moment for later: its maps merged into one, and the masks of its boxes as run lengths."""

    moment: Moment
    masks: tuple[dict[str, Any] | None, ...]


def kept(moment: Moment) -> Kept:
    masks = tuple(None if box.mask is None else run_lengths(box.mask) for box in moment.boxes)
    boxes = tuple(replace(box, mask=None) for box in moment.boxes)
    return Kept(replace(moment, maps=moment.heat[None], boxes=boxes), masks)


def marked(one: Kept, scale: Scale) -> list[tuple[FoundBox, dict[str, Any] | None]]:
    """The boxes of a moment that are drawn, with their masks; none if nothing sounds."""
    if not one.moment.shown:
        return []
    strong = set(map(id, scale.strong(one.moment.boxes)))
    return [(box, mask) for box, mask in zip(one.moment.boxes, one.masks, strict=True) if id(box) in strong]


def write_found_json(path: Path, about: Mapping[str, Any], moments: Iterator[Kept], scale: Scale) -> None:
    """A head, then a line for each moment; docs/predict.md explains the keys."""
    head = {"format": FORMAT, "version": VERSION, **about}
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write("{\n")
        for key, value in head.items():
            file.write(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)},\n")
        file.write(' "moments": [')
        for number, one in enumerate(moments):
            file.write(",\n  " if number else "\n  ")
            file.write(json.dumps(_told(one, scale), ensure_ascii=False))
        file.write("\n ]\n}\n")


def read_head(path: Path) -> dict[str, Any]:
    """The head of such a file, without reading the moments. ValueError for any other file."""
    with open(path, encoding="utf-8") as file:
        lines = [file.read(len(BEGINNING))]
        for line in file if lines[0] == BEGINNING else ():
            if line.startswith(' "moments": ['):
                head = plain_json("".join(lines).rstrip().removesuffix(",") + "}")
                if head.get("version") == VERSION:
                    return dict(head)
                break
            lines.append(line)
    raise ValueError(f"{path}: not written by avloc predict")


def _told(one: Kept, scale: Scale) -> dict[str, Any]:
    moment = one.moment
    told: dict[str, Any] = {
        "time": moment.time,
        "level": moment.level,
        "silent": moment.silent,
        "sounding": moment.sounding if not moment.silent else False,
    }
    if moment.shown:
        row, column = np.unravel_index(int(moment.heat.argmax()), moment.heat.shape)
        height, width = moment.heat.shape
        told["score"] = _rounded(moment.heat.max())
        told["peak"] = [_rounded((column + 0.5) / width), _rounded((row + 0.5) / height)]
    told["boxes"] = []
    for box, mask in marked(one, scale):
        entry: dict[str, Any] = {"box": [_rounded(edge) for edge in box.box], "score": _rounded(box.score)}
        if box.name is not None:
            entry["class"] = box.name
        entry["sounding"] = box.sounding
        if mask is not None:
            entry["mask"] = mask
        told["boxes"].append(entry)
    return told


def write_found_table(path: Path, moments: Iterator[Kept], scale: Scale) -> None:
    """A row for each box, and one for each moment without a box."""
    with (
        replacing(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="", errors="backslashreplace") as f,
    ):
        table = csv.writer(f, lineterminator="\n")
        table.writerow(COLUMNS)
        for one in moments:
            moment = one.moment
            verdict = "no" if moment.silent else {True: "yes", False: "no", None: ""}[moment.sounding]
            begin = [f"{moment.time:g}", "yes" if moment.silent else "no", verdict, f"{moment.level:.1f}"]
            boxes = marked(one, scale)
            for box, _ in boxes:
                edges = [f"{edge:.4f}" for edge in box.box]
                heard = "yes" if box.sounding else "no"
                table.writerow([*begin, box.name or "", heard, f"{box.score:.4g}", *edges])
            if not boxes:
                table.writerow([*begin, *[""] * 7])


class MapsFile:
    """Heat maps that are written as they arrive, in the format of `avloc evaluate --predictions`."""

    def __init__(self, path: Path, name: str, classes: Sequence[str] | None) -> None:
        from avloc.new_hdf5 import NewHdf5
        from avloc.sealed_hdf5 import BLOCK

        self._file = NewHdf5(path, BLOCK)
        self._name, self._classes = name, classes
        self._ids: list[str] = []
        self._maps: Any = None
        self._silent = 0  # moments before the first map, whose shape is unknown until then

    def add(self, moment: Moment) -> None:
        self._ids.append(f"{self._name}@{moment.time:g}")
        if self._maps is None and moment.silent:
            self._silent += 1
            return
        if self._maps is None:
            self._begin(moment.maps.shape)
        self._maps.resize(len(self._ids), axis=0)
        self._maps[-1] = 0 if moment.silent else moment.maps
        self._file.check()

    def _begin(self, shape: tuple[int, ...]) -> None:
        self._maps = self._file.create_dataset(
            "maps", (self._silent, *shape), np.float32, maxshape=(None, *shape), chunks=(1, *shape), fillvalue=0
        )

    def finish(self, attributes: Mapping[str, Any]) -> None:
        import h5py

        if self._maps is None:
            self._begin((len(self._classes or "1"), 1, 1))
        text = h5py.string_dtype("utf-8")
        self._file.create_dataset("ids", data=self._ids, dtype=text)
        if self._classes is not None:
            self._file.create_dataset("classes", data=list(self._classes), dtype=text)
        for key, value in attributes.items():
            self._file.attrs[key] = value

    def close(self) -> None:
        self._file.close()


@contextmanager
def maps_file(
    path: Path, name: str, classes: Sequence[str] | None, attributes: Mapping[str, Any]
) -> Iterator[MapsFile]:
    """Written atomically."""
    from avloc.sealed_hdf5 import seal

    with replacing(path) as temporary:
        file = MapsFile(temporary, name, classes)
        try:
            yield file
            file.finish(attributes)
        finally:
            file.close()
        seal(temporary)


def _rounded(value: float | NDArray[Any]) -> float:
    return round(float(value), 4)
