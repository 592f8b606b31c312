"""`avloc data check`: what a store holds, and what is wrong with it."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.errors import DataError

if TYPE_CHECKING:
    from avloc.data.store import Store

BATCH, NAMED = 64, 3
SILENT = 33  # of 32767: a thousandth of full scale


@dataclass(frozen=True)
class SplitCheck:
    """One split. listed, ok: lines of its list, and those that could be prepared. reasons: why others could not. clips,
    hours: of sound. classes: clips in which each sounds. boxes, annotated: boxes, and frames somebody looked at. silent,
    frozen: ids of clips whose sound never exceeds a thousandth of full scale (or whose spectrogram is one value throughout),
    whose frames are all the same. flat: ids of
    clips with a box that has no area or leaves the frame. doubles: pairs of ids with the same frames and sound.
    """

    listed: int
    ok: int
    reasons: dict[str, int]
    clips: int
    hours: float
    classes: dict[str, int]
    boxes: int
    annotated: int
    silent: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    flat: list[str] = field(default_factory=list)
    doubles: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """splits: see SplitCheck. across: "A, B" -> ids of clips of B that A holds too. problems: what is wrong, in words."""

    store: Path
    splits: dict[str, SplitCheck]
    across: dict[str, list[str]]
    problems: list[str]


def data_check(store: Path) -> Checked:
    """Read all of a store. DataError where it is none, or a shard is broken; anything else that is wrong is counted."""
    import json

    from avloc.data.store import Store

    whole = Store.open(store)
    rows = [json.loads(line) for line in (whole.path / "manifest.jsonl").read_text("utf-8").splitlines()]
    splits, content = {}, {}
    for name, clips in whole.splits.items():
        lines = [row for row in rows if row["split"] == name]
        part = whole.split(name)
        splits[name], content[name] = _split(part if clips else None, lines)
    across = _across(content)
    return Checked(whole.path, splits, across, list(_problems(splits, across)))


def _split(part: "Store | None", lines: list[dict[str, Any]]) -> tuple[SplitCheck, dict[str, str]]:
    """What is found, and the clip of each content."""
    import numpy as np

    failed = Counter(row["reason"] for row in lines if row["status"] != "ok")
    listed, ok = len(lines), sum(row["status"] == "ok" for row in lines)
    if part is None:
        return SplitCheck(listed, ok, dict(failed), 0, 0.0, {}, 0, 0), {}
    silent, frozen, doubles = [], [], []
    seen: dict[str, str] = {}
    every = np.arange(len(part))
    for start in range(0, len(part), BATCH):
        clips = every[start : start + BATCH]
        sounds = part.sounds(clips)
        frames = np.stack([part.frames(clips, np.full(len(clips), n)) for n in range(part.frames_per_clip)], axis=1)
        if part.spectrograms is None:
            quiet = np.abs(sounds.astype(np.int32)).max(1) < SILENT
        else:
            quiet = np.ptp(sounds, axis=(1, 2)) == 0
        still = (frames == frames[:, :1]).all((1, 2, 3, 4)) & (part.frames_per_clip > 1)
        for n, clip in enumerate(clips.tolist()):
            name = part.ids[clip]
            if quiet[n]:
                silent.append(name)
            if still[n]:
                frozen.append(name)
            digest = hashlib.sha256(frames[n].tobytes() + sounds[n].tobytes()).hexdigest()
            if digest in seen:
                doubles.append((seen[digest], name))
            seen.setdefault(digest, name)
    boxes = part.boxes
    left, top, right, bottom = boxes.xyxy.T if len(boxes) else np.empty((4, 0))
    wrong = ~((right > left) & (bottom > top) & (left >= 0) & (top >= 0) & (right <= 1 + 1e-6) & (bottom <= 1 + 1e-6))
    check = SplitCheck(
        listed, ok, dict(failed), len(part), round(len(part) * part.seconds / 3600, 4),
        {name: int(count) for name, count in zip(part.classes, part.labels.sum(0), strict=True)},
        len(boxes), int(part.annotated.sum()), silent, frozen, [part.ids[clip] for clip in np.unique(boxes.clip[wrong])],
        doubles,
    )  # fmt: skip
    return check, seen


def _across(content: dict[str, dict[str, str]]) -> dict[str, list[str]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for split, seen in content.items():
        for digest in seen:
            holders[digest].append(split)
    found: dict[str, list[str]] = defaultdict(list)
    for digest, splits in holders.items():
        for n, one in enumerate(splits):
            for other in splits[n + 1 :]:
                found[f"{one}, {other}"].append(content[other][digest])
    return dict(found)


def _problems(splits: dict[str, SplitCheck], across: dict[str, list[str]]) -> Iterator[str]:
    for name, split in splits.items():
        for what, ids in (
            ("have a silent sound", split.silent),
            ("have a frozen picture", split.frozen),
            ("have a box without area or outside the frame", split.flat),
            ("are the same as another clip of the split", [double for _, double in split.doubles]),
        ):
            if ids:
                yield f"{name}: {len(ids)} of {split.clips} clips {what}: {_named(ids)}"
        if not split.clips:
            yield f"{name}: no clip could be prepared"
    for pair, ids in across.items():
        yield f"{pair}: {len(ids)} clips are in both: {_named(ids)}"


def _named(ids: list[str]) -> str:
    return ", ".join(ids[:NAMED]) + (", ..." if len(ids) > NAMED else "")


def find_clip(store: Path, clip: str, split: str | None) -> tuple["Store", int]:
    """The split that holds a clip, and its number there; DataError when none does."""
    from avloc.data.store import Store

    whole = Store.open(store)
    for name in whole.splits if split is None else [split]:
        part = whole.split(name)
        if whole.splits[name] and clip in part.ids:
            return part, part.ids.index(clip)
    example = next((whole.split(name).ids[0] for name, clips in whole.splits.items() if clips), "none")
    raise DataError(f"{store}: no clip {clip!r}{f' in {split}' if split else ''}; its clips have ids such as {example}")
