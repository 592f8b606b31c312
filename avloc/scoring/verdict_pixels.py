"""Results of protocols that use all pixels of a class, or of the set, at once."""

from avloc.protocols.protocol import Protocol
from avloc.scoring.fast.pooled_pixels import pooled_metrics, prevalence
from avloc.scoring.result import Result
from avloc.scoring.summary import with_intervals
from avloc.scoring.task import Task, count_clips, count_odd_maps, odd_maps, result_of, scored_units


def pixels_verdict(protocol: Protocol, task: Task, resamples: int, seed: int, chunk: int) -> Result:
    truth = task.truth
    unit = "class" if task.given.named else "clip"
    drawn = task.drawn(unit)
    units = drawn.units
    counts, kept, warnings = count_clips(protocol, task)
    count_odd_maps(protocol, odd_maps(task.given, kept[task.found[kept]]), kept, counts, warnings)
    chosen = scored_units(protocol, units, truth, kept)
    pooled = pooled_metrics(protocol, drawn, task.given, unit, chosen, task.found, chunk)
    metrics = with_intervals(pooled.ratios, truth.videos, resamples, seed)
    result = result_of(protocol, task, counts, metrics, warnings, {})
    result.per_class = {truth.classes[label]: one for label, one in pooled.of_classes.items() if label >= 0}
    area = drawn.levels(protocol)[0][chosen, 0]
    result.baselines = {"all-ones": prevalence(protocol, units.label[chosen], area / protocol.size**2)}
    return result
