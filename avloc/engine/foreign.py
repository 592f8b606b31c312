"""A warning where weights that know only the synthetic world are asked about anything else."""

import logging
from collections.abc import Iterable
from pathlib import Path

from avloc.data.origin import WORDS, origin_at, origin_of
from avloc.engine.card import card_of
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.stages import stage_one_run
from avloc.engine.stores import open_data
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.naming import some

log = logging.getLogger("avloc")


def learnt_from(experiment: Experiment, run: Run, number: int, localizer: Localizer) -> str:
    """The origin of what a stage of a run was trained on: as its weights say, or its store, while that is there."""
    stage = experiment.stage(number)
    if stage.data is None or not localizer.needs_training:
        return ""
    where = stage_one_run(experiment, run) if number == 1 else run
    said = card_of(where.weights(number, localizer.weights_from)).origin
    if said or stage.data.layout != "store":
        return said
    try:
        return origin_of(open_data(experiment, number, stage.data.train).settings)
    except AvlocError:
        return ""


def warn_if_foreign(source: object, learnt: str, inputs: Iterable[Path]) -> None:
    """One line in the log. source: the run or file of the weights. learnt: the origin of what they were trained on, empty
    where it is not known."""
    if learnt != "synthetic":
        return
    strange = [path for path in inputs if origin_at(path) != "synthetic"]
    if strange:
        what = some((str(path) for path in strange), 3)
        log.warning("%s was trained on %s, and %s is not: its heat maps mean little there", source, WORDS[learnt], what)
