"""`avloc predict`: where the sound of any video comes from, as an overlay; or heat maps of a prepared store's clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from avloc.options import Ask, Config, Set, StorePath, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.engine.overlaid import Overlaid
    from avloc.engine.overlay_many import Failed
    from avloc.engine.predicting_stores import Predicted

UNTRAINED = "see_and_hear"  # the default method if neither a run nor weights are given
FILES = ("yamnet", "efficientnet_lite0")  # its required files


@dataclass(frozen=True)
class Overlays:
    """The results of `avloc predict` for videos and pictures.

    overlays: an entry for each usable input. failed: the others. passed: a text about files in the folders that are not
    videos. calibrated: the model can tell whether something in view makes the sound.
    """

    out: Path
    page: Path
    model: str
    calibrated: bool
    overlays: "list[Overlaid]"
    failed: "list[Failed]"
    passed: str


@verb
def predict(
    inputs: Annotated[
        Sequence[str],
        "videos, folders of videos, patterns such as 'clips/*.mp4', a picture with --sound, a store, or - for paths on stdin",
        Ask(positional=True, metavar="INPUT"),
    ] = (),
    store: Annotated[StorePath | None, "a prepared store instead of inputs"] = None,
    config: Config = None,
    run: Annotated[
        Path | None,
        "folder of a run; default: see_and_hear, for a store runs/NAME of the configuration or the run last started here",
    ] = None,
    weights: Annotated[
        str | None,
        "a .safetensors file instead of a run, or a method that needs no training: see_and_hear (default) or motion",
    ] = None,
    set: Set = (),
    split: Annotated[str, "split of the store"] = "all",
    stage: Annotated[int | None, "stage whose heat maps to compute; default: the last"] = None,
    videos: Annotated[int, "number of videos of a store to draw"] = 8,
    out: Annotated[
        Path | None, "folder to write; default: avloc-predict, for a store RUN/predictions/NAME of the store"
    ] = None,
    classes: Annotated[
        bool, "one named map per class, for a run that `avloc cluster` and `avloc match-clusters` have processed"
    ] = False,
    own_sound: Annotated[bool, "combine each frame of a store with its own part of the clip's sound"] = False,
    sound: Annotated[Path | None, "sound file for a picture"] = None,
    track: Annotated[int | None, "sound track, counted from 1; default: the first", Ask(least=1)] = None,
    every: Annotated[float, "seconds between two heat maps; between them the overlay interpolates"] = 0.5,
    quiet_below: Annotated[float, "level in dBFS (RMS) below which the sound counts as silence"] = -60.0,
    view: Annotated[Literal["heat", "boxes", "contour", "none"], "what to draw over the video"] = "heat",
    colours: Annotated[
        Literal["inferno", "turbo", "viridis", "magma", "jet", "hot"], "colours of the heat map"
    ] = "inferno",
    opacity: Annotated[float, "opacity of the hottest position, from 0 to 1"] = 0.6,
    frames: Annotated[bool, "write a still of each heat map, NAME.frames/SECONDS.jpg"] = False,
    maps: Annotated[bool, "write all heat maps, NAME.h5"] = False,
    masks: Annotated[bool, "add the mask of each box to the JSON, as run lengths"] = False,
    jobs: Annotated[int, "number of inputs to process at a time", Ask(least=1)] = 1,
    shard: Annotated[
        str | None,
        "only part i of n of the inputs, for one of n machines: every n-th one, starting with the i-th",
        Ask(metavar="i/n"),
    ] = None,
    progress: Progress | None = None,
) -> "Predicted | Overlays":
    """Show where the sound comes from in any video: the video with a heat map over it and its own sound.

    For each input NAME, OUT/NAME.mp4 is the video with its overlay, OUT/NAME.json and OUT/NAME.csv say when and where
    something sounds and when it is silent, and OUT/index.html shows all of them. Files that an earlier call finished are
    skipped; files that cannot be used are counted and named.

    For a store, OUT/SPLIT.h5 contains the heat maps, which `avloc evaluate --predictions` reads (ids are the frames' keys, or
    CLIP#FRAME), OUT/SPLIT.csv their times and the positions of their peaks, and OUT/SPLIT.png shows the first videos.
    """
    from avloc.errors import AvlocError

    tell = progress or untold
    own = [path for path in map(Path, inputs) if (path / "store.json").is_file()]
    if own and (store is not None or len(inputs) > 1):
        raise AvlocError(f"{own[0]} is a store; give no other inputs with it")
    if own or store is not None:
        if inputs and not own:
            raise AvlocError("--store cannot be combined with other inputs; give one or the other")
        only: dict[str, Any] = {
            "weights": weights, "sound": sound, "track": track, "frames": frames, "maps": maps, "masks": masks, "shard": shard,
            "every": every != 0.5, "quiet_below": quiet_below != -60, "view": view != "heat", "colours": colours != "inferno",
            "opacity": opacity != 0.6, "jobs": jobs != 1,
        }  # fmt: skip
        _refuse({name: value for name, value in only.items() if value}, "videos and pictures, not with a store")
        from avloc.engine.predicting_stores import predict_store

        chosen = own[0] if own else store
        assert chosen is not None
        return predict_store(chosen, config, run, set, split, stage, videos, out, own_sound, classes, progress)
    if not inputs:
        raise AvlocError("no input: give a video, a folder, a picture with --sound FILE, or --store STORE")
    if config is not None:
        _refuse({"config": config}, "a store, not with videos and pictures: give --run or --weights")
    only = {"own_sound": own_sound, "split": split != "all", "videos": videos != 8}
    _refuse({name: value for name, value in only.items() if value}, "a store, not with videos and pictures")

    from avloc import processes
    from avloc.engine.foreign import warn_if_foreign
    from avloc.engine.found import overlay_of
    from avloc.engine.inputs import find_inputs
    from avloc.engine.overlaid import How
    from avloc.engine.overlay_many import overlay_many, share_of
    from avloc.engine.overlay_page import write_page
    from avloc.engine.windows import Asked

    Asked(every, quiet_below)  # these raise errors before anything is opened
    overlay_of(view, colours, opacity)
    folder = Path("avloc-predict") if out is None else out
    found = find_inputs(inputs, sound, folder)
    mine = share_of(found.found, shard)
    how = How(every, quiet_below, track, view, colours, opacity, frames, maps, masks)
    load = _loader(run, weights, stage, classes, set)
    model = load()
    warn_if_foreign(model.source, model.origin, [one.path for one in mine])
    parts = processes.gather(overlay_many(load, mine, folder, how, jobs, tell, model))
    order = {one.path: number for number, one in enumerate(found.found)}
    overlays = sorted((one for done, _ in parts for one in done), key=lambda one: order[one.source])
    failed = sorted((one for _, left in parts for one in left), key=lambda one: order[one.source])
    if failed and len(failed) == len(found.found):
        raise AvlocError(failed[0].message if len(failed) == 1 else _none_of(failed))
    page = write_page(folder, failed)
    processes.leave()
    return Overlays(folder, page, str(model.source), _is_calibrated(model), overlays, failed, found.passed)


def _refuse(given: dict[str, Any], where: str) -> None:
    from avloc.errors import AvlocError

    for name in given:
        raise AvlocError(f"--{name.replace('_', '-')} only works with {where}")


def _none_of(failed: "list[Failed]") -> str:
    from avloc.engine.overlay_many import reasons

    return f"none of {len(failed)} files can be used: {reasons(failed)}; the first is {failed[0].message}"


def _is_calibrated(model: Any) -> bool:
    return getattr(model, "calibration", None) is not None


def _loader(run: Path | None, weights: str | None, stage: int | None, classes: bool, set: Sequence[str]) -> Any:
    """A function that loads the model and can be sent to other processes."""
    from avloc.errors import AvlocError

    if run is not None and weights is not None:
        raise AvlocError("give --run or --weights, not both")
    if classes and run is None:
        raise AvlocError("--classes only works with --run: class maps need the clusters of a run")
    what = str(run) if run is not None else weights
    return partial(_load, what, stage, classes, set)


def _load(what: str | None, stage: int | None, classes: bool = False, set: Sequence[str] = ()) -> Any:
    from avloc.engine.loaded import load

    if what is None:
        _refuse_missing_files()
    model = load(UNTRAINED if what is None else what, stage, classes=classes, set=set)
    return _with_what_is_there(model)


def _refuse_missing_files() -> None:
    """AvlocError with instructions if files of the default method are missing."""
    from avloc import weights
    from avloc.errors import AvlocError

    for name in FILES:
        path = weights.kept(name)
        if not path.exists():
            how = weights.how_to_get(weights.known(name), path)
            raise AvlocError(
                f"{UNTRAINED}, the default, lacks {name}: {how}; or use --weights motion, which needs no files"
            )


def _with_what_is_there(model: Any) -> Any:
    """The model; a warning lists the parts that it lacks because of missing files."""
    import logging

    lost = model.localizer.do_without()
    if lost:
        logging.getLogger("avloc").warning("%s %s", model.method, lost)
    return model
