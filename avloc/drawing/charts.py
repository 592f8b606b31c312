"""Charts as PNG bytes: training curves, agreement of clusters and classes, scores with their intervals.

Drawn with matplotlib, but without pyplot and the user's settings; the same input gives the same bytes.
"""

import colorsys
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.drawing.colours import LIGHT, Theme, css

DPI = 100  # pixels per inch at scale 1; charts are written at twice that
Dash = str | tuple[float, tuple[float, ...]]
_DASHES: tuple[Dash, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))


@contextmanager
def canvas(width: float, height: float, theme: Theme, scale: int = 2) -> Iterator[tuple[Any, list[bytes]]]:
    """A figure of `width` x `height` px at `scale`, and a list that contains its PNG after the block."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written: list[bytes] = []
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(
            {
                "text.parse_math": False,  # a class may be called $x$
                "font.size": 9.5,
                "text.color": theme.text,
                "axes.labelcolor": theme.text,
                "axes.edgecolor": theme.faint,
                "axes.facecolor": theme.background,
                "xtick.color": theme.faint,
                "ytick.color": theme.faint,
                "xtick.labelcolor": theme.text,
                "ytick.labelcolor": theme.text,
                "legend.frameon": False,
            }
        )
        figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=theme.background)
        FigureCanvasAgg(figure)
        yield figure, written
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI * scale, facecolor=theme.background, metadata={"Software": None},
                       pil_kwargs={"compress_level": 4})  # fmt: skip
        written.append(file.getvalue())


def clean(text: object) -> str:
    """One line of printable text."""
    return "".join(mark if mark.isprintable() else " " for mark in str(text))


def line_colour(number: int, theme: Theme) -> str:
    """A distinct colour for each line of a chart: first the theme's, then hues between them, gradually paler or darker."""
    if number < len(theme.lines):
        return theme.lines[number]
    more = number - len(theme.lines)
    hue = (0.73 + 0.618034 * more) % 1  # multiples of the golden ratio spread any number of hues
    low, high = (0.30, 0.52) if theme is LIGHT else (0.62, 0.84)
    red, green, blue = colorsys.hls_to_rgb(hue, (low, high, (low + high) / 2)[more % 3], 0.75)
    return css((round(255 * red), round(255 * green), round(255 * blue)))


def line_dash(number: int) -> Dash:
    """A distinct dash for each line of a chart: after the usual ones, a long stroke with more and more dots."""
    if number < len(_DASHES):
        return _DASHES[number]
    dots, long = divmod(number - len(_DASHES), 3)
    return (0, (3.0 + 4 * long, 1.2, *(1.0, 1.2) * (dots + 3)))


