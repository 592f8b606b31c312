"""How a map comes about: what predictive coding hears where, cycle by cycle."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.moments import Moment
from avloc.drawing.panels import Picture, Row, panel
from avloc.drawing.pictures import heat_picture, value_range
from avloc.drawing.sets import heading


def cycles_panel(title: str, shown: Sequence[Moment], maps: NDArray[np.floating]) -> bytes:
    """A row for each moment, a picture for the initialisation and for each cycle, as PNG; maps: (n, T + 1, h, w).

    The pictures of a row share one scale, so that one sees a map grow.
    """
    return panel(f"{title}: maps over the cycles", [_row(*both) for both in zip(shown, maps, strict=True)])


def _row(moment: Moment, maps: NDArray[np.floating]) -> Row:
    limits = value_range(maps)
    pictures = []
    for cycle, heat in enumerate(maps):
        title = f"Cycle {cycle}" if cycle else "Initialisation"
        words = "lowest {:.3g}, highest {:.3g}".format(*value_range(heat))
        image = heat_picture(moment.frame, heat, limits)
        pictures.append(Picture(title, image, words, f"{title}: map over the frame, {words}"))
    return Row(f"{heading(moment)}   {moment.choice.id}", pictures)
