"""Several maps of one frame in a row: cycle by cycle, or node by node."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.moments import Moment
from avloc.drawing.panels import Picture, Row, panel
from avloc.drawing.pictures import heat_picture, value_range
from avloc.drawing.sets import row_heading

TOGETHER = 8  # nodes per row


def cycles_panel(title: str, shown: Sequence[Moment], maps: NDArray[np.floating]) -> bytes:
    """One row per moment, with a picture for the initialisation and for each cycle, as PNG; maps: (n, T + 1, h, w).

    The pictures of a row share one scale, which shows how a map grows.
    """
    titles = ["Initialisation", *(f"Cycle {cycle}" for cycle in range(1, maps.shape[1]))]
    rows = [
        Row(row_heading(moment), _pictures(moment, titles, heats, value_range(heats), 256))
        for moment, heats in zip(shown, maps, strict=True)
    ]
    return panel(f"{title}: maps over the cycles", rows)


def nodes_panel(title: str, shown: Sequence[Moment], maps: NDArray[np.floating]) -> bytes:
    """Rows for each moment, with a picture of each node's map of the frame (without sound), as PNG; maps: (n, K, h, w).

    The pictures of a moment share one scale, which shows the nodes that respond to this frame.
    """
    titles = [f"Node {number}" for number in range(maps.shape[1])]
    rows = []
    for moment, heats in zip(shown, maps, strict=True):
        pictures = _pictures(moment, titles, heats, value_range(heats), 160)
        for start in range(0, len(pictures), TOGETHER):
            rows.append(Row("" if start else row_heading(moment), pictures[start : start + TOGETHER]))
    return panel(f"{title}: maps of the nodes, without sound", rows)


def _pictures(
    moment: Moment, titles: Sequence[str], heats: NDArray[np.floating], limits: tuple[float, float], size: int
) -> list[Picture]:
    pictures = []
    for title, heat in zip(titles, heats, strict=True):
        words = "lowest {:.3g}, highest {:.3g}".format(*value_range(heat))
        image = heat_picture(moment.frame, heat, limits, size)
        pictures.append(Picture(title, image, words, f"{title}: map over the frame, {words}"))
    return pictures
