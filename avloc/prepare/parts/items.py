"""What a data set provides: items in a fixed order, splits that list them, and a reader that makes clips of an item."""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from avloc.data.clip import Clip
from avloc.leftovers import Join


@dataclass(frozen=True)
class Item:
    """One video, or one recipe of a composed clip.

    id: unique in the store.
    path: the file to show in the manifest, relative to the source.
    facts: everything that the reader needs, as JSON; a block is prepared again if the facts of one of its items change.
    note: further fields of the manifest, as JSON.
    """

    id: str
    path: str
    facts: Mapping[str, Any]
    note: Mapping[str, Any] = field(default_factory=dict)


#: key of the fact that excludes an item from reading; its value is the reason
REFUSED = "refused"


def was_there(item: Item) -> bool:
    """Whether an item had files when it was listed; if so, a failure now means that they were removed since.

    facts["bytes"], if a recipe has them, are the sizes of its files, None for a missing one.
    """
    sizes = item.facts.get("bytes")
    if REFUSED in item.facts:
        return False
    return not isinstance(sizes, list) or any(size is not None for size in sizes) or bool(item.facts.get("folder"))


@dataclass(frozen=True)
class Entry:
    """One line of a split: the item, and where it is listed ("solo_testing.txt:3")."""

    item: str
    where: str = ""


@dataclass(frozen=True)
class Listing:
    """All items by id, each to be read once, and for each split its entries in order; splits may share items.

    joins: how names matched files. passed: files that are not media, by suffix.
    """

    items: Mapping[str, Item]
    splits: Mapping[str, list[Entry]]
    joins: Sequence[Join] = ()
    passed: Counter[str] = field(default_factory=Counter)


#: the type of a reader that returns notes besides its clips
Clips = Generator[Clip, None, Mapping[str, Any] | None]


class Reader(Protocol):
    """Makes the clips of one item. It is sent to worker processes, so it must be picklable."""

    def read(self, item: Item) -> Iterator[Clip]:
        """At least one clip; MediaError if the item cannot be used; clips before the error are dropped.

        A generator may return notes: further fields for the item's line of the manifest (see `Account`), or None.
        """
