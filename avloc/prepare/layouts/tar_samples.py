"""The samples of tar shards: what belongs together in one, and what it says of itself."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.errors import DataError
from avloc.prepare.layouts.sample_about import About, class_name, read_about
from avloc.prepare.layouts.tar_shards import Sample, read_index

_NUMBERED = re.compile(r"(?:(\d{1,6})\.)?(\w+)")


@dataclass
class Found:
    """A sample and where it lies. about: what it says of itself; a sample that cannot be used says why in `sample.wrong`."""

    shard: str
    split: str
    sample: Sample
    about: About
    id: str = ""


def samples_of(root: Path, shard: str, split: str, passed: Counter[str]) -> Iterator[Found]:
    """Those of one shard, and one more that stands for what could not be read of it."""
    path = root / shard
    if not path.is_file():
        yield Found(shard, split, Sample("", wrong="missing shard"), About(), shard)
        return
    index = read_index(path)
    passed.update(index.passed)
    for sample in index.samples.values():
        about = About()
        try:
            about = _about(sample)
        except DataError as error:
            sample.wrong = sample.wrong or f"broken annotation: {error}"
        yield Found(shard, split, sample, about, about.id or "")
    if index.broken:
        yield Found(shard, split, Sample("", wrong=f"broken shard: {index.broken}"), About(), shard)


def _about(sample: Sample) -> About:
    """Of KEY.json; a class in KEY.cls, or where there is neither a class a line in KEY.txt, is a label too."""
    about = read_about(sample.texts["json"]) if "json" in sample.texts else About()
    text = sample.texts.get("cls", sample.texts.get("txt", b"") if "json" not in sample.texts else b"")
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError("a class that is not UTF-8 text") from None
    about.labels = tuple(dict.fromkeys([*about.labels, *(class_name(line) for line in lines if line.strip())]))
    return about


def parts_of(sample: Sample, endings: tuple[str, ...]) -> list[tuple[int, str]]:
    """(number, ending of the member) of KEY.jpg, KEY.0.jpg, KEY.1.jpg, in order; a number that is missing is -1."""
    found = []
    for part in sample.parts:
        match = _NUMBERED.fullmatch(part)
        if match and f".{match[2]}" in endings:
            found.append((-1 if match[1] is None else int(match[1]), part))
    return sorted(found)


def first_of(sample: Sample, endings: tuple[str, ...]) -> list[Any] | None:
    """[ending, where, how many bytes] of the first member of a kind."""
    parts = parts_of(sample, endings)
    return [parts[0][1], *sample.parts[parts[0][1]]] if parts else None
