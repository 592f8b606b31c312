"""`avloc data check`: the contents of a store, and its problems."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.errors import DataError
from avloc.leftovers import Join
from avloc.naming import counted, some
from avloc.options import POSITIONAL, verb

if TYPE_CHECKING:
    from avloc.data.store import Store
    from avloc.prepare.writing.checking import Looked

NO_SOUND = {"no sound track", "no sound", "missing sound"}


@dataclass(frozen=True)
class SplitCheck:
    """One split. listed, ok: lines of its list, and those that could be prepared. reasons: why others could not. clips,
    hours: of sound. classes: clips in which each sounds. boxes, annotated: number of boxes, and of annotated frames.
    no_sound: listed items without any sound. silent: ids of clips whose sound never exceeds a thousandth of full scale,
    or whose spectrogram is constant. frozen: ids of clips whose frames are all equal, or, if clips have one frame,
    those of a video whose clips all show the same. flat: ids of clips with a box that has no area or leaves the frame.
    doubles: pairs of ids with the same frames and sound. masks: pixel masks of objects. silent_frames: annotated frames
    in which nothing is marked as sounding. hollow: ids of clips with a mask without pixels. verified, bare: items whose
    content matches the SHA-256 in the manifest, items without one (of earlier versions). changed: ids of items whose
    content does not match or is unreadable. repaired, left_out: see `Prepared`. mended: ids of items that were
    repaired, or lost a clip.
    """

    listed: int
    ok: int
    reasons: dict[str, int]
    clips: int
    hours: float
    classes: dict[str, int]
    boxes: int
    annotated: int
    no_sound: int = 0
    silent: list[str] = field(default_factory=list)
    frozen: list[str] = field(default_factory=list)
    flat: list[str] = field(default_factory=list)
    doubles: list[tuple[str, str]] = field(default_factory=list)
    verified: int = 0
    bare: int = 0
    changed: list[str] = field(default_factory=list)
    masks: int = 0
    silent_frames: int = 0
    hollow: list[str] = field(default_factory=list)
    repaired: dict[str, float] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)
    mended: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Checked:
    """splits: see SplitCheck. across: "A, B" -> ids of clips of B that are also in A. files: "train, test" -> files
    that composed clips of both parts were made of. broken: shards that are missing or unreadable, with the reason;
    their clips are only in the counts of the lists. shard: "2/8" if the store is a part. problems: descriptions.
    unmatched: names of lists, labels and boxes without a match when it was prepared.
    """

    store: Path
    splits: dict[str, SplitCheck]
    across: dict[str, list[str]]
    broken: list[str]
    shard: str | None
    problems: list[str]
    files: dict[str, list[str]] = field(default_factory=dict)
    unmatched: Sequence[Join] = ()


@verb
def data_check(store: Annotated[Path, "a prepared store", POSITIONAL]) -> Checked:
    """Count what a store contains and report problems; exit status 1 if there are any.

    The whole store is read once. Reported are silent sounds, frozen pictures, boxes without area, clips that appear
    twice in a split or in two splits, splits without clips, invalid settings and manifest lines,
    shards that are missing or broken or whose reading hangs, and items whose SHA-256 is not the one in the manifest.
    Repairs, and names that had no match when the store was prepared, are listed but do not count as errors.
    """
    from avloc.data.manifest import read_manifest
    from avloc.data.scenes import shared_files
    from avloc.data.store import Store
    from avloc.prepare.writing.checking import across, read_shards
    from avloc.prepare.writing.store_folder import unmatched_of

    try:
        whole = Store.open(store)
    except DataError as error:
        if not (store / "store.json").is_file():
            raise
        return Checked(store, {}, {}, [], None, [str(error)])
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in whole.splits}
    for row in read_manifest(whole.path / "manifest.jsonl", whole.splits)[0]:
        rows[row["split"]].append(row)
    looked, broken = read_shards(whole)
    splits, seen = {}, {}
    for name in whole.splits:
        splits[name], seen[name] = _split(whole, looked, rows[name])
    doubles = across(seen)
    shared = shared_files(row for own in rows.values() for row in own)
    problems = [*broken.values(), *_problems(splits, doubles, whole.settings.get("shard"))]
    problems += [
        f"{pair}: {counted(len(files), 'file is', 'files are')} in both: {some(files)}"
        for pair, files in shared.items()
    ]
    shard, unmatched = whole.settings.get("shard"), unmatched_of(whole.settings)
    return Checked(whole.path, splits, doubles, list(broken.values()), shard, problems, shared, unmatched)


def _split(
    store: "Store", looked: Mapping[tuple[int, int], "Looked"], lines: list[dict[str, Any]]
) -> tuple[SplitCheck, dict[bytes, str]]:
    """Results of a split, and the clip of each content."""
    import numpy as np

    from avloc.prepare.writing.checking import Found
    from avloc.prepare.writing.repairs import left_out_of, tallied

    failed = Counter(row["reason"] for row in lines if row["status"] != "ok")
    listed, ok = len(lines), sum(row["status"] == "ok" for row in lines)
    no_sound = sum(count for reason, count in failed.items() if reason in NO_SOUND)
    reasons = dict(failed.most_common())
    mends: dict[str, Any] = {
        "repaired": tallied(lines),
        "left_out": left_out_of(lines),
        "mended": [row["id"] for row in lines if "repaired" in row or "left_out" in row],
    }
    found, clips, boxes, masks, annotated, silent_frames = Found(), 0, 0, 0, 0, 0
    labels = np.zeros(len(store.classes), np.int64)
    for row in lines:
        item = looked.get((row["shard"], row["row"])) if row["status"] == "ok" else None
        if item is not None:
            found.add(row, item)
            clips, boxes, masks = clips + len(row["clips"]), boxes + item.boxes, masks + item.masks
            annotated, silent_frames = annotated + item.annotated, silent_frames + item.silent_frames
            labels += item.labels
    if not clips:
        return SplitCheck(listed, ok, reasons, 0, 0.0, {}, 0, 0, no_sound, **mends), {}
    check = SplitCheck(
        listed, ok, reasons, clips, round(clips * store.seconds / 3600, 4),
        dict(zip(store.classes, labels.tolist(), strict=True)), boxes, annotated, no_sound, found.silent, found.frozen,
        found.flat, found.doubles, found.verified, found.bare, found.changed, masks, silent_frames, found.hollow,
        **mends,
    )  # fmt: skip
    return check, found.seen


def _problems(splits: dict[str, SplitCheck], across: dict[str, list[str]], shard: str | None) -> Iterator[str]:
    for name, split in splits.items():
        for what, ids in (
            ("have a silent sound", split.silent),
            ("have a frozen picture", split.frozen),
            ("have a box without area or outside the frame", split.flat),
            ("have a mask without any pixel", split.hollow),
            ("are the same as another clip of the split", [double for _, double in split.doubles]),
        ):
            if ids:
                yield f"{name}: {len(ids)} of {split.clips} clips {what}: {some(ids)}"
        if split.changed:
            changed = counted(len(split.changed), "item has changed since it was", "items have changed since they were")
            yield f"{name}: {changed} prepared (another SHA-256, or broken): {some(split.changed)}"
        # otherwise its shards are unreadable, which is reported above
        if not split.clips and not split.ok and shard is None:
            yield f"{name}: has no clips"
    for pair, ids in across.items():
        yield f"{pair}: {counted(len(ids), 'clip is', 'clips are')} in both: {some(ids)}"


def find_clip(store: Path, clip: str, split: str | None) -> tuple["Store", int]:
    """The split that contains a clip, and its index there; DataError if none does."""
    from avloc.data.store import Store

    whole = Store.open(store)
    for name in whole.splits if split is None else [split]:
        part = whole.split(name)
        if whole.splits[name] and clip in part.ids:
            return part, part.ids.index(clip)
    near = (
        name
        for part in whole.splits
        for name in whole.split(part).ids
        if name.startswith(clip) or clip.startswith(name)
    )
    if clip and (likely := next(near, None)) is not None:
        raise DataError(f"{store}: no clip {clip!r}{f' in {split}' if split else ''}; did you mean {likely!r}?")
    example = next((whole.split(name).ids[0] for name, clips in whole.splits.items() if clips), "none")
    raise DataError(f"{store}: no clip {clip!r}{f' in {split}' if split else ''}; its clips have ids such as {example}")
