"""The numbers of a result next to those of its comparisons, as a table and a chart."""

import math
from collections.abc import Mapping
from typing import Any

from avloc.drawing.charts import intervals
from avloc.drawing.colours import DARK, LIGHT
from avloc.drawing.markup import Chart, table, text
from avloc.percents import map_title, mask_title

NAMES = {"iou": "IoU", "ciou": "CIoU", "auc": "AUC", "nsa": "NSA", "locacc": "LocAcc", "ap": "AP"}
MEANINGS = {
    "iou": "IoU@t: share of frames whose mask and ground truth have an intersection over union of at least t. IoU: the mean.",
    "ciou": "CIoU@t, CIoU: the same, where the overlap of a frame is the mean over its sounding classes.",
    "locacc": "LocAcc: share of frames whose overlap reaches one half.",
    "auc": "AUC: area under the share of successes over all thresholds t.",
    "nsa": "NSA: share of the picture where the maps of silent classes stay low; a method that marks nothing gets 100 %.",
}
UP, DOWN, LEVEL = "&#9650;", "&#9660;", "&asymp;"


def metric_name(metric: str) -> str:
    base, at, cut = metric.partition("@")
    return f"{NAMES.get(base, base)}{at}{cut}"


def meanings(metrics: list[str]) -> list[str]:
    """Explanations of the metrics of a table, as far as they are known."""
    bases = dict.fromkeys(metric.partition("@")[0] for metric in metrics)
    return [MEANINGS[base] for base in bases if base in MEANINGS]


def percent(value: float | None, sign: bool = False) -> str:
    """``63.2`` for a fraction, as HTML; a dash for none."""
    if value is None or not math.isfinite(value):
        return "&ndash;"
    shown = f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"
    return ("0.0" if float(shown) == 0 else shown).replace("-", "&minus;")


def interval(metric: Mapping[str, Any]) -> tuple[float, float] | None:
    """The 95 % interval over videos, or over clips if there is no other."""
    low, high = metric.get("ci95_by_video") or metric.get("ci95") or (None, None)
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return None
    return low, high


def verdict(difference: Mapping[str, Any]) -> tuple[str, str]:
    """A sign and words: whether the model's lead over a comparison is outside the interval."""
    found = interval(difference)
    if found is None:
        return "", "no interval"
    low, high = found
    if low > 0:
        return UP, "model higher"
    return (DOWN, "model lower") if high < 0 else (LEVEL, "not significant")


def results_table(caption: str, result: Mapping[str, Any]) -> str:
    """The model first, then the comparisons with the model's difference from each, then baselines without an interval."""
    metrics = list(result.get("metrics", {}))
    comparisons = result.get("comparisons") or {}
    rows = [["<b>model</b>", *(_value(result["metrics"][metric]) for metric in metrics)]]
    for name, other in comparisons.items():
        found, apart = other.get("metrics", {}), other.get("difference", {})
        rows.append(
            [text(map_title(name)), *(_value(found.get(metric)) + _difference(apart.get(metric)) for metric in metrics)]
        )
    for name, found in (result.get("baselines") or {}).items():
        if map_title(name) != mask_title(name) or name not in comparisons:
            cells = [_value({"value": found.get(metric)}) for metric in metrics]
            rows.append([text(mask_title(name)), *cells])
    return table(caption, ["Method", *(text(metric_name(metric)) for metric in metrics)], rows, "results")


def _value(metric: Mapping[str, Any] | None) -> str:
    if metric is None or _undefined(metric):
        return '<span class="value">&ndash;</span>'
    found = interval(metric)
    limits = f" <small>({percent(found[0])} to {percent(found[1])})</small>" if found else ""
    return f'<span class="value"><b>{percent(metric["value"])}&nbsp;%</b>{limits}</span>'


def _undefined(metric: Mapping[str, Any]) -> bool:
    return metric.get("value") is None or not math.isfinite(metric["value"])


def _difference(difference: Mapping[str, Any] | None) -> str:
    if difference is None or _undefined(difference):
        return ""
    found = interval(difference)
    limits = f" <small>({percent(found[0], True)} to {percent(found[1], True)})</small>" if found else ""
    sign, words = verdict(difference)
    kind = {UP: "up", DOWN: "down"}.get(sign, "level")
    lead = f"{percent(difference['value'], True)}{limits}"
    return f'<span class="apart {kind}">{sign} <span class="unseen">{words} </span>{lead}</span>'


def results_chart(title: str, result: Mapping[str, Any]) -> Chart | None:
    """The first metric of the model and of all comparisons."""
    metrics = list(result.get("metrics", {}))
    if not metrics:
        return None
    first, rows = metrics[0], []
    others = [(name, other.get("metrics", {})) for name, other in (result.get("comparisons") or {}).items()]
    for name, found in [("model", result["metrics"]), *others]:
        name = map_title(name)
        value = found.get(first) or {}
        if not _undefined(value):
            low, high = interval(value) or (None, None)
            rows.append((name, value["value"], low, high))
    if len(rows) < 2 or rows[0][0] != "model":
        return None
    heading = f"{title}: {metric_name(first)} with 95 % intervals"
    alt = heading + ". " + "; ".join(f"{name} {100 * value:.1f} %" for name, value, _, _ in rows)
    return Chart(intervals(heading, rows, LIGHT), intervals(heading, rows, DARK), alt)


def runs_chart(title: str, results: Mapping[str, Mapping[str, Any]]) -> Chart | None:
    """The first metric that several runs have in common, by run; None if there is none."""
    metrics = [list(result.get("metrics", {})) for result in results.values()]
    first = next((name for name in metrics[0] if all(name in own for own in metrics)), None)
    if first is None:
        return None
    rows = []
    for name, result in results.items():
        value = result["metrics"][first] or {}
        if not _undefined(value):
            rows.append((name, value["value"], *(interval(value) or (None, None))))
    if not rows:
        return None
    heading = f"{title}: {metric_name(first)} with 95 % intervals"
    alt = heading + ". " + "; ".join(f"{name} {100 * value:.1f} %" for name, value, _, _ in rows)
    return Chart(intervals(heading, rows, LIGHT), intervals(heading, rows, DARK), alt)


def compared_table(caption: str, first: str, other: str, metrics: Mapping[str, Any]) -> str:
    """Differences of two runs on the clips that they share; values are `avloc.verbs.compare.Difference`."""
    rows = []
    for name, found in metrics.items():
        ends = {"value": found.difference, "ci95_by_video": found.ci95_by_video}
        probability = "&ndash;" if found.p is None else f"{found.p:.4f}"
        rows.append([text(metric_name(name)), percent(found.a), percent(found.b), _difference(ends), probability])
    columns = ["Metric", f"{text(first)} (%)", f"{text(other)} (%)", "Difference (points)", "p"]
    return table(caption, columns, rows, "compared")
