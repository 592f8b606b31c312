"""`avloc cluster`: the object dictionary of a trained stage one."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc import processes
from avloc.options import Config, RunFolder, Set, verb

if TYPE_CHECKING:
    from avloc.clustering import Clusters, Ints

log = logging.getLogger("avloc.cluster")


@dataclass(frozen=True)
class Clustered:
    """run, clips, clusters: what was clustered. sizes: clips of each. nmi, purity: with the true classes, None if the
    clips have none or several. agreement: share of clips that keep the cluster used in training their stage.
    """

    run: Path
    clips: int
    clusters: int
    sizes: list[int]
    nmi: float | None
    purity: float | None
    agreement: float


@verb
def cluster(
    config: Config = None,
    run: RunFolder = None,
    set: Set = (),
    as_trained: Annotated[
        bool | None,
        "use the clustering that stage one was last trained with, as published, instead of a new one with the final "
        "weights; default: cluster.as_trained of the configuration",
    ] = None,
    dictionary: Annotated[
        Path | None, "use this object dictionary, a .npy file (K, C) such as the authors', instead of clustering"
    ] = None,
    clusters: Annotated[
        int | None,
        "number of clusters, if the method does not fix it; default: cluster.clusters of the configuration, or "
        "as many as the training clips have classes",
    ] = None,
) -> Clustered:
    """Cluster the objects of the training clips into the dictionary that stage two uses.

    Any method that provides features per position can be clustered; class maps (`maps: class` of a test set) need
    clusters. Writes clusters.npz: labels, centres and dictionary. Clusters get the numbers that the class heads of stage one
    were trained with (the best one-to-one agreement on the same clips), so heads and dictionary match. With
    --dictionary, the numbers are those of the file, and a clip belongs to the cluster of the nearest direction; maps
    of an imported stage two belong to the clusters of its dictionary.
    """
    from avloc.engine.experiment import open_run
    from avloc.engine.stages import stage_one_run

    experiment, own = open_run(config, run, set)
    where = stage_one_run(experiment, own)
    with where.claimed("is training or clustering in this run"):
        return _cluster(experiment, own, where, as_trained, dictionary, clusters)


def _cluster(
    experiment: Any, own: Any, where: Any, as_trained: bool | None, dictionary: Path | None, clusters: int | None
) -> Clustered:
    import numpy as np

    from avloc.clustering import normalised_mutual_information, purity
    from avloc.engine.experiment import keep_config
    from avloc.engine.stages import refuse_without_objects, weights_id, weights_into
    from avloc.engine.stores import open_data

    processes.join()
    refuse_without_objects(experiment, where)
    localizer: Any = experiment.build(1, pretrained=False)
    path = where.weights(1, localizer.starts_a_stage)
    about = weights_into(experiment, localizer, 1, path)
    trained = localizer.memory.get("labels")
    known = experiment.places is not None and "stage1.data" in experiment.places.kept
    store = open_data(experiment, 1, experiment.stage(1).data.train, localizer, training=True)
    if not known and about.get("data", store.fingerprint) != store.fingerprint:
        # if the run remembers its store, its splits were checked above; otherwise only the weights tell
        _refuse_other_clips(path, about["data"], store, trained is not None)

    clusters = _number_of_clusters(experiment, localizer, store, clusters)
    given = None if dictionary is None else _given(dictionary, clusters, as_trained)
    as_trained = experiment.cluster.as_trained if as_trained is None else as_trained
    if as_trained and given is None:
        found = _as_trained(localizer, path)
        rows = _object_features(experiment, localizer, store)  # class maps need their levels
    else:
        rows = _object_features(experiment, localizer, store)
        found = _of_objects(experiment, rows["objects"].numpy(), clusters, given)
        if trained is None and "imported_from" in about:
            # the authors' heads know their clusters by number, although the clips' labels were not released
            trained = rows.get("named")
        if trained is not None and given is None:
            found = _renumbered(found, trained.cpu().numpy())

    agreement = 1.0 if trained is None else float((found.labels == trained.cpu().numpy()).mean())
    if processes.is_first():
        keep_config(experiment, own)
        where.save_clusters(
            labels=found.labels, centres=found.centres, dictionary=found.dictionary, ids=np.array(store.ids),
            epoch=about.get("epoch", "0"), clusters=clusters, weights=weights_id(path), data=store.fingerprint,
            **({"levels": rows["levels"].double().nanmean(0).numpy()} if "levels" in rows else {}),
        )  # fmt: skip
    processes.leave()
    single = store.labels.sum(1) == 1
    truth, labels = store.labels[single].argmax(1), found.labels[single]
    return Clustered(
        run=where.path,
        clips=len(store),
        clusters=clusters,
        sizes=np.bincount(found.labels, minlength=clusters).tolist(),
        nmi=normalised_mutual_information(truth, labels) if len(truth) else None,
        purity=purity(truth, labels) if len(truth) else None,
        agreement=agreement,
    )


def _number_of_clusters(experiment: Any, localizer: Any, store: Any, wanted: int | None) -> int:
    """The number that the stage fixes, or the requested one, or that of the configuration, or one for each class."""
    from avloc.errors import RunError

    fixed = localizer.clusters or None
    if wanted is not None and (wanted < 1 or fixed not in (None, wanted)):
        expected = "1 or more" if fixed is None else f"{fixed}, as its stage one has, or nothing"
        raise RunError(f"clusters is {wanted}; expected {expected}")
    number: int = wanted or fixed or experiment.cluster.clusters or len(store.classes)
    if not number:
        source = experiment.stage(1).data.store
        raise RunError(f"{source} has no classes to derive the number of clusters from; give --clusters")
    return number


def _as_trained(localizer: Any, path: Path) -> "Clusters":
    """The clustering that the weights at `path` were trained with."""
    from avloc.clustering import Clusters
    from avloc.errors import RunError

    if "labels" not in localizer.memory:
        raise RunError(
            f"{path} was trained without the class task: it has no clustering to reuse; leave out --as-trained"
        )
    memory = {name: value.numpy() for name, value in localizer.memory.items()}
    return Clusters(memory["labels"], memory["centres"], memory["dictionary"])


def _object_features(experiment: Any, localizer: Any, store: Any) -> dict[str, Any]:
    """What `object_features` of the method gives for each clip, in order: ``objects`` (N, C), and what else it gives.

    RunError if the method finds no object in any clip.
    """
    from avloc.data.loader import Loader
    from avloc.data.workers import Workers
    from avloc.engine.collect import Collector
    from avloc.engine.experiment import device_of
    from avloc.engine.keeping import keep_features
    from avloc.errors import RunError

    stage, seed = experiment.stage(1), experiment.seed
    device = device_of(stage.train.device)
    localizer.to(device)
    kept = None
    if stage.train.keep == "store":  # the training has saved the features of its frozen encoders there
        kept = keep_features(localizer, store, stage.train, seed, augmented=False)
    workers = Workers(stage.train.workers, stage.data.read_ahead)
    loader = Loader(store, localizer, device, workers, stage.train.resident, kept=kept)
    collect = Collector(localizer, {"train": loader}, stage.train.batch_size, seed, augment=False)
    found: dict[str, Any] = collect(localizer.object_features)
    if "levels" in found and not found["levels"].isfinite().any():
        raise RunError(
            f"{experiment.method} finds no object in any training clip: nothing to cluster; train for longer"
        )
    return found


def _of_objects(experiment: Any, objects: Any, clusters: int, given: Any) -> "Clusters":
    """The clusters of objects (N, C): of a given dictionary, or found by k-means."""
    from avloc.clustering import by_dictionary, cluster_objects

    if given is not None:
        return by_dictionary(objects, given)
    return cluster_objects(objects, clusters, experiment.seed, experiment.cluster.restarts)


def _refuse_other_clips(path: Path, before: str, store: Any, by_clip: bool) -> None:
    """RunError if stage one remembers the clusters of another store's clips; a warning if it remembers none."""
    from avloc.errors import RunError

    found = f"{path} was trained on another store (fingerprint {before}) than {store.path} (fingerprint {store.fingerprint})"
    if by_clip:
        raise RunError(f"{found} and remembers the clusters of its clips; prepare that one again, or train again")
    log.warning("%s; the objects of this one are clustered", found)


def _given(path: Path, clusters: int, as_trained: bool | None) -> Any:
    from avloc.clustering import read_dictionary
    from avloc.errors import AvlocError

    if as_trained:
        raise AvlocError("--as-trained and --dictionary exclude each other; leave one of them out")
    found = read_dictionary(path)
    if len(found) != clusters:
        raise AvlocError(
            f"{path} holds {len(found)} objects, stage one has {clusters} clusters; give its own dictionary"
        )
    return found


def _renumbered(found: "Clusters", trained: "Ints") -> "Clusters":
    """The same clusters, numbered so that most clips keep the label (N,) they had in training."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    from avloc.clustering import Clusters

    clusters = len(found.centres)
    shared = np.zeros((clusters, clusters))
    np.add.at(shared, (trained, found.labels), 1)
    number = np.empty(clusters, dtype=np.int64)
    rows, columns = linear_sum_assignment(shared, maximize=True)
    number[columns] = rows
    order = np.argsort(number)
    return Clusters(number[found.labels], found.centres[order], found.dictionary[order])
