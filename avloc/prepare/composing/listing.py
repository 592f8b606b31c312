"""The recipes of all clips, as a listing for `build_store`; unusable sources are listed as failed."""

import logging
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from avloc.errors import DataError
from avloc.naming import brief, unknown, whole
from avloc.prepare.composing.dealing import Dealer, Looks
from avloc.prepare.composing.natural import Marked, NaturalScenes
from avloc.prepare.composing.scenes import KINDS, Frame, Kind, Scenes, TooFew
from avloc.prepare.composing.splitting import Parts
from avloc.prepare.parts.items import Entry, Item, Listing
from avloc.progress import Progress, untold

logger = logging.getLogger(__name__)

MOST = 10_000_000  # clips of a kind in a part
COUNTS = (
    "train:whole=650", "train:solo=650", "train:mosaic=500",
    "validation:solo=150", "validation:pair=150",
    "test:whole=300", "test:solo=300", "test:pair=300", "test:duet=300", "test:mosaic=300", "test:interactive=150",
    "test:absent=300",
)  # fmt: skip


def read_counts(texts: Sequence[str], parts: Sequence[str]) -> dict[tuple[str, Kind], int]:
    """ "PART:KIND=COUNT" in the given order; DataError for a part that --splits does not have."""
    counts: dict[tuple[str, Kind], int] = {}
    for text in texts:
        where, equals, number = text.partition("=")
        part, colon, name = where.partition(":")
        if not (equals and colon and (amount := whole(number, MOST))):
            raise DataError(
                f"count {brief(repr(text))}: expected PART:KIND=COUNT, such as test:pair=300, of 1 to {MOST:,} clips"
            )
        if part not in parts:
            raise DataError(
                f"count {text!r}: {part!r} is not one of the parts {', '.join(parts)}; add it with --splits"
            )
        kind = next((one for one in KINDS if one == name), None)
        if kind is None:
            raise DataError(f"count {text!r}: {unknown('kind', name, KINDS)}")
        if (part, kind) in counts:
            raise DataError(f"count {text!r}: {where} is given twice")
        counts[part, kind] = amount
    if not counts:
        raise DataError("count is empty; expected PART:KIND=COUNT, such as test:pair=300")
    return counts


def usual_counts(texts: Sequence[str], parts: Sequence[str]) -> dict[tuple[str, Kind], int]:
    """Of the default counts, those whose part is in --splits; the others are logged. DataError if there are none."""
    known = list(dict.fromkeys(text.partition(":")[0] for text in texts))
    there = [part for part in known if part in parts]
    if not there:
        raise DataError(
            f"splits {', '.join(parts)}: without --count, scenes are made for the parts {', '.join(known)}; "
            f"name kinds with --count, such as --count {parts[0]}:pair=300"
        )
    if left := [part for part in known if part not in parts]:
        logger.warning("left out: scenes for %s, which --splits does not name", " and ".join(left))
    if more := [part for part in parts if part not in known]:
        logger.warning("no scenes for %s; --count makes some, such as --count %s:pair=300", " and ".join(more), more[0])
    return read_counts([text for text in texts if text.partition(":")[0] in there], parts)


def list_scenes(
    counts: Mapping[tuple[str, Kind], int],
    pools: Mapping[str, Parts],
    frame: Frame,
    looks: Looks,
    seed: int,
    least: int,
    asked: bool = True,
    photographs: Mapping[str, Marked] | None = None,
    tell: Progress | None = None,
) -> Listing:
    """A split PART_KIND for each count. A scene depends on the seed, its split, its number and the earlier scenes of
    its split: no file is used again before all have been used.

    asked: a kind with too few classes is an error instead of being left out. photographs: the marked objects of each,
    if scenes are whole photographs.
    """
    items: dict[str, Item] = {}
    splits: dict[str, list[Entry]] = {}
    total, done, told = sum(counts.values()), 0, tell or untold
    for (part, kind), count in counts.items():
        split = f"{part}_{kind}"
        dealer = Dealer(pools, looks, part, split, seed, least)
        try:
            if photographs is None:
                scenes = Scenes(kind, frame, dealer, looks.roots)
            else:
                scenes = NaturalScenes(kind, frame, dealer, looks.roots, photographs)
        except TooFew as error:
            if asked:
                raise
            logger.warning("left out: %s", str(error).partition(";")[0])
            continue
        splits[split] = []
        for number in range(count):
            name = f"{split}_{number:06d}"
            random = np.random.default_rng([seed, zlib.crc32(split.encode()), number])
            recipe = scenes.draw(name, random)
            items[name] = _item(name, part, kind, seed, recipe)
            splits[split].append(Entry(name))
            done += 1
            if done % 50 == 0:
                told(done, total, "reading pictures and sounds")
    if not splits:
        raise DataError(
            "nothing to compose: no kind of scene is possible; add more classes, or name kinds with --count"
        )
    for file, (split, why) in looks.bad.items():
        items[file] = Item(file, file, {"unusable": [why.reason, why.detail]})
        splits[split if split in splits else next(iter(splits))].append(Entry(file))
    return Listing(items, splits)


def _item(name: str, part: str, kind: Kind, seed: int, recipe: dict[str, Any]) -> Item:
    """The recipe is in the manifest too, except for masks, which can be long."""
    note: dict[str, Any] = {"part": part, "kind": kind, "seed": seed}
    if kind == "interactive":
        note["scene"] = name
    for key, value in recipe.items():
        note[key] = [_short(one) for one in value] if isinstance(value, list) else value
    shown = recipe["picture"] if "picture" in recipe else recipe["objects"][0]
    return Item(name, shown["file"], recipe, note)


def _short(part: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key != "mask"}
