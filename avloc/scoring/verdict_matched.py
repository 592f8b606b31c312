"""Results of protocols that match maps to frames."""

from dataclasses import replace
from functools import cached_property

import numpy as np

from avloc.naming import counted
from avloc.protocols.protocol import Protocol
from avloc.scoring.baselines import baseline_metrics, baseline_warnings, unit_baselines
from avloc.scoring.breakdown import breakdown
from avloc.scoring.fast.matched_maps import Matched, frames_of, match
from avloc.scoring.fast.truth_masks import DrawnTruth
from avloc.scoring.result import Result
from avloc.scoring.summary import Scored, ratios, with_intervals
from avloc.scoring.task import Ints, Task, count_clips, count_odd_maps, odd_maps, result_of


class GreedyVerdicts:
    """Protocols that match maps to frames; those that only differ in what they leave out share the matching."""

    def __init__(self, task: Task, resamples: int, seed: int, chunk: int) -> None:
        self.task, self.resamples, self.seed, self.chunk = task, resamples, seed, chunk
        self._known: dict[tuple, Matched] = {}

    @cached_property
    def _of_frames(self) -> DrawnTruth:
        """The ground truth of each of the frames that a clip shows."""
        truth, task = self.task.truth, self.task
        return DrawnTruth(truth, frames_of(truth, task.sources), map_bytes=task.given.maps.nbytes)

    def _matched(self, protocol: Protocol, drawn: DrawnTruth, todo: Ints) -> Matched:
        same = replace(protocol, name="", source="", missing="zero", report=(), changed=())
        key = (same, todo.tobytes())
        if key not in self._known:
            self._known[key] = match(protocol, drawn, self.task.given, todo, self.chunk)
        found = self._known[key]
        return replace(found, of_clip=found.of_clip.copy())

    def verdict(self, protocol: Protocol) -> Result:
        task = self.task
        truth = task.truth
        counts, kept, warnings = count_clips(protocol, task)
        frames = task.sources if truth.mixed and protocol.canvas == "tall" else 1
        drawn = task.drawn() if frames == 1 else self._of_frames
        units = drawn.units
        todo = kept[task.found[kept]]
        count_odd_maps(protocol, odd_maps(task.given, todo), kept, counts, warnings)
        matched = self._matched(protocol, drawn, todo)
        clip, score, cap = matched.clip, matched.ciou, matched.ap
        absent = np.setdiff1d(kept, todo)
        if matched.silent and protocol.missing == "drop":
            counts["dropped"]["no map"] = matched.silent
            counts["evaluated"] -= matched.silent
            silent = counted(matched.silent, "clip has", "clips have")
            warnings.append(f"{silent} no map from the method; left out, as in the release")
            kept = np.setdiff1d(kept, todo[np.isnan(matched.of_clip[todo])])
        elif matched.silent:
            absent = np.union1d(absent, todo[np.isnan(matched.of_clip[todo])])
        if len(absent):
            zeros = np.zeros(len(absent) * frames)
            clip = np.concatenate([clip, np.repeat(absent, frames)])
            score, cap = np.concatenate([score, zeros]), np.concatenate([cap, zeros])
            matched.of_clip[absent] = 0.0
        label = truth.reported_class[clip]
        scored = Scored(len(truth), clip, score, label, {"cap": cap}, {"piap": matched.of_clip})
        metrics = with_intervals(ratios(protocol, scored), truth.videos, self.resamples, self.seed)
        result = result_of(protocol, task, counts, metrics, warnings, {})
        chosen = np.flatnonzero(np.isin(units.clip, kept))
        blind, _ = unit_baselines(replace(protocol, canvas="frame"), drawn, chosen)
        where = units.clip[chosen]
        blind_scored = Scored(len(truth), where, np.zeros(len(where)), truth.reported_class[where])
        result.baselines = baseline_metrics(protocol, blind_scored, blind, 1)
        result.warnings += baseline_warnings(
            protocol, {name: metric.value for name, metric in metrics.items()}, result.baselines
        )
        breakdown(result, truth, scored, kept, task.found, None)
        return result
