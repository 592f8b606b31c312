"""The samples of tar shards: which members belong together, and their description."""

import logging
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.errors import DataError
from avloc.prepare.layouts.sample_about import About, class_name, read_about
from avloc.prepare.layouts.tar_shards import TEXTS, Index, Sample, is_plain, read_index

logger = logging.getLogger(__name__)
_NUMBERED = re.compile(r"(?:(\d{1,6})\.)?(\w+)")


@dataclass
class Found:
    """A sample and its position. about: its description; an unusable sample has the reason in `sample.wrong`."""

    shard: str
    split: str
    sample: Sample
    about: About
    id: str = ""


def samples_of(root: Path, shard: str, split: str, passed: Counter[str]) -> Iterator[Found]:
    """The samples of one shard, and one more for the part that could not be read."""
    path = root / shard
    if not path.is_file():
        yield Found(shard, split, Sample("", wrong="missing shard"), About(), shard)
        return
    index = read_index(path)
    passed.update(index.passed)
    if not is_plain(path) and _scattered(index):
        logger.warning(
            "%s: compressed, and members of different samples alternate, so it is read from its start for each sample; "
            "decompress it first",
            path,
        )
    for sample in index.samples.values():
        about = About()
        try:
            about = _about(sample)
        except DataError as error:
            sample.wrong = sample.wrong or f"broken annotation: {error}"
        yield Found(shard, split, sample, about, about.id or "")
    if index.broken:
        yield Found(shard, split, Sample("", wrong=f"broken shard: {index.broken}"), About(), shard)


def _scattered(index: Index) -> bool:
    """Whether reading one sample after the other means going back in the file."""
    last = -1
    for sample in index.samples.values():
        starts = [start for ending, (start, _) in sample.parts.items() if ending not in TEXTS]
        if starts and min(starts) < last:
            return True
        last = max(starts, default=last)
    return False


def _about(sample: Sample) -> About:
    """From KEY.json. A class in KEY.cls, or, if there is none in either, a line in KEY.txt, is also a label."""
    about = read_about(sample.texts["json"]) if "json" in sample.texts else About()
    text = sample.texts.get("cls", sample.texts.get("txt", b"") if "json" not in sample.texts else b"")
    try:
        lines = text.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError("a class that is not UTF-8 text") from None
    about.labels = tuple(dict.fromkeys([*about.labels, *(class_name(line) for line in lines if line.strip())]))
    return about


def parts_of(sample: Sample, endings: tuple[str, ...]) -> list[tuple[int, str]]:
    """(number, suffix of the member) of KEY.jpg, KEY.0.jpg, KEY.1.jpg, in order; -1 for a name without a number."""
    found = []
    for part in sample.parts:
        match = _NUMBERED.fullmatch(part)
        if match and f".{match[2]}" in endings:
            found.append((-1 if match[1] is None else int(match[1]), part))
    return sorted(found)


def first_of(sample: Sample, endings: tuple[str, ...]) -> list[Any] | None:
    """[suffix, offset, bytes] of the first member of a kind."""
    parts = parts_of(sample, endings)
    return [parts[0][1], *sample.parts[parts[0][1]]] if parts else None
