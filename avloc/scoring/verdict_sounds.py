"""Results of clips with their own sound and of the same clips with sounds that nothing in view makes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from avloc.metrics import aoc_parts, auc, auc_parts, harmonic
from avloc.naming import counted
from avloc.protocols import plain_sounds
from avloc.protocols.plain_sounds import SHOWN, AtThresholds
from avloc.protocols.protocol import Protocol
from avloc.scoring.breakdown import break_down_groups
from avloc.scoring.negatives import map_confidence, negative_sound
from avloc.scoring.result import Result, plain
from avloc.scoring.summary import Scored, of_draws
from avloc.scoring.task import Ints, Task, count_clips, count_odd_maps, odd_maps, result_of

Floats = NDArray[np.float64]


def sounds_verdict(protocol: Protocol, task: Task, resamples: int, seed: int) -> Result:
    """cIoU with the own sound and pIA with every other, at thresholds shared by all clips.

    extra["negatives"]: for each threshold rule, the scores of all kinds of sounds, and for each kind, how well the
    maps' level separates it from the own sound. Intervals keep the thresholds.
    """
    truth = task.truth
    counts, kept, warnings = count_clips(protocol, task)
    kept = kept[truth.sounding[kept]]
    counts["evaluated"] = len(kept)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    warnings += _of_broken(task, kept)
    at = plain_sounds.at_thresholds(protocol, task.plainly, truth, kept.tolist())
    videos = [truth.videos[clip] for clip in kept.tolist()]
    names, statistic = _metrics(at)
    wanted = [number for number, name in enumerate(names) if name in protocol.report]
    drawn = of_draws(lambda draws: statistic(draws)[:, wanted], len(kept), videos, resamples, seed)
    metrics = {names[number]: one for number, one in zip(wanted, drawn, strict=True)}
    about = {"thresholds_of": "the clips that are scored" if task.given.thresholds is None else "other clips"}
    extra = {"negatives": {**about, "rules": _rules(at), "kinds": _kinds(task, kept)}}
    result = result_of(protocol, task, counts, metrics, warnings, extra)
    place = list(at.thresholds).index(SHOWN)
    rows: list[dict[str, Any]] = []
    for row, clip in enumerate(kept.tolist()):
        areas = {f"pia_{kind}": plain(part[row, place]) for kind, part in at.areas.items()}
        own = float(np.nan_to_num(at.ciou[row, place]))
        line: dict[str, Any] = {"id": truth.ids[clip], "video": truth.videos[clip], "ciou": own, **areas}
        rows.append(line if task.found[clip] else line | {"missing": True})
    result.per_clip = rows
    of_unit = Scored(len(truth), kept, np.nan_to_num(at.ciou[:, place]), truth.reported_class[kept])
    break_down_groups(result, truth, of_unit, None)
    return result


def _of_broken(task: Task, kept: Ints) -> list[str]:
    lines = []
    for kind, maps in task.given.negatives.items():
        pixels = maps[kept].reshape(len(kept), -1)
        absent = np.isnan(pixels).all(axis=1)
        broken = ~np.isfinite(pixels).all(axis=1) & ~absent
        if absent.any():
            lines.append(f"{counted(absent.sum(), 'clip has', 'clips have')} no map of {kind}; left out of its figures")
        if broken.any():
            lines.append(
                f"{counted(broken.sum(), 'clip has', 'clips have')} a map of {kind} with NaN or infinity; "
                "it counts as on everywhere"
            )
    return lines


def _metrics(at: AtThresholds) -> tuple[list[str], Any]:
    """Names, and the function that gives their values for resamples: (b, n) draws to (b, M)."""
    columns: dict[str, Floats] = {}
    for place, rule in enumerate(at.thresholds):
        columns[f"ciou_{rule}"] = np.nan_to_num(at.ciou[:, place])
        columns[f"auc_{rule}"] = auc_parts(at.ciou[:, place])
    shown = list(at.thresholds).index(SHOWN)
    for kind, areas in at.areas.items():
        columns[f"pia_{kind}"] = areas[:, shown]
        columns[f"aoc_{kind}"] = np.where(np.isnan(areas[:, shown]), np.nan, aoc_parts(areas[:, shown]))
    values = np.stack(list(columns.values()), axis=1)
    there = (~np.isnan(values)).astype(np.float64)
    place_of = {name: number for number, name in enumerate(columns)}

    def statistic(draws: Floats) -> Floats:
        with np.errstate(invalid="ignore"):
            means = draws @ np.nan_to_num(values) / (draws @ there)
        pia, aoc = (means[:, [place_of[f"{name}_{kind}"] for kind in at.areas]].mean(axis=1) for name in ("pia", "aoc"))
        both = [
            harmonic(means[:, place_of[f"ciou_{SHOWN}"]], 1 - pia),
            harmonic(means[:, place_of[f"auc_{SHOWN}"]], aoc),
        ]
        return np.concatenate([means, np.stack(both, axis=1)], axis=1)

    return [*columns, "f_pos_neg", "f_auc_aoc"], statistic


def _rules(at: AtThresholds) -> dict[str, Any]:
    """By threshold rule: cIoU and AUC, and for each kind pIA, AOC, the share of clips in which anything is on, and F."""
    table = {}
    for place, (rule, threshold) in enumerate(at.thresholds.items()):
        ciou = float(np.nan_to_num(at.ciou[:, place]).mean())
        row: dict[str, Any] = {"threshold": threshold, "ciou": ciou, "auc": auc(at.ciou[:, place]), "kinds": {}}
        for kind, areas in at.areas.items():
            known = areas[~np.isnan(areas[:, place]), place]
            area = float(known.mean())
            row["kinds"][kind] = {
                "pia": area,
                "aoc": float(aoc_parts(known).mean()),
                "false_alarms": float((known > 0).mean()),
                "f": float(harmonic(ciou, 1 - area)),
            }
        quiet = 1 - np.mean([one["pia"] for one in row["kinds"].values()])
        table[rule] = row | {"f": float(harmonic(ciou, quiet))}
    return table


def _kinds(task: Task, kept: Ints) -> dict[str, dict[str, Any]]:
    """For each kind of sound, the AUROC of the maps' level against the own sounds, and false alarms at the level that
    90 % of these reach.
    """
    there = kept[task.found[kept]]
    confidence, sounding, kinds = (
        [map_confidence(task.given.maps[there])],
        [np.ones(len(there), bool)],
        ["own"] * len(there),
    )
    for kind, maps in task.given.negatives.items():
        own = maps[there]
        own = own[~np.isnan(own).reshape(len(own), -1).all(axis=1)]
        confidence.append(map_confidence(own))
        sounding.append(np.zeros(len(own), bool))
        kinds += [kind] * len(own)
    return negative_sound(np.concatenate(confidence), np.concatenate(sounding), kinds)
