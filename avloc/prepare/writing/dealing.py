"""Divides the work: a task is a block, or a part of one if there are few, so that all processes have work."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.prepare.parts.items import Item, Reader
from avloc.prepare.writing.block import Joined, Piece, Whole
from avloc.prepare.writing.earlier import Earlier
from avloc.prepare.writing.reading import Outcome

ENOUGH = 4  # blocks per process; with fewer, they are cut into pieces
CUT = 2  # blocks per process that are cut at the end of many
PIECES = 8  # pieces per process
LARGEST = 16  # items per piece, at most

Key = tuple[int, int]  # shard, and number of the piece; WHOLE: all its items
WHOLE = -1


@dataclass(frozen=True)
class Block:
    """A block to be written. earlier: clips taken over from the existing shard."""

    shard: int
    target: Whole
    items: Sequence[Item]
    earlier: Earlier


class Dealt:
    """tasks: arguments of `write_items`, the pieces of a cut block one after the other; when all have ended, one joins them."""

    def __init__(self, blocks: Sequence[Block], reader: Reader, settings: Mapping[str, Any]) -> None:
        self.blocks = {block.shard: block for block in blocks}
        self.reader, self.settings = reader, settings
        self.tasks: deque[tuple[Key, tuple[Any, ...]]] = deque()
        self._pieces: dict[int, list[tuple[Path, list[Outcome] | None]]] = {}

    def add(self, block: Block) -> None:
        whole = (block.shard, WHOLE)
        self.tasks.append((whole, (block.target, block.items, self.reader, self.settings, block.earlier, {})))

    def cut(self, block: Block, size: int) -> None:
        self._pieces[block.shard] = []
        for number, start in enumerate(range(0, len(block.items), size)):
            path = block.target.path.with_name(f".{block.target.path.name}.piece{number:05d}")
            self._pieces[block.shard].append((path, None))
            part, earlier = block.items[start : start + size], block.earlier.part(start, start + size)
            self.tasks.append(((block.shard, number), (Piece(path), part, self.reader, self.settings, earlier, {})))

    def ended(self, key: Key, outcomes: list[Outcome]) -> None:
        """When the last piece of a block has ended, the next task joins them."""
        shard, number = key
        if number == WHOLE:
            return
        pieces = self._pieces[shard]
        pieces[number] = pieces[number][0], outcomes
        done = [(path, found) for path, found in pieces if found is not None]
        if len(done) == len(pieces):
            target = self.blocks[shard].target
            joined = Joined(target.path, target.key, done)
            items = self.blocks[shard].items
            self.tasks.appendleft(
                ((shard, WHOLE), (joined, items, self.reader, self.settings, Earlier(target.path, {}), {}))
            )


def deal(blocks: Sequence[Block], reader: Reader, settings: Mapping[str, Any], processes: int) -> Dealt:
    """Of many blocks, all but the last become tasks; a few, or the last ones, are cut. The result is the same."""
    dealt = Dealt(blocks, reader, settings)
    many = len(blocks) >= ENOUGH * processes
    whole = len(blocks) if processes < 2 else len(blocks) - CUT * processes if many else 0
    for block in blocks[:whole]:
        dealt.add(block)
    rest = blocks[whole:]
    count = sum(len(block.items) for block in rest)
    size = max(1, min(LARGEST, count // (PIECES * max(processes, 1))))
    for block in rest:
        dealt.cut(block, size)
    return dealt
