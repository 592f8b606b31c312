"""Heat maps of any store's clips, annotated or not, as written by `avloc predict --store`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.progress import Progress, untold

if TYPE_CHECKING:
    import numpy as np

    from avloc.data.store import Store
    from avloc.engine.experiment import Experiment
    from avloc.engine.run import Run
    from avloc.methods.base import Localizer


@dataclass(frozen=True)
class Predicted:
    """predictions: the file of heat maps. table: the time and peak of each. strips: the picture. clips, frames: numbers."""

    run: Path
    predictions: Path
    table: Path
    strips: Path
    clips: int
    frames: int


def predict_store(
    store: Path,
    config: Path | None,
    run: Path | None,
    set: Sequence[str],
    split: str,
    stage: int | None,
    videos: int,
    out: Path | None,
    own_sound: bool,
    classes: bool,
    progress: Progress | None,
) -> Predicted:
    """Write a file of heat maps, a table and a picture; see `avloc.predict` for the arguments. Under torchrun the processes
    share the frames, and the first one writes.
    """
    import numpy as np

    from avloc import processes
    from avloc.data.loader import Loader
    from avloc.data.plans import Plan
    from avloc.drawing.strips import strips
    from avloc.engine.experiment import device_of, open_run
    from avloc.engine.foreign import learnt_from, warn_if_foreign
    from avloc.engine.inference import ready, told
    from avloc.engine.object_maps import with_classes
    from avloc.engine.predicting import maps_of, maps_of_parts
    from avloc.engine.stages import load_stage
    from avloc.engine.stores import open_named
    from avloc.errors import AvlocError
    from avloc.file_names import as_file_name
    from avloc.files import write_bytes
    from avloc.predictions import write_predictions

    if videos < 1:
        raise AvlocError(f"videos is {videos}; expected 1 or more rows of pictures")
    name = as_file_name(split, f"{store}: the split")
    experiment, where = open_run(config, run, set)
    number = experiment.number_of(stage)
    settings = experiment.stage(number)
    device = device_of(settings.train.device)
    localizer = ready(load_stage(experiment, where, number), experiment.inference, device)
    warn_if_foreign(where.path, learnt_from(experiment, where, number, localizer), [store])
    if classes:
        localizer = with_classes(experiment, where, number, localizer).to(device)
    part = open_named(store, split, localizer, f"stage{number}.model.sound.seconds", experiment.method)
    processes.join()
    loader = Loader(part, localizer, device, settings.train.workers, settings.train.resident)
    count = len(part) * part.frames_per_clip
    tell = progress or untold
    tell(0, count, "frames")
    if own_sound:
        maps = maps_of_parts(localizer, loader, lambda done: tell(done, count, "frames"))
    else:
        clips, picks = (axis.ravel() for axis in np.indices((len(part), part.frames_per_clip)))
        maps = maps_of(localizer, loader, Plan(clips, picks), tell=lambda done: tell(done, count, "frames"))
    folder = out if out is not None else where.predictions / store.name
    ids = _ids(part)
    about = {"method": experiment.method, "stage": number, "store": str(store), "split": split, "own_sound": own_sound}
    if inference := told(experiment.inference):
        about["inference"] = inference
    names = _names(experiment, where, number, localizer, part, maps.shape[1], classes)
    # clips can have different numbers of maps if a method determines the number of sounding objects
    shown = np.fmax.reduce(maps, axis=1, keepdims=True) if localizer.maps_differ else maps
    predictions, table, picture = (folder / f"{name}{ending}" for ending in (".h5", ".csv", ".png"))
    processes.leave()
    found = Predicted(where.path, predictions, table, picture, len(part), count)
    if not processes.is_first():
        return found
    if out is None:
        where.refuse_moved()
    write_predictions(predictions, ids, maps, names, attributes=about)
    _write_table(table, part, ids, shown, names)
    write_bytes(picture, strips(part, shown, videos, f"{where.path}, stage {number}: {split} of {store}", names))
    tell(count, count, "frames")
    return found


def _names(
    experiment: "Experiment",
    where: "Run",
    number: int,
    localizer: "Localizer",
    store: "Store",
    maps: int,
    classes: bool,
) -> tuple[str, ...] | None:
    """The name of each of a frame's maps, or None; classes: whether the maps of clusters are to be named too."""
    from avloc.engine.map_names import names_of_clusters

    if localizer.of_classes:
        return _class_names(experiment, number, store, maps)
    if classes and localizer.map_names is None:
        return names_of_clusters(experiment, where, maps)
    return localizer.map_names


def _class_names(experiment: "Experiment", number: int, store: "Store", maps: int) -> tuple[str, ...] | None:
    """For a method with a map per class: its training classes, or if these are unknown, the store's; None for any other
    number of maps.
    """
    from avloc.data.labels import read_labels
    from avloc.engine.stores import open_data
    from avloc.errors import AvlocError

    names, stage = store.classes, experiment.stage(number)
    try:
        if stage.data.layout == "store":
            learnt = open_data(experiment, number, stage.data.train)
            names = learnt.classes if stage.data.labels is None else read_labels(learnt, stage.data.labels).classes
    except AvlocError:
        pass
    return names if len(names) == maps else None


def _ids(store: "Store") -> list[str]:
    """Keys of the frames if they have any that are unique."""
    ids, taken = [], set()
    for clip, keys in zip(store.ids, store.frame_keys, strict=True):
        for pick, key in enumerate(keys):
            name = key if key and key not in taken else f"{clip}#{pick}"
            taken.add(name)
            ids.append(name)
    return ids


def _write_table(
    path: Path, store: "Store", ids: Sequence[str], maps: "np.ndarray[Any, Any]", classes: Sequence[str] | None
) -> None:
    import csv
    import io

    import numpy as np

    from avloc.drawing.strips import stretches_of
    from avloc.files import write_text

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["id", "video", "start", "stop", "highest", "x", "y", *(["class"] if classes else [])])
    for name, stretch, heats in zip(ids, stretches_of(store), maps, strict=True):
        if np.isnan(heats).all():  # nothing was found to sound
            times = [f"{stretch.start:.3f}", f"{stretch.stop:.3f}"]
            table.writerow([name, store.videos[stretch.clip], *times, "", "", "", *([""] if classes else [])])
            continue
        kind, row, column = np.unravel_index(heats.argmax(), heats.shape)
        x, y = (column + 0.5) / heats.shape[2], (row + 0.5) / heats.shape[1]
        figures = [f"{stretch.start:.3f}", f"{stretch.stop:.3f}", f"{heats.max():.6g}", f"{x:.4f}", f"{y:.4f}"]
        table.writerow([name, store.videos[stretch.clip], *figures, *([classes[int(kind)]] if classes else [])])
    write_text(path, text.getvalue())
