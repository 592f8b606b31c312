"""`avloc pseudo-labels`: how likely each class is heard and seen in the clips of a split, saved in the store."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from avloc import processes
from avloc.errors import DataError, RunError
from avloc.options import StorePath, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.data.labels import Labels
    from avloc.data.store import Store


@dataclass(frozen=True)
class PseudoLabels:
    """store, split, name: of the labels. classes: their names. clips: how many. sound, frame: mean number of classes
    per clip with a probability above one half. proposals: boxes kept for each frame. file: the file of the labels.
    """

    store: Path
    split: str
    name: str
    classes: tuple[str, ...]
    clips: int
    sound: float
    frame: float
    proposals: int
    file: Path


@verb
def pseudo_labels(
    store: StorePath,
    split: Annotated[str, "split of the store"],
    name: Annotated[str, "name of the labels; a stage is trained on them with data.labels: NAME"],
    tags: Annotated[bool, "use the store's own labels"] = False,
    scores: Annotated[
        Path | None, "scores of sounds: .csv (id,CLASS,...), .npz, or .npy in the order of the split"
    ] = None,
    run: Annotated[Path | None, "use the clusters of this run, whose clusters.npz was made from this split"] = None,
    frame_scores: Annotated[Path | None, "scores of frames, if they have their own"] = None,
    tagger: Annotated[Path | None, "score sounds with this audio tagger, mobilecrnn_v2.pth"] = None,
    classifier: Annotated[
        str | None,
        "score frames with torchvision's ResNet-18 or 34: a file, or `imagenet` to download ResNet-18",
    ] = None,
    sound_mapping: Annotated[Path | None, "categories of the tagger's classes: .npy or .csv"] = None,
    frame_mapping: Annotated[Path | None, "categories of the classifier's classes: .npy or .csv"] = None,
    image_scores: Annotated[Literal["softmax", "logits"], "classifier output that is summed per category"] = "softmax",
    proposals: Annotated[Path | None, "a detector's boxes of each frame: .npz, .json or Roi.h5"] = None,
    device: Annotated[str, "device of the networks: auto, cpu or cuda"] = "auto",
    batch_size: Annotated[int, "clips, or frames, per batch"] = 32,
    progress: Progress | None = None,
) -> PseudoLabels:
    """Record which classes are heard and seen in each clip, for methods that learn categories first.

    Labels come from one source: --tags, --run, or scores of sounds and of frames. If only sounds or only frames have
    scores, these are used for both. Scores are in [0, 1], with a row for each clip; a .npz has ids (N,),
    classes (C,), and sound and frame (N, C) or one of them. With proposals and a classifier, each box is classified,
    and the probability of a class is the maximum over the frame and its boxes. Nothing is written if clips are
    missing or scores are not in [0, 1]. With torchrun the processes share the clips; the labels are the same.

    From Python: the clusters of a run are named by its matching.json if that is one-to-one; only names and order
    come from the true classes. Mappings are as ``cluster_a.npy`` and ``cluster_v3.npy``, see
    `avloc.data.categories`; ``logits`` is what the release seems to sum, also for `frame_scores`; proposals: see
    `avloc.data.proposals`.
    """
    from avloc.data.labels import labels_path, write_labels
    from avloc.data.proposals import read_proposals
    from avloc.data.store import Store
    from avloc.engine.labelling import Streams, of_streams, refuse_sources

    if not name or name[0] == "." or "/" in name:
        raise DataError(f"name is {name!r}; expected a word, which becomes part of a file's name in the store")
    streams = Streams(
        scores, frame_scores, None if tagger is None else str(tagger), classifier,
        sound_mapping, frame_mapping, image_scores, device, batch_size, progress or untold,
    )  # fmt: skip
    refuse_sources(streams, tags, run, proposals is not None)
    processes.join()
    part = Store.open(store).split(split)
    boxes = None if proposals is None else read_proposals(proposals, part)
    if tags:
        found = _of_tags(part)
    elif run is not None:
        found = _of_clusters(part, run)
    else:
        found = of_streams(part, streams, boxes)
    if boxes is not None and found.proposals is None:
        import numpy as np

        found = replace(found, proposals=boxes, proposal_classes=np.full(boxes.shape[:3], -1, np.int64))
    file = write_labels(part, name, found) if processes.is_first() else labels_path(part, name)
    processes.leave()
    heard, seen = (float((values > 0.5).sum(1).mean()) for values in (found.sound, found.frame))
    count = 0 if boxes is None else boxes.shape[2]
    return PseudoLabels(store, split, name, found.classes, len(part), heard, seen, count, file)


def _of_tags(store: "Store") -> "Labels":
    import numpy as np

    from avloc.data.labels import Labels

    untagged = int((~store.labels.any(1)).sum())
    if untagged:
        raise DataError(
            f"{store.path}, {store.split_name}: {untagged} of {len(store)} clips have no label; give --scores FILE"
        )
    values = store.labels.astype(np.float32)
    return Labels(store.classes, values, values)


def _of_clusters(store: "Store", path: Path) -> "Labels":
    import numpy as np

    from avloc.data.labels import Labels
    from avloc.engine.run import Run
    from avloc.engine.stages import clusters_id

    run = Run(path)
    found = run.load_clusters()
    if [str(name) for name in found["ids"]] != store.ids:
        raise DataError(
            f"{run.clusters} was made from other clips than {store.path}, {store.split_name}; cluster that split"
        )
    count = int(found["clusters"])
    order, names = list(range(count)), [f"cluster {number}" for number in range(count)]
    if run.matching.exists():
        matching = run.load_matching()
        if matching.get("clusters", "") not in ("", clusters_id(run)):
            raise RunError(f"{run.matching} is for other clusters; `avloc match-clusters --run {path}` writes it again")
        assignment = np.array(matching["assignment"], bool)
        if (
            assignment.shape == (len(store.classes), count)
            and (assignment.sum(0) == 1).all()
            and (assignment.sum(1) == 1).all()
        ):
            order, names = assignment.argmax(1).tolist(), list(store.classes)
    values = np.eye(count, dtype=np.float32)[found["labels"]][:, order]
    return Labels(tuple(names), values, values)
