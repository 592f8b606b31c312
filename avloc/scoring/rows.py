"""Rows of results that are kept as columns: a row is made when it is asked for.

A result has a row for each clip and for each video, and scoring with all protocols gives many results. As dictionaries, the
rows of 50,000 clips would need more memory than their heat maps.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from avloc.annotations.truth import Truth

Row = dict[str, Any]


@dataclass(eq=False, repr=False)
class ClipRows(Sequence[Row]):
    """The rows of some clips, to be read like a list of dictionaries. A row is made anew each time, so changing it does
    not change the result.
    """

    ids: Sequence[str]  # of all N clips
    videos: Sequence[str]
    clips: NDArray[np.int32]  # (R,) which of them have a row
    #: columns by name, in the order of the keys: a value for each row (R,), and which rows have one; None for all of them
    columns: dict[str, tuple[NDArray, NDArray[np.bool_] | None]] = field(default_factory=dict)
    #: values that only a few rows have, by the name of the column before them, and by row
    after: dict[str, dict[int, Row]] = field(default_factory=dict)

    def add(self, name: str, values: NDArray, there: NDArray[np.bool_] | None = None) -> None:
        """Add a column. there: the rows that have a value; None for all of them."""
        if there is None or there.any():
            self.columns[name] = values, None if there is None or there.all() else there

    def __len__(self) -> int:
        return len(self.clips)

    @overload
    def __getitem__(self, place: int) -> Row: ...

    @overload
    def __getitem__(self, place: slice) -> list[Row]: ...

    def __getitem__(self, place: int | slice) -> Row | list[Row]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(len(self)))]
        number = range(len(self))[place]  # counts from the end, and raises IndexError beyond it
        clip = int(self.clips[number])
        row: Row = {"id": self.ids[clip], "video": self.videos[clip]}
        for name, (values, there) in self.columns.items():
            if there is None or there[number]:
                row[name] = values[number].item()
            row |= self.after.get(name, {}).get(number, {})
        return row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __repr__(self) -> str:
        return repr(list(self))


def rows_of_scores(truth: Truth, clips: NDArray[np.int64], scores: NDArray[np.float64], missing: NDArray) -> ClipRows:
    """A row for each of some clips (R,) with its score, and whether its prediction is missing (R,) if it is."""
    rows = ClipRows(truth.ids, truth.videos, clips.astype(np.int32))
    rows.add("ciou", scores)
    rows.add("missing", missing, missing)
    return rows


class Groups(Mapping[str, Row]):
    """The rows of groups, such as videos, to be read like a dictionary of dictionaries.

    places: the place of each group in the columns, by name, in order; several results share it.
    columns: a value for each group (G,), by key.
    """

    def __init__(self, places: Mapping[str, int], columns: dict[str, NDArray]) -> None:
        self.places, self.columns = places, columns

    def __getitem__(self, name: str) -> Row:
        place = self.places[name]
        return {key: values[place].item() for key, values in self.columns.items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)

    def __repr__(self) -> str:
        return repr(dict(self))
