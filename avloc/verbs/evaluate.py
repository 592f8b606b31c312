"""`avloc evaluate --run`: scores a run's maps on its test sets, next to baselines that ignore the sound."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from avloc import processes
from avloc.engine.set_results import SetResult
from avloc.options import Config, Metrics, Negatives, Resamples, RunFolder, Set, verb
from avloc.progress import Progress, untold


@dataclass(frozen=True)
class Evaluated:
    run: Path
    sets: dict[str, SetResult]


@verb
def evaluate(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    sets: Annotated[Sequence[str] | None, "score only this test set of the run; may be repeated; default: all"] = None,
    metric: Metrics = None,
    negatives: Negatives = None,
    resamples: Resamples = 2000,
    progress: Progress | None = None,
) -> Evaluated:
    """Score heat maps: those of a run on its test sets, or any model's against a benchmark or your own boxes.

    Every published protocol has a name and axes that can be changed; --protocol all shows how much the choice
    matters. Baselines are scored on the same frames: the model with a wrong sound, its maps
    without sound, stage one's maps, the largest object, colour saliency, the centre, and all ones.

    A run's heat maps are kept in predictions/SET.h5, its results in results/SET.PROTOCOL.json. Intervals are
    bootstraps over videos. `torchrun --nproc-per-node 2 -m -- avloc evaluate --run RUN` shares the frames between two
    processes; the results are the same.

    From Python: this function scores a run; `avloc.evaluate_predictions` scores a file of heat maps.
    """
    from avloc.engine.class_maps import refuse_untrained
    from avloc.engine.evaluating import evaluate_set
    from avloc.engine.experiment import keep_config, open_run
    from avloc.engine.model_card import write_model_card
    from avloc.engine.object_maps import refuse_class_maps
    from avloc.errors import AvlocError

    experiment, where = open_run(config, run, set)
    if not experiment.evaluate:
        raise AvlocError(
            f"{experiment.source.source}: evaluate: missing section; name test sets with store, split, protocol"
        )
    wanted = list(experiment.evaluate) if sets is None else list(sets)
    unknown = [name for name in wanted if name not in experiment.evaluate]
    if unknown:
        raise AvlocError(
            f"{experiment.source.source}: no test set {unknown[0]!r}; it has {', '.join(experiment.evaluate)}"
        )
    refuse_class_maps(experiment, wanted)
    refuse_untrained(experiment, where, wanted)
    processes.join()
    if processes.is_first():
        keep_config(experiment, where)
    processes.barrier()
    found, told = {}, progress or untold
    for name in wanted:
        one = evaluate_set(experiment, where, name, metric, resamples, negatives or (), told)
        if one is not None:
            found[name] = one
    if processes.is_first():
        write_model_card(experiment, where)
    processes.leave()
    return Evaluated(where.path, found)
