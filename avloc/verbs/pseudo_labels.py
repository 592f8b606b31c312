"""`avloc pseudo-labels`: how much each class is heard and seen in the clips of a split, kept in the store."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.errors import DataError

if TYPE_CHECKING:
    from avloc.data.labels import Labels
    from avloc.data.store import Store


@dataclass(frozen=True)
class PseudoLabels:
    """store, split, name: whose labels these are. classes: their names. clips: how many. sound, frame: mean number of
    classes a clip that are likelier than not. file: where they lie."""

    store: Path
    split: str
    name: str
    classes: tuple[str, ...]
    clips: int
    sound: float
    frame: float
    file: Path


def pseudo_labels(
    store: Path, split: str, name: str, tags: bool = False, scores: Path | None = None, run: Path | None = None
) -> PseudoLabels:
    """Write the labels `name` of a split; a stage learns from them with ``data.labels: NAME``.

    From one of three: tags, the store's own labels, for sounds and frames alike. scores: a .csv with a header "id,CLASS,..."
    and a row of scores in [0, 1] for each clip, for sounds and frames alike, or a .npz with ids (N,), classes (C,), and
    sound and frame (N, C), or one of both. run: a run whose `clusters.npz` is of this split, as `avloc cluster` writes it
    after a warm-up without classes; its clusters are the classes, named by `matching.json` where that is one to one (names
    and order alone come from the true classes). DataError for missing clips, NaN, or scores outside [0, 1].
    """
    from avloc.data.labels import write_labels
    from avloc.data.store import Store

    if sum((tags, scores is not None, run is not None)) != 1:
        raise DataError("pseudo-labels are made of one thing: give --tags, --scores FILE or --run DIR")
    part = Store.open(store).split(split)
    if tags:
        found = _of_tags(part)
    elif scores is not None:
        found = _of_scores(part, Path(scores))
    else:
        found = _of_clusters(part, Path(run))  # type: ignore[arg-type]
    file = write_labels(part, name, found)
    heard, seen = (float((values > 0.5).sum(1).mean()) for values in (found.sound, found.frame))
    return PseudoLabels(Path(store), split, name, found.classes, len(part), heard, seen, file)


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


def _of_scores(store: "Store", path: Path) -> "Labels":
    import numpy as np

    from avloc.data.labels import Labels

    ids, classes, kinds = _table(path) if path.suffix == ".csv" else _arrays(path)
    place = {clip: row for row, clip in enumerate(ids)}
    if len(place) < len(ids):
        double = next(clip for clip in ids if ids.count(clip) > 1)
        raise DataError(f"{path}: id {double!r} stands there twice; expected each clip once")
    missing = [clip for clip in store.ids if clip not in place]
    if missing:
        raise DataError(
            f"{path}: {len(missing)} of {len(store)} clips of {store.split_name} are missing, such as {missing[0]}"
        )
    rows = np.array([place[clip] for clip in store.ids])
    for kind, values in kinds.items():
        if values.shape != (len(ids), len(classes)):
            raise DataError(
                f"{path}: {kind} has the shape {values.shape}; expected {(len(ids), len(classes))}, clips by classes"
            )
        if not ((values >= 0) & (values <= 1)).all():
            row, column = (int(at[0]) for at in np.nonzero(~((values >= 0) & (values <= 1))))
            raise DataError(
                f"{path}: {ids[row]}, {classes[column]}: {kind} score {values[row, column]}; expected 0 to 1"
            )
    sound, frame = (kinds.get(kind, next(iter(kinds.values())))[rows].astype(np.float32) for kind in ("sound", "frame"))
    return Labels(tuple(classes), sound, frame)


def _table(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    import numpy as np

    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = [row for row in csv.reader(file) if row]
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error or 'it is empty'}); expected a header id,CLASS,... and rows"
        ) from None
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise DataError(f"{path}:{number}: {len(row)} fields, the header has {len(header)}")
    try:
        values = np.array([[float(value) for value in row[1:]] for row in rows], np.float64).reshape(len(rows), -1)
    except ValueError as error:
        raise DataError(f"{path}: a score is no number ({error})") from None
    return [row[0] for row in rows], header[1:], {"sound": values}


def _arrays(path: Path) -> tuple[list[str], list[str], dict[str, Any]]:
    import zipfile

    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            kinds = {kind: file[kind] for kind in ("sound", "frame") if kind in file.files}
            ids, classes = file["ids"].tolist(), file["classes"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: cannot be read ({error}); expected a .csv, or a .npz with ids, classes, sound, frame"
        ) from None
    if not kinds:
        raise DataError(f"{path}: neither sound nor frame in it; expected (N, C) scores of one or both")
    return ids, classes, kinds


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