def curves(
    title: str,
    lines: Mapping[str, Sequence[float | None]],
    phases: Sequence[str],
    percent: bool = False,
    theme: Theme = LIGHT,
) -> bytes:
    """Lines over epochs 1, 2, ..., one value or None each; `phases` names the phase of every epoch, marked where it changes."""
    names = list(dict.fromkeys(phases))
    entries = len(lines) + len(names) - 1
    legend_rows = -(-entries // 3)
    with canvas(480, 278 + 17 * legend_rows, theme) as (figure, written):
        height = 278 + 17 * legend_rows
        axes = figure.add_axes((0.105, 46 / height, 0.87, 1 - (46 + 54 + 17 * legend_rows) / height))
        epochs = np.arange(1, len(phases) + 1)
        for number, (name, values) in enumerate(lines.items()):
            found = np.array([np.nan if value is None else value for value in values], np.float64)
            few = "o" if len(found) <= 40 else None
            axes.plot(
                epochs, found * (100 if percent else 1), label=clean(name), marker=few, markersize=2.5, linewidth=1.7,
                color=line_colour(number, theme), linestyle=line_dash(number),
            )  # fmt: skip
        _mark_phases(axes, [clean(name) for name in phases], theme)
        axes.set_xlim(0.5, len(phases) + 0.5)
        if percent:
            axes.set_ylim(bottom=0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel("epoch")
        axes.grid(True, color=theme.grid, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        figure.text(0.02, 1 - 10 / height, clean(title), fontsize=11, fontweight="bold", va="top")
        figure.legend(
            *axes.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.01, 1 - 29 / height), ncols=3,
            fontsize=8.5, handlelength=3, columnspacing=1.2, borderaxespad=0,
        )  # fmt: skip
    return written[0]


def _mark_phases(axes: Any, phases: Sequence[str], theme: Theme) -> None:
    """A vertical line at the end of a phase, with its name above if there is room; all phases but the first are shaded."""
    names = list(dict.fromkeys(phases))
    starts = [n for n in range(len(phases)) if n == 0 or phases[n] != phases[n - 1]]
    for start, end in zip(starts, [*starts[1:], len(phases)], strict=True):
        number = names.index(phases[start])
        if start:
            axes.axvline(start + 0.5, color=theme.faint, linewidth=1, linestyle=(0, (2, 2)))
        if number:
            label = phases[start] if phases.index(phases[start]) == start else None
            axes.axvspan(start + 0.5, end + 0.5, color=theme.faint, alpha=0.12 * number, linewidth=0, label=label)
        if (end - start) / len(phases) * 70 > len(phases[start]):
            axes.text(
                (start + end + 1) / 2, 1.02, phases[start], transform=axes.get_xaxis_transform(), ha="center",
                va="bottom", fontsize=8.5, color=theme.faint,
            )  # fmt: skip


def agreement_matrix(
    classes: Sequence[str], agreement: NDArray[np.floating], assignment: NDArray[np.integer], theme: Theme = LIGHT
) -> bytes:
    """P(cluster | class) (C, K) in percent; matched cells are outlined."""
    count, clusters = agreement.shape
    names = [clean(name) for name in classes]
    left = 30 + 6.2 * max([len(name) for name in names] + [5])
    cell = 36 if clusters <= 16 else 22
    width, height = left + cell * clusters + 14, 64 + cell * count + 42
    with canvas(width, height, theme) as (figure, written):
        axes = figure.add_axes((left / width, 42 / height, cell * clusters / width, cell * count / height))
        axes.imshow(agreement, cmap="Blues" if theme is LIGHT else "cividis", vmin=0, vmax=1, aspect="auto")
        for row, column in np.ndindex(count, clusters):
            value = float(agreement[row, column])
            dark_text = value < 0.55 if theme is LIGHT else value > 0.55
            if cell > 30 and value >= 0.005:
                axes.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=9,
                          color="#101828" if dark_text else "#ffffff")  # fmt: skip
            if assignment[row, column]:
                axes.add_patch(_outline(column, row, theme))
        axes.set_xticks(range(clusters))
        axes.set_yticks(range(count), names)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_xlabel("cluster")
        words = "Clips of a class by cluster (%)"
        figure.text(12 / width, 1 - 10 / height, words, fontsize=11, fontweight="bold", va="top")
        figure.text(12 / width, 1 - 32 / height, "outlined: matched", fontsize=9, va="top", color=theme.faint)
    return written[0]


def _outline(column: int, row: int, theme: Theme) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((column - 0.46, row - 0.46), 0.92, 0.92, fill=False, edgecolor=theme.lines[1], linewidth=2.2)


def intervals(title: str, rows: Sequence[tuple[str, float, float | None, float | None]], theme: Theme = LIGHT) -> bytes:
    """Rows (name, value, low, high) of fractions, drawn in percent from top to bottom; the first one is highlighted."""
    width, height = 480, 74 + 24 * len(rows)
    names = [clean(name) for name, *_ in rows]
    left = min(0.45, (30 + 6.4 * max(len(name) for name in names)) / width)
    with canvas(width, height, theme) as (figure, written):
        axes = figure.add_axes((left, 40 / height, 0.955 - left, 24 * len(rows) / height))
        for number, (_, value, low, high) in enumerate(rows):
            colour = theme.lines[1] if number == 0 else theme.lines[0]
            if low is not None and high is not None:
                ends = [100 * low, 100 * high]
                axes.hlines(number, *ends, color=colour, linewidth=3, alpha=0.55, clip_on=False)
            mark = "o" if number else "D"
            axes.plot(100 * value, number, marker=mark, color=colour, markersize=6.5, clip_on=False, zorder=3)
        if rows[0][2] is not None and rows[0][3] is not None:
            axes.axvspan(100 * rows[0][2], 100 * rows[0][3], color=theme.lines[1], alpha=0.10, linewidth=0)
        axes.set_yticks(range(len(rows)), names)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        highest = max(value for row in rows for value in row[1:] if value is not None)
        axes.set_xlim(0, min(100, max(10, 100 * highest * 1.06)))
        axes.set_xlabel("%")
        axes.grid(True, axis="x", color=theme.grid, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.tick_params(axis="y", length=0, pad=9)
        axes.spines[["top", "right", "left"]].set_visible(False)
        figure.text(0.02, 1 - 9 / height, clean(title), fontsize=11, fontweight="bold", va="top")
    return written[0]
