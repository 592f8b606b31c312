"""Warns if weights that were only trained on the synthetic world are used on anything else."""

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
    """The origin of a stage's training data: from its weights, or from its store, if that exists."""
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
    """One line in the log. source: the run or file of the weights. learnt: the origin of their training data, empty if
    unknown.
    """
    if learnt != "synthetic":
        return
    strange = [path for path in inputs if origin_at(path) != "synthetic"]
    if strange:
        what = some((str(path) for path in strange), 3)
        log.warning("%s was trained on %s, and %s is not: its heat maps mean little there", source, WORDS[learnt], what)
