"""Splits sources into train, validation and test, in whole groups, so that nothing is in two parts."""

from collections.abc import Mapping, Sequence

import numpy as np

from avloc.errors import DataError
from avloc.prepare.composing.groups import Pool
from avloc.prepare.composing.sources import Source

Parts = dict[str, dict[str, list[Source]]]  # part -> name -> sources
SHARES = ("train=0.6", "validation=0.15", "test=0.25")


def read_shares(texts: Sequence[str]) -> dict[str, float]:
    """ "PART=SHARE" of all sources; DataError unless the shares add up to 1."""
    shares: dict[str, float] = {}
    for text in texts:
        part, equals, number = text.partition("=")
        try:
            share = float(number)
        except ValueError:
            share = -1.0
        if not (equals and part.isidentifier() and 0 < share <= 1) or part in shares:
            raise DataError(f"splits {text!r}: expected PART=SHARE, such as train=0.6, each part once")
        shares[part] = share
    if not 0.999 < sum(shares.values()) < 1.001:
        total = sum(shares.values())
        raise DataError(f"splits {' '.join(texts)}: the shares add up to {total:g}; expected 1")
    return shares


def split_up(pool: Pool, shares: Mapping[str, float], known: dict[str, str], seed: int, in_order: bool) -> Parts:
    """Each name's sources dealt to the parts by their shares, whole groups at a time.

    known: the part of each group that already has one; it is extended. in_order: neighbours, which often show one
    person or place, mostly stay together, starting from a random one; otherwise groups are shuffled.
    """
    parts: Parts = {part: {} for part in shares}
    for name, own in sorted(pool.items(), key=lambda item: (len(item[1]), item[0])):
        groups: dict[str, list[Source]] = {}
        for source in own:
            groups.setdefault(source.group, []).append(source)
        _deal(groups, shares, known, seed, in_order)
        for group, members in groups.items():
            parts[known[group]].setdefault(name, []).extend(members)
    return parts


def _deal(
    groups: Mapping[str, Sequence[Source]],
    shares: Mapping[str, float],
    known: dict[str, str],
    seed: int,
    in_order: bool,
) -> None:
    total = sum(map(len, groups.values()))
    missing = {part: share * total for part, share in shares.items()}
    for group, members in groups.items():
        if group in known:
            missing[known[group]] -= len(members)
    left = [group for group in groups if group not in known]
    random = np.random.default_rng([seed, len(left)])
    if in_order and left:
        first = int(random.integers(len(left)))
        left = left[first:] + left[:first]
    else:
        # large groups first: it is easier to fit small ones in afterwards
        shuffled = [left[number] for number in random.permutation(len(left))]
        left = sorted(shuffled, key=lambda group: -len(groups[group]))
    for group in left:
        size = len(groups[group])
        most = max(missing, key=lambda part: missing[part])
        room = [part for part in missing if missing[part] > 0.5 * size]
        known[group] = room[0] if in_order and room else most
        missing[known[group]] -= size
