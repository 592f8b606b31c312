"""Curves over a fraction from 0 to 1: success over thresholds, precision over recall."""

from collections.abc import Mapping, Sequence

import numpy as np

from avloc.drawing.charts import canvas, clean, line_colour, line_dash
from avloc.drawing.colours import DARK, LIGHT, Theme
from avloc.drawing.markup import Chart
from avloc.drawing.pixel_curve import PixelCurve
from avloc.metrics import THRESHOLDS, precision_recall

Line = tuple[Sequence[float], Sequence[float]]


def success_chart(title: str, curves: Mapping[str, Sequence[float]]) -> Chart | None:
    """Success curves by name, 21 values each; None if there are none."""
    lines: dict[str, Line] = {
        name: (THRESHOLDS.tolist(), curve) for name, curve in curves.items() if len(curve) == len(THRESHOLDS)
    }
    heading = f"{title}: success curve"
    half = len(THRESHOLDS) // 2
    words = [f"{name} {100 * curve[half]:.1f} % at an overlap of one half" for name, (_, curve) in lines.items()]
    return _chart(heading, lines, "overlap that counts as a success", "share of frames (%)", words)


def pixel_chart(title: str, curves: Mapping[str, PixelCurve]) -> Chart | None:
    """Precision over recall of pixels, by name; None if there are none."""
    lines: dict[str, Line] = {}
    words = []
    for name, curve in curves.items():
        lines[f"{name}, AP {100 * curve.ap:.1f} %"] = (curve.recall, curve.precision)
        words.append(f"{name} has an average precision of {100 * curve.ap:.1f} %")
    if curves:
        share = next(iter(curves.values())).share
        lines[f"chance, {100 * share:.1f} %"] = ([0.0, 1.0], [share, share])
    return _chart(f"{title}: precision and recall of pixels", lines, "recall", "precision (%)", words)


def detection_chart(title: str, rows: Mapping[str, Sequence[Mapping[str, object]]]) -> Chart | None:
    """Precision over recall of clips, if results include clips without a source and a confidence for each clip.

    rows: the clips of a result, by name; see `avloc.metrics.detection`.
    """
    lines: dict[str, Line] = {}
    for name, clips in rows.items():
        known = [row for row in clips if isinstance(row.get("confidence"), int | float)]
        positive = np.array([row.get("ciou") is not None for row in known], bool)
        if not len(known) or positive.all() or not positive.any():
            continue
        ciou = np.array([row.get("ciou") or 0.0 for row in known], np.float64)
        sure = np.array([row["confidence"] for row in known], np.float64)
        levels = np.unique(sure)[::-1][:: max(1, len(known) // 200)]
        points = [precision_recall(positive, ciou, sure, float(level)) for level in levels]
        lines[name] = ([recall for _, recall in points], [precision for precision, _ in points])
    words = [f"{name} from {100 * y[0]:.1f} to {100 * y[-1]:.1f} %" for name, (_, y) in lines.items()]
    return _chart(f"{title}: precision and recall of clips", lines, "recall", "precision (%)", words)


def _chart(title: str, lines: Mapping[str, Line], across: str, up: str, words: Sequence[str]) -> Chart | None:
    if not lines:
        return None
    light, dark = (share_lines(title, lines, across, up, theme) for theme in (LIGHT, DARK))
    return Chart(light, dark, f"{title}. {'; '.join(words)}")


def share_lines(title: str, lines: Mapping[str, Line], across: str, up: str, theme: Theme = LIGHT) -> bytes:
    """Lines of fractions (y, drawn in percent) over fractions (x), as PNG."""
    rows = -(-len(lines) // 2)
    height = 278 + 17 * rows
    with canvas(480, height, theme) as (figure, written):
        axes = figure.add_axes((0.115, 46 / height, 0.85, 1 - (46 + 40 + 17 * rows) / height))
        for number, (name, (x, y)) in enumerate(lines.items()):
            axes.plot(
                x, 100 * np.asarray(y, np.float64), label=clean(name), linewidth=1.8, clip_on=False,
                color=line_colour(number, theme), linestyle=line_dash(number),
            )  # fmt: skip
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 100)
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        axes.grid(True, color=theme.grid, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        figure.text(0.02, 1 - 10 / height, clean(title), fontsize=11, fontweight="bold", va="top")
        figure.legend(
            loc="upper left", bbox_to_anchor=(0.01, 1 - 29 / height), ncols=2, fontsize=8.5, handlelength=3,
            columnspacing=1.2, borderaxespad=0,
        )  # fmt: skip
    return written[0]
