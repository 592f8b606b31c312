"""`avloc match-clusters`: which cluster is which class."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from avloc.options import Config, RunFolder, Set, verb


@dataclass(frozen=True)
class Matched:
    """classes: names, with the clusters of each. score, purity, agreement: see clustering.Matching. doubts: sentences."""

    run: Path
    classes: dict[str, list[int]]
    score: float
    purity: float
    doubts: list[str]


@verb
def match_clusters(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    random_draws: Annotated[
        int | None, "search with this many random draws, as the authors do; 0 is exact; default: as configured"
    ] = None,
) -> Matched:
    """Assign clusters to classes, for class-aware scores; training never sees the result.

    The clusters of the run are matched with the labels of the training clips. Writes matching.json.
    """
    from avloc.engine.experiment import open_run
    from avloc.engine.stages import stage_one_run

    experiment, own = open_run(config, run, set)
    where = stage_one_run(experiment, own)
    with where.claimed("is training or clustering in this run"):
        return _match(experiment, where, random_draws)


def _match(experiment: Any, where: Any, random_draws: int | None) -> Matched:
    import numpy as np

    from avloc.clustering import match_clusters as match
    from avloc.engine.stages import clusters_id, refuse_without_objects
    from avloc.engine.stores import open_data
    from avloc.errors import DataError, RunError
    from avloc.files import write_json

    stage = experiment.stage(1)
    if not where.clusters.exists():
        refuse_without_objects(experiment, where)
    found = where.load_clusters()
    store = open_data(experiment, 1, stage.data.train, direct=False)
    if list(found["ids"]) != store.ids:
        raise RunError(
            f"{where.clusters} is for other clips than those of {stage.data.store}; repeat `avloc cluster --run {where.path}`"
        )
    single = store.labels.sum(1) == 1
    if not single.any():
        raise DataError(
            f"{stage.data.store}: no clip of {stage.data.train} has exactly one class; matching needs solo clips"
        )
    draws = experiment.cluster.random_draws if random_draws is None else random_draws
    if draws < 0:
        raise DataError(f"random_draws is {draws}; expected 0, for the exact match, or the number of draws")
    truth = store.labels[single].argmax(1)
    matching = match(truth, found["labels"][single], store.classes, int(found["clusters"]), draws, experiment.seed)
    classes = {name: np.flatnonzero(row).tolist() for name, row in zip(store.classes, matching.assignment, strict=True)}
    where.refuse_moved()
    write_json(
        where.matching,
        {
            "classes": list(store.classes),
            "clusters": clusters_id(where),
            "assignment": matching.assignment.tolist(),
            "agreement": np.round(matching.agreement, 6).tolist(),
            "score": matching.score,
            "purity": matching.purity,
            "doubts": matching.doubts,
            "search": f"{draws} random draws" if draws else "exact",
        },
    )
    return Matched(where.path, classes, matching.score, matching.purity, matching.doubts)
