"""`avloc.load`: a model from a run, a weights file or a method's name, ready to use."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc import registry
from avloc.config import Section
from avloc.data.origin import origin_of
from avloc.engine.calibration import Calibration, calibration_of
from avloc.engine.card import Card, card_of
from avloc.engine.experiment import Experiment, device_of, experiment_of, load_method, open_run
from avloc.engine.inference import overridden, ready, told
from avloc.engine.map_names import names_of_maps
from avloc.engine.object_maps import with_classes
from avloc.engine.run import Run
from avloc.engine.sounding import for_its_maps
from avloc.engine.stages import fill, last_trained, load_stage, needs_training, stage_one_run, weights_id
from avloc.engine.stores import open_data
from avloc.errors import AvlocError, RunError
from avloc.made_with import versions
from avloc.naming import some

if TYPE_CHECKING:
    import torch

    from avloc.engine.found import Found
    from avloc.methods.base import Localizer

CHECKPOINTS = (".pth", ".pt", ".ckpt", ".tar", ".npy")  # suffixes of files that authors publish


@dataclass(frozen=True)
class Model:
    """A trained stage of a method, ready to use.

    source: what was loaded. classes: names of the classes of its maps, in order; None if its maps have none.
    rate: sampling rate of its sound in Hz, None for any. seconds: length of its sound, None for any
    length. size: side of its square frames in pixels. card: the description in its weights.
    localizer: the network, an `avloc.Localizer`, in evaluation mode on `device`.
    origin: what it was trained on: the ``synthetic`` world, ``composed`` scenes, or what was ``recorded``; empty if
    unknown. calibration: the threshold above which something in view makes the sound, None without `avloc calibrate`.
    run, weights: the folder and the file that it came from. inference: how it computes heat maps, such as ``bf16``; empty
    for the defaults.
    """

    source: str
    method: str
    stage: int
    classes: tuple[str, ...] | None
    rate: int | None
    seconds: float | None
    size: int
    device: "torch.device"
    card: Card
    localizer: "Localizer" = field(repr=False)
    origin: str = ""
    calibration: Calibration | None = None
    run: Path | None = None
    weights: Path | None = None
    inference: str = ""

    def predict(
        self,
        video: str | Path | None = None,
        *,
        image: Any = None,
        sound: Any = None,
        rate: int | None = None,
        every: float = 0.5,
        quiet_below: float = -60.0,
        track: int | None = None,
        masks: bool = False,
    ) -> "Found":
        """Where the sound of a video comes from, or of a picture with its sound; see `avloc.engine.finding.find`."""
        from avloc.engine.finding import find

        return find(
            self,
            video,
            image=image,
            sound=sound,
            rate=rate,
            every=every,
            quiet_below=quiet_below,
            track=track,
            masks=masks,
        )

    def __repr__(self) -> str:
        length = f"{self.seconds:g} s" if self.seconds else "any length"
        rate = f"{self.rate} Hz" if self.rate else "any rate"
        classes = f", maps of {some(self.classes, 3)}" if self.classes else ""
        where = "" if self.source == self.method else f" from {self.source}"
        return f"<{self.method} stage {self.stage}{where}: {length} at {rate}, {self.size} px, {self.device}{classes}>"


def load(
    what: str | Path,
    stage: int | None = None,
    device: str = "auto",
    classes: bool = False,
    set: str | Sequence[str] = (),
) -> Model:
    """A model, ready to use.

    what: the folder of a run (``runs/mine``), a single .safetensors file of one, or the name of a method without
    training (``see_and_hear``, ``motion``).
    stage: the stage of a run; None: the last trained one. device: ``auto``, ``cpu`` or ``cuda``.
    classes: one map per class instead of one map of everything that sounds; for a run that was clustered and matched.
    set: ``inference.precision=bf16`` or ``inference.channels_last=true``, to compute heat maps in another way than the run.
    Anything else raises an AvlocError of one line.
    """
    path = Path(what)
    if path.is_dir():
        return _of_run(path, stage, device, classes, set)
    if classes:
        raise AvlocError(f"{what}: class maps need the clusters of a run; give its folder (--run DIR)")
    if path.is_file():
        if path.suffix.lower() in CHECKPOINTS:
            raise AvlocError(
                f"{path}: not a weights file of avloc; if it is an authors' checkpoint, `avloc import-weights --method NAME "
                f"--stage 1 --from {path} --run DIR` imports it into a run"
            )
        return _of_file(path, stage, device, set)
    if stage not in (None, 1):
        raise AvlocError(f"{what}: has no stage {stage}; a method by its name has stage 1 only")
    return _of_name(str(what), device, set)


def _of_run(folder: Path, stage: int | None, device: str, classes: bool, set: str | Sequence[str]) -> Model:
    experiment, run = open_run(None, folder)
    number = experiment.number_of(stage) if stage is not None else last_trained(experiment, run)
    if not needs_training(experiment, number):
        return _ready(str(folder), experiment, number, load_stage(experiment, run, number), device, None, run, set)
    localizer = load_stage(experiment, run, number)
    if classes:
        localizer = with_classes(experiment, run, number, localizer)
    where = stage_one_run(experiment, run) if number == 1 else run
    return _ready(
        str(folder), experiment, number, localizer, device, where.weights(number, localizer.weights_from), run, set
    )


def _of_file(path: Path, stage: int | None, device: str, set: str | Sequence[str]) -> Model:
    card = card_of(path)
    if stage is not None and stage != card.stage:
        raise AvlocError(f"{path}: contains stage {card.stage} of {card.method}, not stage {stage}")
    run = Run(path.parent.parent)
    if card.config is not None:
        experiment = experiment_of(Section(str(path), card.config))
    elif run.config.exists():
        experiment, run = open_run(None, run.path)
    else:
        raise RunError(f"{path}: weights of an earlier avloc without a configuration; load the run that they came from")
    localizer = experiment.build(card.stage, pretrained=False)
    fill(experiment, localizer, card.stage, path)
    mine = run if run.config.exists() and path.parent == run.stage(card.stage) else None
    return _ready(str(path), experiment, card.stage, localizer.eval(), device, path, mine, set)


def _of_name(name: str, device: str, set: str | Sequence[str]) -> Model:
    known = [one for one in registry.methods() if not load_method(one).STAGES[0].needs_training]
    is_file = "/" in name or name.lower().endswith((".safetensors", *CHECKPOINTS))
    if name not in registry.methods() and ("." not in name or is_file):
        raise AvlocError(
            f"{name}: no run, no weights file and no method of that name; expected the folder of a run, a .safetensors file, "
            f"or one of {', '.join(known)}"
        )
    kind: Any = load_method(name).STAGES[0]
    if kind.needs_training:
        raise AvlocError(
            f"{name} needs training, so its name alone is not a model; give a run or a weights file (methods without training: "
            f"{', '.join(known)})"
        )
    experiment = experiment_of(Section(name, {"method": name, "stage1": {}}))
    return _ready(name, experiment, 1, experiment.build(1).eval(), device, None, None, set)


def _ready(
    source: str,
    experiment: Experiment,
    number: int,
    localizer: "Localizer",
    device: str,
    weights: Path | None,
    run: Run | None,
    set: str | Sequence[str],
) -> Model:
    inference = overridden(experiment.inference, set)
    card = Card(experiment.method, number, versions=versions()) if weights is None else card_of(weights)
    there = device_of(device)
    view: Any = localizer.sound
    clips = card.views or _clips(experiment, number)
    seconds = getattr(view, "seconds", None) or clips.get("seconds")
    known = calibration_of(run, number, "" if weights is None else weights_id(weights), card.calibration)
    known = for_its_maps(known, localizer, source)
    return Model(
        source, experiment.method, number, names_of_maps(experiment, number, localizer, card, run),
        view.rate or clips.get("rate"), seconds, localizer.frame.size, there, card,
        ready(localizer, inference, there).eval(),
        card.origin or clips.get("origin", ""), known,
        None if run is None else run.path, weights, told(inference),
    )  # fmt: skip


def _clips(experiment: Experiment, number: int) -> dict[str, Any]:
    """The training clips of a run of an earlier version whose weights do not describe them: from its store, if that exists."""
    stage = experiment.stage(number)
    if experiment.places is None or stage.data is None or stage.data.layout != "store":
        return {}
    try:
        store = open_data(experiment, number, stage.data.train)
    except AvlocError:
        return {}
    return {"seconds": store.seconds, "rate": store.rate, "origin": origin_of(store.settings)}
