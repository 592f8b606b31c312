"""`avloc pseudo-labels`: how much each class is heard and seen in the clips of a split, kept in the store."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from avloc.errors import DataError
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.data.labels import Labels
    from avloc.data.store import Store


@dataclass(frozen=True)
class PseudoLabels:
    """store, split, name: whose labels these are. classes: their names. clips: how many. sound, frame: mean number of
    classes a clip that are likelier than not. proposals: boxes kept of each frame. file: where they lie."""

    store: Path
    split: str
    name: str
    classes: tuple[str, ...]
    clips: int
    sound: float
    frame: float
    proposals: int
    file: Path


def pseudo_labels(
    store: Path,
    split: str,
    name: str,
    tags: bool = False,
    scores: Path | None = None,
    run: Path | None = None,
    frame_scores: Path | None = None,
    tagger: Path | None = None,
    classifier: str | None = None,
    sound_mapping: Path | None = None,
    frame_mapping: Path | None = None,
    image_scores: Literal["softmax", "logits"] = "softmax",
    proposals: Path | None = None,
    device: str = "auto",
    batch_size: int = 32,
    progress: Progress | None = None,
) -> PseudoLabels:
    """Write the labels `name` of a split; a stage learns from them with ``data.labels: NAME``.

    For sounds and frames alike from tags, the store's own labels, or a run whose `clusters.npz` is of this split, as
    `avloc cluster` writes it after a warm-up without classes; its clusters are the classes, named by `matching.json` where
    that is one to one (names and order alone come from the true classes).

    Else of sounds from one of two, and of frames; what is of one serves the other where that has nothing of its own.
    scores, frame_scores: a .csv with a header "id,CLASS,..." and a row of scores in [0, 1] for each clip; a .npz with ids
    (N,), classes (C,), and sound and frame (N, C), or one of both; or a .npy (N, C) in the order of the split, as the
    authors' ``labels_a.npy``. tagger: the audio tagger's file. classifier: torchvision's ResNet-18 or 34 of ImageNet, a file
    or ``imagenet`` for the download. sound_mapping, frame_mapping: which class of the networks, or of the scores, is of
    which category, as ``cluster_a.npy`` and ``cluster_v3.npy``; see `avloc.data.categories`. image_scores: what of the
    classifier is summed over a category's classes; ``logits`` as the release seems to, also for `frame_scores`.

    proposals: a detector's boxes, see `avloc.data.proposals`, kept with the labels; with a classifier, each is named, and a
    class counts as likely as in the frame or in any of them. DataError for missing clips, NaN, or scores outside [0, 1];
    nothing is written then.
    """
    from avloc.data.labels import write_labels
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
    part = Store.open(store).split(split)
    boxes = None if proposals is None else read_proposals(Path(proposals), part)
    if tags:
        found = _of_tags(part)
    elif run is not None:
        found = _of_clusters(part, Path(run))
    else:
        found = of_streams(part, streams, boxes)
    if boxes is not None and found.proposals is None:
        import numpy as np

        found = replace(found, proposals=boxes, proposal_classes=np.full(boxes.shape[:3], -1, np.int64))
    file = write_labels(part, name, found)
    heard, seen = (float((values > 0.5).sum(1).mean()) for values in (found.sound, found.frame))
    count = 0 if boxes is None else boxes.shape[2]
    return PseudoLabels(Path(store), split, name, found.classes, len(part), heard, seen, count, file)


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

    run = Run(path)
    found = run.load_clusters()
    if [str(name) for name in found["ids"]] != store.ids:
        raise DataError(f"{run.clusters} is of other clips than {store.path}, {store.split_name}; cluster that split")
    count = int(found["clusters"])
    order, names = list(range(count)), [f"cluster {number}" for number in range(count)]
    if run.matching.exists():
        assignment = np.array(run.load_matching()["assignment"], bool)
        if (
            assignment.shape == (len(store.classes), count)
            and (assignment.sum(0) == 1).all()
            and (assignment.sum(1) == 1).all()
        ):
            order, names = assignment.argmax(1).tolist(), list(store.classes)
    values = np.eye(count, dtype=np.float32)[found["labels"]][:, order]
    return Labels(tuple(names), values, values)
