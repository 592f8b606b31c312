"""How the work is dealt: a task is a block, or where there are few of them a part of one, so that all processes have work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from avloc.prepare.parts.items import Item, Reader
from avloc.prepare.writing.block import Assembly, Piece, Whole
from avloc.prepare.writing.earlier import Earlier
from avloc.prepare.writing.reading import Outcome

ENOUGH = 4  # blocks for each process, or the last ones are cut
CUT = 2  # blocks for each process that are cut at the end of many
PIECES = 8  # for each process, of what is cut
LARGEST = 16  # items of a piece

Key = tuple[int, int]  # shard, and number of the piece; -1: the whole


@dataclass(frozen=True)
class Block:
    """A block that is to be written. earlier: what is taken over from the shard that is there."""

    shard: int
    target: Whole
    items: Sequence[Item]
    earlier: Earlier


@dataclass
class Dealt:
    """tasks: arguments of `write_items`, those of a cut block one after the other."""

    blocks: Mapping[int, Block]
    settings: Mapping[str, Any]
    tasks: dict[Key, tuple[Any, ...]] = field(default_factory=dict)
    _pieces: dict[int, list[tuple[int, Path]]] = field(default_factory=dict)
    _waiting: dict[int, dict[int, list[Outcome]]] = field(default_factory=dict)
    _begun: dict[int, Assembly] = field(default_factory=dict)

    def finished(self, key: Key, outcomes: list[Outcome]) -> list[Outcome] | None:
        """What became of all items of a block, once its last task has ended. Pieces join their shard in their order."""
        shard, number = key
        if number < 0:
            return outcomes
        waiting, pieces = self._waiting.setdefault(shard, {}), self._pieces[shard]
        waiting[number] = outcomes
        if shard not in self._begun:
            self._begun[shard] = Assembly(self.blocks[shard].target, self.settings)
        while pieces and pieces[0][0] in waiting:
            number, path = pieces.pop(0)
            self._begun[shard].take(path, waiting.pop(number))
        return None if pieces else self._begun.pop(shard).finish()

    def close(self) -> None:
        """Give up the shards that are not whole."""
        while self._begun:
            self._begun.popitem()[1].give_up()

    def cut(self, block: Block, reader: Reader, size: int) -> None:
        self._pieces[block.shard] = []
        for number, start in enumerate(range(0, len(block.items), size)):
            stop = start + size
            path = block.target.path.with_name(f".{block.target.path.name}.piece{number:05d}")
            self._pieces[block.shard].append((number, path))
            earlier = block.earlier.part(start, stop)
            part = block.items[start:stop]
            self.tasks[block.shard, number] = (Piece(path), part, reader, self.settings, earlier, {})


def deal(blocks: Sequence[Block], reader: Reader, settings: Mapping[str, Any], processes: int) -> Dealt:
    """Of many blocks all but the last are tasks; few, or the last ones, are cut. What is written is the same."""
    dealt = Dealt({block.shard: block for block in blocks}, settings)
    many = len(blocks) >= ENOUGH * processes
    whole = len(blocks) if processes < 2 else len(blocks) - CUT * processes if many else 0
    for block in blocks[:whole]:
        dealt.tasks[block.shard, -1] = (block.target, block.items, reader, settings, block.earlier, {})
    rest = blocks[whole:]
    count = sum(len(block.items) for block in rest)
    size = max(1, min(LARGEST, count // (PIECES * max(processes, 1))))
    for block in rest:
        dealt.cut(block, reader, size)
    return dealt
