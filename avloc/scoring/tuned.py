"""Thresholds chosen on validation clips, for protocols that would otherwise choose them on the scored clips."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from avloc.annotations.builder import restrict
from avloc.annotations.files import id_list
from avloc.annotations.truth import Truth
from avloc.errors import DataError
from avloc.predictions import Predictions
from avloc.protocols.protocol import Protocol
from avloc.scoring.of_predictions import UNIVERSAL, maps_of, with_maps
from avloc.scoring.score_maps import score

log = logging.getLogger("avloc.evaluate")


def tuned(
    protocols: Sequence[Protocol],
    given: Predictions,
    truth: Truth,
    val_ids: Path,
    kinds: Sequence[str] = (),
    strict: bool = False,
) -> tuple[list[Protocol], Truth, dict[str, float] | None, dict[str, str]]:
    """Protocols with the best cut on the validation clips, the ground truth without these clips, the thresholds shared
    by all clips (if maps of other sounds, `kinds`, are scored), and a note for each protocol that chooses no threshold.
    """
    validation = restrict(truth, id_list(val_ids), str(val_ids))
    if validation.unannotated:
        what = f"{val_ids}: {validation.unannotated} of its ids are of no clip of the ground truth"
        if strict:
            raise DataError(f"{what}; correct the list, or leave out --strict")
        log.warning("%s; clips that they should name are scored", what)
    known = set(validation.ids)
    kept = [number for number, name in enumerate(truth.ids) if name not in known]
    if not kept:
        raise DataError(f"{val_ids}: lists every clip of the ground truth; nothing is left to score")
    maps, named = maps_of(given), with_maps(given, validation)
    chosen, notes = [], {}
    for protocol in protocols:
        if protocol.mask == "best":
            found = score(protocol, maps, validation, **named, resamples=0)
            if "cuts" not in found.extra:
                missing = f"no clip has a box, so {protocol.name} cannot choose its threshold"
                raise DataError(f"{val_ids}: {missing}; list some clips that have one")
            protocol = protocol.with_axes(mask="absolute", cut=found.extra["cuts"]["auc"])
        elif protocol.unit != "sounds":
            left_out = f"the {len(validation)} validation clips are only left out"
            notes[protocol.name] = f"{protocol.name} has no threshold to choose; {left_out}"
        chosen.append(protocol)
    thresholds = None
    if kinds:
        others = {kind: given.negative_maps[kind] for kind in kinds}
        found = score(UNIVERSAL, maps, validation, **named, negative_maps=others, resamples=0)
        thresholds = {name: row["threshold"] for name, row in found.extra["negatives"]["rules"].items()}
    return chosen, truth.take(np.array(kept)), thresholds, notes
