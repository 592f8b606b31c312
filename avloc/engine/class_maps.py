"""Which maps of a run can be scored, and the class of each."""

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from avloc.data.store import Store
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.settings import TestSet
from avloc.engine.stages import clusters_id, stage_one_run
from avloc.errors import AvlocError, RunError
from avloc.methods.base import Localizer
from avloc.naming import some
from avloc.protocols.protocol import Protocol

log = logging.getLogger("avloc.evaluate")


def refuse_untrained(experiment: Experiment, run: Run, wanted: Sequence[str]) -> None:
    """RunError before anything is scored if a stage is missing; it names the sets that can be scored."""
    missing: dict[str, RunError] = {}
    for name in wanted:
        number = experiment.number_of(experiment.evaluate[name].stage)
        where = stage_one_run(experiment, run) if number == 1 else run
        kind = experiment.localizers[number - 1]
        if not kind.needs_training:
            continue
        try:
            where.weights(number, kind.weights_from)
        except RunError as error:
            missing[name] = error
    if missing:
        rest = [f"--sets {name}" for name in wanted if name not in missing]
        more = f"; score the trained stages with {' '.join(rest)}" if rest else ""
        raise RunError(f"{next(iter(missing.values()))}{more}")


def class_table(
    experiment: Experiment, run: Run, protocol: Protocol, store: Store, localizer: Localizer
) -> NDArray[np.bool_] | None:
    """(C, K) for protocols that score per class: from the matching for maps of clusters, else one map per class; a
    single map is used for every class.
    """
    if protocol.unit != "class":
        return None
    if localizer.map_names is not None:
        return named_table(localizer, store)
    if localizer.of_classes:
        return np.eye(len(store.classes), dtype=bool)
    refuse_objects(experiment, protocol, localizer)
    if localizer.dictionary_of_maps() is None:
        return np.eye(len(store.classes), dtype=bool)
    return matched_table(experiment, run, store, localizer)


def refuse_objects(experiment: Experiment, protocol: Protocol, localizer: Localizer) -> None:
    """AvlocError for a protocol that scores per class, with maps of objects that nothing names."""
    if localizer.maps_differ and protocol.unit == "class":
        raise AvlocError(
            f"{experiment.method} gives maps of objects without classes, but {protocol.name} scores per class; use a protocol "
            "that does not, such as noprior or avloc"
        )


def maps_are_unnamed(localizer: Localizer) -> bool:
    """Whether a localizer does not say what several maps of it would be of."""
    return localizer.map_names is None and not localizer.of_classes and localizer.dictionary_of_maps() is None


def matched_table(experiment: Experiment, run: Run, store: Store, localizer: Localizer) -> NDArray[np.bool_]:
    """(C, K) of the run's matching of clusters with classes."""
    where = stage_one_run(experiment, run)
    matching = where.load_matching()
    if where.clusters.exists() and matching.get("clusters", "") not in ("", clusters_id(where)):
        raise RunError(
            f"{where.matching} is for other clusters; `avloc match-clusters --run {where.path}` writes it again"
        )
    if not _of_clusters(localizer, where):
        raise RunError(
            f"{where.clusters} uses another object dictionary than the maps of this stage, so no map has a class; "
            f"`avloc cluster --run {where.path} --dictionary FILE.npy` uses theirs, then run `avloc match-clusters`"
        )
    if tuple(matching["classes"]) != store.classes:
        raise RunError(
            f"{where.matching} has the classes {', '.join(matching['classes'])}, but {store.path} has "
            f"{', '.join(store.classes)}; evaluate on a store with the classes of the training store"
        )
    return np.array(matching["assignment"], dtype=bool)


def table_of_names(localizer: Localizer, store: Store) -> NDArray[np.bool_]:
    """(C, K): which of a localizer's named maps belong to each of the store's classes; none for unknown names."""
    table = np.zeros((len(store.classes), len(localizer.map_names or ())), bool)
    for row, label in enumerate(store.classes):
        table[row, localizer.maps_named(label)] = True
    return table


def named_table(localizer: Localizer, store: Store) -> NDArray[np.bool_]:
    """The same for a protocol that scores per class.

    Classes without a map are named in the log; AvlocError if no class has one.
    """
    table = table_of_names(localizer, store)
    without = [store.classes[row] for row in np.flatnonzero(~table.any(axis=1))]
    if len(without) == len(store.classes):
        raise AvlocError(
            f"{store.path}: none of its classes ({some(without)}) is a category of this method; add them in your "
            "own CSV (model.categories)"
        )
    if without:
        log.warning(
            "%s: %d of %d classes have no map (%s); you can add categories with model.categories",
            store.path, len(without), len(store.classes), some(without),
        )  # fmt: skip
    return table


def _of_clusters(localizer: Localizer, run: Run) -> bool:
    """Whether a stage with an object dictionary (imported ones have their own) uses that of the run's clusters."""
    own = localizer.dictionary_of_maps()
    if own is None or not run.clusters.exists():
        return True
    known = run.load_clusters()["dictionary"]
    return known.shape == tuple(own.shape) and np.allclose(known, own.cpu().numpy(), rtol=1e-5, atol=1e-6)


def refuse_other_classes(
    maps: NDArray[np.float32], table: NDArray[np.bool_] | None, localizer: Localizer, store: Store, test: TestSet
) -> None:
    """AvlocError if maps of one store's classes would be scored per class on a store with other classes."""
    if localizer.of_classes and table is not None and maps.shape[1] not in (1, len(store.classes)):
        raise AvlocError(
            f"{test.store}: {len(store.classes)} classes, but the model has maps of {maps.shape[1]}; "
            f"{test.protocol} scores per class: evaluate on a store with the trained classes, or use another "
            "protocol, such as avloc"
        )
