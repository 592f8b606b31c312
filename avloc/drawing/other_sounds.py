"""Tables of other measurements besides the protocol: other sounds, silent objects in view, and retrieval."""

from collections.abc import Mapping
from typing import Any

from avloc.drawing.markup import paragraph, table, text
from avloc.drawing.results import interval, percent

QUIET = (
    "Other sounds: the same frames with a sound that nothing in view makes. All clips share one threshold. pIA: the mean "
    "share of the picture above it. On: the share of clips in which any pixel is above it. Lower is better for both. F: the "
    "harmonic mean of CIoU, with the clips' own sounds, and 1 - pIA."
)
LEVELS = (
    "AUROC: how well the level of the maps tells the clips' own sounds from these; chance is 50 %. False alarms: the share "
    "of these sounds at or above the level that 90 % of the clips' own sounds reach."
)
FOUND = "R@k: share of queries whose partner is among the first k of all clips. Median rank: 1 is best."


def sounds_tables(name: str, result: Mapping[str, Any]) -> str:
    """HTML of all such measurements in a result; empty if there are none."""
    negatives = result.get("negatives") or {}
    parts = []
    if negatives.get("rules"):
        parts += [_thresholds(name, negatives), paragraph(QUIET, "faint")]
    kinds = {**(result.get("negative_sound") or {}), **(negatives.get("kinds") or {})}
    if kinds:
        rows = [
            [text(kind), str(own["clips"]), percent(own.get("auroc")), percent(own.get("false_alarm_rate"))]
            for kind, own in kinds.items()
        ]
        title = f"{name}: level of the maps with other sounds, in %"
        parts += [
            table(title, ["Sound", "Clips", "AUROC", "False alarms"], rows, "classes"),
            paragraph(LEVELS, "faint"),
        ]
    if result.get("retrieval"):
        parts += [_retrieval(name, result["retrieval"]), paragraph(FOUND, "faint")]
    told = result.get("tells")
    if told and told.get("value") is not None:
        parts.append(
            paragraph(
                f"Of {told['pairs']} pairs of a sounding and a silent object in one clip, the map is higher on the one that "
                f"sounds in {100 * told['value']:.1f} %; chance is 50 %."
            )
        )
    return "".join(parts)


def _thresholds(name: str, found: Mapping[str, Any]) -> str:
    kinds = list(found.get("kinds") or next(iter(found["rules"].values()))["kinds"])
    columns = ["Threshold", "Value", "CIoU", "AUC"]
    columns += [f"pIA {text(kind)}" for kind in kinds] + [f"On {text(kind)}" for kind in kinds] + ["F"]
    rows = []
    for rule, row in found["rules"].items():
        of_kinds = [row["kinds"].get(kind, {}) for kind in kinds]
        shares = [own.get(column) for column in ("pia", "false_alarms") for own in of_kinds]
        values = [row.get("ciou"), row.get("auc"), *shares, row.get("f")]
        rows.append([text(rule), f"{row['threshold']:.4g}", *map(percent, values)])
    chosen = f", chosen on {found['thresholds_of']}" if "thresholds_of" in found else ""
    return table(
        f"{name}: with other sounds, at thresholds that all clips share{chosen}, in %", columns, rows, "classes"
    )


def _retrieval(name: str, found: Mapping[str, Any]) -> str:
    at = list(found["chance"])
    rows = []
    for way, values in found.items():
        if way not in ("queries", "chance"):
            rows.append([text(way), *(_with_ends(values[key]) for key in at), f"{values['median_rank']:g}"])
    rows.append(["chance", *(percent(found["chance"][key]) for key in at), f"{(found['queries'] + 1) / 2:g}"])
    title = f"{name}: retrieval among {found['queries']} clips, in %"
    return table(title, ["From, to", *(key.upper() for key in at), "Median rank"], rows, "classes")


def _with_ends(metric: Mapping[str, Any]) -> str:
    ends = interval(metric)
    shown = f" <small>({percent(ends[0])} to {percent(ends[1])})</small>" if ends else ""
    return percent(metric["value"]) + shown
