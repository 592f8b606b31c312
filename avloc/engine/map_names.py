"""The class names of a stage's maps, in order."""

from avloc.engine.card import Card
from avloc.engine.experiment import Experiment
from avloc.engine.run import Run
from avloc.engine.stages import clusters_id, stage_one_run
from avloc.errors import AvlocError
from avloc.methods.base import Localizer


def names_of_maps(
    experiment: Experiment, number: int, localizer: Localizer, card: Card, run: Run | None
) -> tuple[str, ...] | None:
    """None if a stage has a single map of everything that sounds, or if the classes of its maps are unknown.

    In this order: its own names; those in its weights; its training classes, for a method with a map for each; for maps
    of clusters, the result of `avloc match-clusters`, where a cluster without a class is named by its number.
    """
    if localizer.map_names is not None:
        return localizer.map_names
    if card.maps:
        return card.maps
    if localizer.of_classes:
        return _several(localizer, card.classes or _learnt(experiment, number))
    dictionary = localizer.dictionary_of_maps()
    if run is None or dictionary is None or len(dictionary) < 2:
        return None
    return names_of_clusters(experiment, run, len(dictionary))


def _several(localizer: Localizer, classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Such a method can be set to merge its maps into one for all classes."""
    return (
        classes if localizer.maps_apart and classes and localizer.needs.label_classes in (None, len(classes)) else None
    )


def _learnt(experiment: Experiment, number: int) -> tuple[str, ...]:
    """Classes of the training clips of a run of an earlier version, whose weights do not name them."""
    from avloc.data.labels import read_labels
    from avloc.engine.stores import open_data

    stage = experiment.stage(number)
    if experiment.places is None or stage.data is None or stage.data.layout != "store":
        return ()
    try:
        store = open_data(experiment, number, stage.data.train)
        return store.classes if stage.data.labels is None else tuple(read_labels(store, stage.data.labels).classes)
    except AvlocError:
        return ()


def names_of_clusters(experiment: Experiment, run: Run, count: int) -> tuple[str, ...] | None:
    """Of the clusters of a run, by its matching; None if it has no such clusters."""
    where = stage_one_run(experiment, run)
    if not where.matching.exists() or not where.clusters.exists():
        return None
    found = where.load_matching()
    if found.get("clusters", "") not in ("", clusters_id(where)):
        return None
    names = [f"cluster {number}" for number in range(count)]
    for name, row in zip(found["classes"], found["assignment"], strict=True):
        for cluster, taken in enumerate(row[:count]):
            if taken:
                names[cluster] = name
    return tuple(names)
