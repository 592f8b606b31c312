"""What a data set brings: items in a fixed order, splits that list them, and a reader that makes clips of an item."""

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
    path: what a reader of the manifest should look at, relative to the source.
    facts: everything the reader needs, as JSON; a block is prepared again when the facts of one of its items change.
    note: further fields of the manifest, as JSON.
    """

    id: str
    path: str
    facts: Mapping[str, Any]
    note: Mapping[str, Any] = field(default_factory=dict)


#: a fact of an item that is not to be read at all: the reason
REFUSED = "refused"


def was_there(item: Item) -> bool:
    """Whether anything of an item was there when it was listed: what fails now has then gone away since.

    facts["bytes"], where a recipe has them, are the sizes of its files, None for a file that is not there.
    """
    sizes = item.facts.get("bytes")
    if REFUSED in item.facts:
        return False
    return not isinstance(sizes, list) or any(size is not None for size in sizes) or bool(item.facts.get("folder"))


@dataclass(frozen=True)
class Entry:
    """One line of a split: which item, and where that is said ("solo_testing.txt:3")."""

    item: str
    where: str = ""


@dataclass(frozen=True)
class Listing:
    """All items by id, each to be read once, and for each split its entries in order; splits may share items.

    joins: what came of names that met files. passed: files that are no media, by ending.
    """

    items: Mapping[str, Item]
    splits: Mapping[str, list[Entry]]
    joins: Sequence[Join] = ()
    passed: Counter[str] = field(default_factory=Counter)


#: what a reader is that has something to say besides its clips
Clips = Generator[Clip, None, Mapping[str, Any] | None]


class Reader(Protocol):
    """Makes the clips of one item. Travels to worker processes, so it must be picklable."""

    def read(self, item: Item) -> Iterator[Clip]:
        """At least one clip; MediaError where the item cannot be used, if after some clips, then they are left out.

        A generator may return notes: further fields for the item's line of the manifest (see `Account`), or None.
        """
