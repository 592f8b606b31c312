"""How the work is dealt: a task is a block, or where there are few of them a part of one, so that all processes have work."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.prepare.parts.items import Item, Reader
from avloc.prepare.writing.block import Joined, Piece, Whole
from avloc.prepare.writing.earlier import Earlier
from avloc.prepare.writing.reading import Outcome

ENOUGH = 4  # blocks for each process, or the last ones are cut
CUT = 2  # blocks for each process that are cut at the end of many
PIECES = 8  # for each process, of what is cut
LARGEST = 16  # items of a piece

Key = tuple[int, int]  # shard, and number of the piece; WHOLE: of all its items
WHOLE = -1


@dataclass(frozen=True)
class Block:
    """A block that is to be written. earlier: what is taken over from the shard that is there."""

    shard: int
    target: Whole
    items: Sequence[Item]
    earlier: Earlier


class Dealt:
    """tasks: arguments of `write_items`, those of a cut block one after the other; once all have ended, one that joins them."""

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
        """When the last piece of a block is there, the next task joins them."""
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
    """Of many blocks all but the last are tasks; few, or the last ones, are cut. What is written is the same."""
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
