"""The validation metrics of a trained stage's weights."""

from pathlib import Path

from safetensors import SafetensorError, safe_open

from avloc.engine.agreement import read_log
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.stages import needs_training, stage_one_run
from avloc.errors import RunError
from avloc.files import regular


def about_weights(path: Path) -> dict[str, str]:
    """The metadata of a weights file; RunError if it cannot be read."""
    try:
        with safe_open(regular(path), framework="pt") as file:
            return file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path}: not complete safetensors weights ({error}); train the stage again") from None


def refuse_imported(experiment: Experiment, run: Run, number: int) -> None:
    """RunError for a stage with imported weights and no training of its own, which would replace them."""
    if run.states(number):
        return
    try:
        weights = run.weights(number, experiment.build(number, pretrained=False).weights_from)
    except RunError:
        return  # there are none
    if "imported_from" in about_weights(weights):
        raise RunError(f"{weights} was imported, and training would replace it; choose another --run")


def figures_of_run(experiment: Experiment, run: Run) -> dict[str, float]:
    """Of the last trained stage, in the epoch whose weights it uses; empty without a validation split or a log."""
    numbers = [number for number in experiment.stages if needs_training(experiment, number)]
    if not numbers:
        return {}
    number = max(numbers)
    where = stage_one_run(experiment, run) if number == 1 else run
    localizer = experiment.build(number, pretrained=False)
    epoch = about_weights(where.weights(number, localizer.weights_from)).get("epoch")
    entry = next((one for one in read_log(where.stage(number)) if str(one["epoch"]) == epoch), None)
    figures = {} if entry is None else entry.get("validation")
    return figures if isinstance(figures, dict) else {}
