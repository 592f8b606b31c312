"""A task under protocols: each kind of protocol has a module that makes its results."""

from avloc.protocols.plain_labels import over_set
from avloc.protocols.protocol import Protocol
from avloc.scoring.result import Result
from avloc.scoring.task import Task
from avloc.scoring.verdict_frames import frames_verdict
from avloc.scoring.verdict_labels import labels_verdict
from avloc.scoring.verdict_matched import GreedyVerdicts
from avloc.scoring.verdict_pictures import pictures_verdict, union_verdict
from avloc.scoring.verdict_pixels import pixels_verdict
from avloc.scoring.verdict_set import set_verdict
from avloc.scoring.verdict_sounds import sounds_verdict
from avloc.scoring.verdict_units import UnitVerdicts


def verdicts(protocols: list[Protocol], task: Task, resamples: int, seed: int, chunk: int) -> list[Result]:
    """A result for each protocol; protocols that use the same maps of the same units share the work."""
    groups: dict[tuple[str, int, str], list[int]] = {}
    results: dict[int, Result] = {}
    matched = GreedyVerdicts(task, resamples, seed, chunk)
    for number, protocol in enumerate(protocols):
        if protocol.unit == "greedy":
            results[number] = matched.verdict(protocol)
        elif protocol.unit == "batch":
            results[number] = frames_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "labels":
            of_labels = set_verdict if over_set(protocol) else labels_verdict
            results[number] = of_labels(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "picture":
            results[number] = pictures_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "union":
            results[number] = union_verdict(protocol, task, resamples, seed, chunk)
        elif protocol.unit == "sounds":
            results[number] = sounds_verdict(protocol, task, resamples, seed)
        elif protocol.unit == "pixels":
            results[number] = pixels_verdict(protocol, task, resamples, seed, chunk)
        else:
            groups.setdefault(_looked_at(protocol, task), []).append(number)
    for whose, drawn in task.drawn_truths.items():
        needed = [number for key, numbers in groups.items() if key == (*whose, "own") for number in numbers]
        drawn.forget_but({drawn.key(protocols[number]) for number in needed})
    for (unit, frames, lookup), numbers in groups.items():
        own = task.of_partners if lookup == "partner" else task
        of_units = UnitVerdicts(own, unit, frames, resamples, seed, chunk)
        found = of_units.verdicts([protocols[number] for number in numbers])
        results.update(zip(numbers, found, strict=True))
    return [results[number] for number in range(len(protocols))]


def _looked_at(protocol: Protocol, task: Task) -> tuple[str, int, str]:
    """The unit, the number of frames per map, and whose boxes count; a clip's only source is the clip."""
    single = task.sources == 1 and task.given.maps.shape[1] == 1 and not task.given.named
    unit = "clip" if protocol.unit == "source" and single else protocol.unit
    return unit, task.sources if protocol.canvas == "wide" else 1, protocol.lookup
