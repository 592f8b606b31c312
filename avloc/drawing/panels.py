"""Figures of many pictures: rows of clips with a heading each; every picture is shown pixel by pixel."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from avloc.drawing.charts import canvas, clean
from avloc.drawing.colours import LIGHT, Colour, Image, Theme, css

GAP, MARGIN, TITLE, HEADING, CAPTION, LEGEND = 10, 16, 40, 24, 32, 28  # px
LINE = 44  # characters per line of a caption under a picture 256 px wide


@dataclass(frozen=True)
class Picture:
    """One picture with its texts. title: a few words. caption: explanation. alt: text alternative."""

    title: str
    image: Image
    caption: str
    alt: str


@dataclass(frozen=True)
class Row:
    """heading: of a clip; may be empty."""

    heading: str
    pictures: Sequence[Picture]


def panel(title: str, rows: Sequence[Row], legend: Sequence[tuple[str, Colour]] = (), theme: Theme = LIGHT) -> bytes:
    """Rows of pictures under their headings, with titles above and captions below, as PNG bytes."""
    sizes = [[(picture.image.shape[1], picture.image.shape[0]) for picture in row.pictures] for row in rows]
    widest = max([sum(width + GAP for width, _ in row) - GAP for row in sizes if row] + [480])
    headings = [HEADING if row.heading else 0 for row in rows]
    heights = [
        above + HEADING + max(height for _, height in row) + CAPTION + GAP
        for above, row in zip(headings, sizes, strict=True)
    ]
    per_line = max(1, int(widest // (9 * max([len(clean(name)) for name, _ in legend] + [8]) + 30)))
    legend_height = LEGEND * -(-len(legend) // per_line)
    width, height = widest + 2 * MARGIN, TITLE + legend_height + sum(heights) + MARGIN
    with canvas(width, height, theme, scale=1) as (figure, written):

        def text(x: float, y: float, words: str, size: float, bold: bool = False, colour: str = theme.text) -> None:
            weight, place = "bold" if bold else "normal", (x / width, 1 - y / height)
            figure.text(*place, clean(words), fontsize=size, fontweight=weight, color=colour, va="top")

        text(MARGIN, 12, title, 13, bold=True)
        for number, (name, colour) in enumerate(legend):
            line, place = divmod(number, per_line)
            x, y = MARGIN + place * (widest // per_line), TITLE + line * LEGEND + 4
            _patch(figure, (x / width, 1 - (y + 14) / height, 22 / width, 12 / height), css(colour))
            text(x + 28, y, name, 9.5)
        y = TITLE + legend_height
        for row, row_sizes, above, row_height in zip(rows, sizes, headings, heights, strict=True):
            text(MARGIN, y + 5, row.heading, 10.5, bold=True)
            x = MARGIN
            for picture, (across, down) in zip(row.pictures, row_sizes, strict=True):
                text(x, y + above + 5, picture.title, 9.5)
                top = y + above + HEADING
                # figimage places whole pixels, counted from the lower left corner, and does not resample
                figure.figimage(picture.image, x, height - top - down)
                for number, words in enumerate(_wrapped(clean(picture.caption), LINE * across // 256)[:2]):
                    text(x, top + down + 3 + 13 * number, words, 8, colour=theme.faint)
                x += across + GAP
            y += row_height
    return written[0]


def _wrapped(words: str, length: int) -> list[str]:
    return textwrap.wrap(words, max(length, 8))


def _patch(figure: Any, bounds: tuple[float, float, float, float], colour: str) -> None:
    from matplotlib.patches import Rectangle

    left, bottom, width, height = bounds
    figure.add_artist(Rectangle((left, bottom), width, height, facecolor=colour, transform=figure.transFigure))
