"""A protocol on the maps and the ground truth at hand: unit auto becomes a unit, and what cannot be scored is refused."""

from dataclasses import replace

import numpy as np

from avloc.errors import DataError
from avloc.naming import counted
from avloc.protocols.normalise import settled
from avloc.protocols.protocol import Protocol, canvas_size
from avloc.scoring.pixel_inputs import refuse_unfit
from avloc.scoring.task import Task, count_clips

#: units with one map per clip
_ONE_MAP = ("clip", "pixels", "batch", "picture")
#: units in which a mask is made from one map
_OF_A_MAP = ("clip", "source", "class")
#: rules that only need the map itself, for maps that are matched to frames
_MATCHED = ("rank", "rank-or-one", "absolute", "relative")


def resolve(protocol: Protocol, task: Task) -> Protocol:
    """The protocol as it applies to this task: unit auto and minmax-if-needed are resolved; DataError if it cannot score the
    maps.
    """
    if protocol.unit == "auto":
        protocol = replace(protocol, unit=_unit_of(task))
    protocol = replace(protocol, normalise=_normalisation(protocol, task))
    _refuse_several_maps(protocol, task)
    refuse_unfit(protocol, task)
    _refuse_other_amounts(protocol, task)
    _refuse_other_shapes(protocol, task)
    _refuse_axes(protocol, task)
    _refuse_other_objects(protocol, task)
    counts, _, _ = count_clips(protocol, task)
    if not counts["evaluated"]:
        reasons = ", ".join(f"{number} {reason}" for reason, number in counts["dropped"].items())
        raise DataError(f"{_where(protocol)}: none of {counts['requested']} clips can be scored ({reasons})")
    return protocol


def _where(protocol: Protocol) -> str:
    return f"protocol {protocol.name}"


def _unit_of(task: Task) -> str:
    """What unit auto means: maps of classes, a map of the clip, or maps of its sources."""
    amount = task.given.maps.shape[1]
    several_classes = task.given.table is not None and amount not in (1, task.sources)
    if task.given.named or several_classes:
        return "class"
    return "clip" if amount == 1 and not task.truth.mixed else "source"


def _normalisation(protocol: Protocol, task: Task) -> str:
    size = canvas_size(protocol, task.sources if protocol.canvas == "wide" or task.truth.mixed else 1)
    # mixtures with object maps are always scaled
    shape = task.given.maps.shape[2:] if protocol.ogl_alpha >= 1 else None
    return settled(protocol.normalise, shape, size, task.given.ends)


def _refuse_several_maps(protocol: Protocol, task: Task) -> None:
    amount, mixed = task.given.maps.shape[1], task.truth.mixed
    of_named_pixels = protocol.unit == "pixels" and task.given.named
    if protocol.unit not in _ONE_MAP or of_named_pixels or not (amount > 1 or mixed):
        return
    what = "one map per clip, on one frame" if mixed else "one map per clip"
    found = f"here: {counted(amount, 'map', 'maps')} per clip, {counted(task.sources, 'source', 'sources')}"
    raise DataError(f"{_where(protocol)} scores {what}; {found}; choose a protocol for several sources")


def _refuse_other_amounts(protocol: Protocol, task: Task) -> None:
    """DataError if there is not a map for each source, or if maps are not assigned to classes."""
    amount, sources = task.given.maps.shape[1], task.sources
    if protocol.unit == "source" and amount != sources and not task.given.named:
        what = f"the predictions have {amount}, the truth {'up to ' if sources > 1 else ''}{sources}"
        raise DataError(
            f"{_where(protocol)} scores a map for each source; {what}: give as many, or `classes` (K names)"
        )
    if protocol.unit == "class" and task.given.table is None:
        classes = counted(len(task.truth.classes), "class", "classes")
        what = f"{counted(amount, 'map', 'maps')} per clip for {classes}"
        raise DataError(
            f"{_where(protocol)} scores maps of classes; {what}: give `assignment` (C, K) or `classes` (K names)"
        )


def _refuse_other_shapes(protocol: Protocol, task: Task) -> None:
    """DataError if maps of several frames do not have the shape of the protocol's canvas."""
    height, width = task.given.maps.shape[2:]
    sources, where = task.sources, _where(protocol)
    if protocol.canvas == "wide" and width != sources * height:
        raise DataError(
            f"{where} needs maps of {sources} frames side by side; found maps of {height}x{width}; canvas=frame scores "
            "single frames"
        )
    if protocol.canvas == "tall" and task.truth.mixed and height != sources * width:
        raise DataError(f"{where} needs maps of {sources} frames stacked vertically; found maps of {height}x{width}")


def _refuse_axes(protocol: Protocol, task: Task) -> None:
    """DataError if the axes contradict one another, the maps or the ground truth."""
    where, truth = _where(protocol), task.truth
    if protocol.lookup == "partner" and (protocol.unit not in _OF_A_MAP or truth.partners is None):
        raise DataError(
            f"{where}: lookup=partner needs clips mixed by a list of pairs, a row for each, and unit source"
        )
    if protocol.rule is not None and protocol.unit not in _OF_A_MAP:
        raise DataError(
            f"{where}: your own rule makes a mask from one map; unit {protocol.unit} is for published rules"
        )
    if protocol.rule is None and protocol.mask == "own":
        raise DataError(f"{where}: mask=own is for a Protocol with your own rule; this one has none")
    if protocol.unit == "greedy" and (protocol.mask not in _MATCHED or protocol.ogl_alpha < 1):
        found = f"mask={protocol.mask}, ogl_alpha={protocol.ogl_alpha:g}"
        raise DataError(f"{where}: {found}; matched maps are cut by {', '.join(_MATCHED)}, without object maps")
    height, width = task.given.maps.shape[2:]
    wanted = canvas_size(protocol, task.sources if protocol.canvas == "wide" or truth.mixed else 1)
    if protocol.resize == "none" and (height, width) != wanted:
        raise DataError(f"{where}: resize=none takes maps of {wanted[0]}x{wanted[1]}; found maps of {height}x{width}")
    if protocol.mask in ("rank", "rank-or-one") and not 0 <= protocol.cut <= 1:
        raise DataError(f"{where}: cut {protocol.cut:g}; a rank is a share of the pixels, from 0 to 1")
    if protocol.level and not len(truth.classes):
        raise DataError(f"{where} counts the classes of a frame; the ground truth has none")


def _refuse_other_objects(protocol: Protocol, task: Task) -> None:
    """DataError if the protocol mixes in object maps that are missing or not finite."""
    objects, where = task.given.objects, f"{_where(protocol)}: ogl_alpha {protocol.ogl_alpha}"
    if protocol.ogl_alpha < 1 and objects is None:
        raise DataError(f"{where} needs object maps; the predictions have none")
    if protocol.ogl_alpha < 1 and objects is not None and not np.isfinite(objects).all():
        raise DataError(f"{where}: object maps hold NaN or infinity; expected numbers")
