"""Tables of other sounds: a method with its own sounds, with others, and with those of silent objects."""

from collections.abc import Mapping
from typing import Any

from avloc.cli.show import say, table
from avloc.percents import ends, percent


def show_sounding(found: dict[str, Any]) -> None:
    rows = []
    for kind, counts in found["kinds"].items():
        right = counts["sounding"] if kind == "own" else counts["frames"] - counts["sounding"]
        wrong = "missed" if kind == "own" else "false alarms"
        errors = counts["frames"] - right
        rows.append(
            [kind, counts["frames"], counts["sounding"], f"{errors} {wrong}", percent(errors / counts["frames"])]
        )
    title = f"counted as sounding: {found['score']} of at least {found['threshold']:.4g} (`avloc calibrate`)"
    table(title, ["sound", "frames", "sounding", "errors", "%"], rows, right=(1, 2, 3, 4))


def show_hearing(extra: Mapping[str, Any]) -> None:
    """How well maps distinguish sounds that nothing in view makes, and sounding from silent objects, if measured."""
    kinds = extra.get("negative_sound", {})
    if kinds:
        rows = [[k, v["clips"], percent(v["auroc"]), percent(v["false_alarm_rate"])] for k, v in kinds.items()]
        columns = ["sound", "clips", "AUROC %", "false alarms %"]
        table("sounds that nothing in view makes", columns, rows, right=(1, 2, 3))
    if "retrieval" in extra:
        _show_retrieval(extra["retrieval"])
    if "negatives" in extra:
        _show_other_sounds(extra["negatives"])
    if extra.get("frames_with_other_sounds"):
        _show_frames(extra["frames_with_other_sounds"])
    told = extra.get("tells")
    if told:
        share = percent(told["value"])
        within = ends(told.get("ci95_by_video") or told.get("ci95"))
        within = f" (95 %: {within})" if within else ""
        say(
            f"the sounding object has the higher map in {share} %{within} of {told['pairs']} pairs with a silent object; "
            "chance: 50"
        )


def _with_ends(metric: dict[str, Any]) -> str:
    within = ends(metric.get("ci95_by_video") or metric.get("ci95"))
    return percent(metric["value"]) + (f" ({within})" if within else "")


def _show_retrieval(found: dict[str, Any]) -> None:
    """How often the sound of a clip retrieves its frame among all, and the frame its sound."""
    ways = [name for name in found if name not in ("queries", "chance")]
    rows = [
        [name, *map(_with_ends, values), f"{found[name]['median_rank']:g}"]
        for name in ways
        if (values := [found[name][key] for key in found["chance"]])
    ]
    rows.append(["chance", *map(percent, found["chance"].values()), f"{(found['queries'] + 1) / 2:g}"])
    columns = ["retrieval", *(f"{key} %" for key in found["chance"]), "median rank"]
    table(f"among {found['queries']} clips", columns, rows, right=tuple(range(1, len(columns))))


def _show_frames(found: dict[str, Any]) -> None:
    """Masks with other sounds compared with those of the clips' own sounds, in the form of AVSBench-Robust."""
    rows = [
        [kind, own["frames"], *(percent(own[name]) for name in ("miou", "fscore", "fpr"))]
        for kind, own in found.items()
    ]
    table(
        "masks with other sounds, lower is better, in %",
        ["sound", "frames", "miou", "fscore", "fpr"],
        rows,
        right=(1, 2, 3, 4),
    )


def _show_other_sounds(found: dict[str, Any]) -> None:
    """The same frames with sounds that nothing in view makes, at thresholds that all clips share."""
    kinds = list(found["kinds"])
    rows = []
    for rule, row in found["rules"].items():
        alarms = [percent(row["kinds"][kind]["false_alarms"]) for kind in kinds]
        areas = [percent(row["kinds"][kind]["pia"]) for kind in kinds]
        rows.append(
            [
                rule,
                f"{row['threshold']:.4g}",
                percent(row["ciou"]),
                percent(row["auc"]),
                *areas,
                *alarms,
                percent(row["f"]),
            ]
        )
    columns = [
        "threshold",
        "value",
        "cIoU",
        "AUC",
        *(f"pIA {kind}" for kind in kinds),
        *(f"on {kind}" for kind in kinds),
        "F",
    ]
    chosen = f", chosen on {found['thresholds_of']}" if "thresholds_of" in found else ""
    table(
        f"other sounds, thresholds that all clips share{chosen}, in %",
        columns,
        rows,
        right=tuple(range(1, len(columns))),
    )
    levels = [
        [kind, row["clips"], percent(row["auroc"]), percent(row["false_alarm_rate"])]
        for kind, row in found["kinds"].items()
    ]
    columns = ["sound", "clips", "AUROC %", "false alarms %"]
    table("level of the maps against the clips' own sounds", columns, levels, right=(1, 2, 3))
