"""`avloc predict`: heat maps of any store's clips, annotated or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from avloc.data.store import Store

Progress = Callable[[int, int, str], None]
COLUMNS = 10


@dataclass(frozen=True)
class Predicted:
    """predictions: the file of heat maps. strips: the picture. clips, frames: how many were looked at."""

    run: Path
    predictions: Path
    strips: Path
    clips: int
    frames: int


def predict(
    store: Path,
    config: Path | None = None,
    run: Path | None = None,
    set: Sequence[str] = (),
    split: str = "all",
    stage: int | None = None,
    videos: int = 8,
    out: Path | None = None,
    progress: Progress | None = None,
) -> Predicted:
    """Heat maps of every frame of a split by a run's stage (None: its last), as a file of predictions and as strips.

    The file, OUT/SPLIT.h5, is what `avloc evaluate --predictions` reads: ids are the frames' keys, or CLIP#FRAME. The
    picture, OUT/SPLIT.png, has a row for each of the first `videos` videos, its frames in the order of time under their
    maps, which share one scale. out: a folder; RUN/predictions/<store's name> where None. AvlocError for a store that the
    run's method cannot read.
    """
    import numpy as np

    from avloc.data.loader import Loader, Plan
    from avloc.engine.experiment import device_of, open_run, open_split
    from avloc.engine.predicting import maps_of
    from avloc.engine.stages import load_stage
    from avloc.errors import AvlocError
    from avloc.files import replacing
    from avloc.predictions import write_predictions

    if videos < 1:
        raise AvlocError(f"videos is {videos}; expected 1 or more rows of pictures")
    experiment, where = open_run(config, run, set)
    number = stage or max(experiment.stages)
    settings = experiment.stage(number)
    device = device_of(settings.train.device)
    localizer = load_stage(experiment, where, number).to(device)
    part = open_split(Path(store), split, localizer)
    loader = Loader(part, localizer, device, settings.train.workers, settings.train.resident)
    clips, picks = (axis.ravel() for axis in np.indices((len(part), part.frames_per_clip)))
    if progress:
        progress(0, 1, f"{len(clips)} frames")
    maps = maps_of(localizer, loader, Plan(clips, picks))
    folder = Path(out) if out is not None else where.predictions / Path(store).name
    ids = _ids(part)
    about = {"method": experiment.method, "stage": number, "store": str(store), "split": split}
    classes = part.classes if localizer.of_classes and maps.shape[1] == len(part.classes) else None
    predictions, strips = folder / f"{split}.h5", folder / f"{split}.png"
    write_predictions(predictions, ids, maps, classes, attributes=about)
    content = _strips(part, maps, videos, f"{where.path}, stage {number}: {split} of {store}")
    with replacing(strips) as temporary:
        temporary.write_bytes(content)
    if progress:
        progress(1, 1, "")
    return Predicted(where.path, predictions, strips, len(part), len(clips))


def _ids(store: "Store") -> list[str]:
    """Keys of the frames where they have any, which are not those of other frames."""
    ids, taken = [], set()
    for clip, keys in zip(store.ids, store.frame_keys, strict=True):
        for pick, key in enumerate(keys):
            name = key if key and key not in taken else f"{clip}#{pick}"
            taken.add(name)
            ids.append(name)
    return ids


def _strips(store: "Store", maps: "np.ndarray[Any, Any]", videos: int, title: str) -> bytes:
    import numpy as np

    from avloc.drawing.panels import Picture, Row, panel
    from avloc.drawing.pictures import heat_picture, value_range
    from avloc.drawing.sound import sound_picture

    count = store.frames_per_clip
    rows = []
    for video in list(dict.fromkeys(store.videos))[:videos]:
        clips = [clip for clip, name in enumerate(store.videos) if name == video]
        moments = [(clip, pick) for clip in clips for pick in range(count)]
        spread = np.unique(np.linspace(0, len(moments) - 1, min(COLUMNS, len(moments))).astype(int))
        heats = [maps[clip * count + pick].max(0) for clip, pick in (moments[n] for n in spread)]
        limits = value_range(np.stack(heats))
        pictures = []
        for (clip, pick), heat in zip((moments[n] for n in spread), heats, strict=True):
            time = store.starts[clip] + store.seconds * pick / count
            frame = store.frames([clip], [pick])[0]
            words = f"highest {heat.max():.3g}"
            pictures.append(Picture(f"{time:.1f} s", heat_picture(frame, heat, limits, 160), words, f"At {time:.1f} s"))
        rows.append(Row(f"{video}: colours from {limits[0]:.3g} to {limits[1]:.3g}", pictures))
        heard = np.concatenate(list(store.sounds(clips)))
        width = 170 * len(pictures) - 10
        words = f"{len(clips) * store.seconds:.1f} s"
        rows.append(Row("", [Picture("Sound", sound_picture(heard, store.rate, width), words, "Its sound")]))
    return panel(title, rows)
