"""`avloc card`: a description of a run's model, on one page."""

from dataclasses import dataclass
from pathlib import Path

from avloc.options import RunFolder, verb


@dataclass(frozen=True)
class ModelCard:
    """file: RUN/card.md. text: its contents."""

    run: Path
    file: Path
    text: str


@verb
def card(run: RunFolder = None) -> ModelCard:
    """Write RUN/card.md: what the run's model was trained on, its results, and what it cannot do.

    `avloc evaluate` also writes it, each time that it scores the run.
    """
    from avloc.engine.experiment import open_run
    from avloc.engine.model_card import write_model_card

    experiment, where = open_run(None, run)
    file = write_model_card(experiment, where)
    return ModelCard(where.path, file, file.read_text(encoding="utf-8"))
