"""The interface of a method: a Localizer with its own plan of Phases."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from avloc import processes
from avloc.data.loader import Batch
from avloc.data.needs import Needs
from avloc.nn.objects import objects_of
from avloc.nn.training import Train as Train

Objective = Callable[[Batch], dict[str, Tensor]]


class Collect(Protocol):
    """Run a function over a whole split, in store order, in evaluation mode: rows of every clip, the same everywhere."""

    seed: int

    def __call__(self, function: Objective, split: str = "train") -> dict[str, Tensor]: ...


@dataclass
class Phase:
    """One objective, the optimizers that it steps, for some epochs; `before` can prepare it, for example by clustering.

    measure: further metrics of a validation batch, which are not minimised. rate: a factor on the learning rates.
    """

    name: str
    objective: Objective
    optimizers: list[torch.optim.Optimizer]
    epochs: int
    before: Callable[[Collect], None] | None = None
    measure: Objective | None = None
    rate: float = 1.0


@dataclass(frozen=True)
class Published:
    """How the authors' checkpoints become the stages of a method; a method's module has one as ``PUBLISHED``.

    config: the shipped configuration whose data and test sets an imported run uses.
    arguments_of: a state dict to the arguments of each stage, as far as the weights tell them.
    import_state: (state, stage, stage one, stage two or None, dictionary or None) to the stage with the weights in it.
    files: if the authors published several files, the name of each and the prefix that its entries get.
    own: arguments of encoders whose weights are not in the authors' checkpoint, so they are read from elsewhere.
    """

    config: str
    arguments_of: Callable[..., Any]
    import_state: Callable[..., "Localizer"]
    files: Mapping[str, str] = field(default_factory=dict)
    own: tuple[str, ...] = ()


class Localizer(nn.Module):
    """One stage of a method: it gets a Batch and says where the sound is.

    A method's file lists its stages in ``STAGES``. `frame` and `sound` are its views; `needs` lists its further inputs.
    `memory` has what phases store besides weights (pseudo labels); it is saved and restored with them. `weights_from`:
    the phases whose selected weights `locate` uses, best first. `objects_from`: those whose weights `avloc cluster` and
    a later stage use; None: the same. `looks`: the name of the maps of `look` in tables. `of_classes`: several maps are
    those of the labels' classes, in their order. `uses_clusters`: a later stage starts from the run's clusters too.
    `own_start`: prefixes of the names of weights that a stage keeps from its own stage one if it continues with the
    stage two of another run (`start.stage2`). A method without training sets `needs_training` to False; it has no loss
    and no phases, and is evaluated as it is built. `map_names` are the names of its maps if these are for other classes
    than the store's; see `maps_named`. In a video of any length, `window` is the length in seconds of the sound of a
    map, None for that of the clips that it was trained on, and `window_frames` the number of frames in it for a method
    that needs every frame; `window_needed`: it cannot work with a single picture. `sees_probabilities`: the maps of
    `look` are probabilities, one per class. `frame2`, `sound2`: further views of the same frame and sound in training.
    `motion`: a view of the optical flow from each frame to the next one of its clip, cropped like the frame.
    `maps_differ`: clips have different numbers of maps; those that a clip lacks are NaN. `signed_motion`: of flow to
    the left and up too. `mixes_waveforms`: mixtures of clips use their mixed waveforms, not the mean of their
    spectrograms. `gathers`: `loss` contrasts clips of a batch with one another, and passes what it compares through
    `gathered`, so that ``train.gather``, which sets `gather`, can add those of all processes. `same_parts`: an
    objective reaches the same parameters in every batch.
    """

    frame: Any
    sound: Any
    frame2: Any = None
    sound2: Any = None
    motion: Any = None
    signed_motion: bool = False
    mixes_waveforms: bool = False
    gathers: bool = False
    gather: bool = False
    same_parts: bool = True
    maps_differ: bool = False
    needs: Needs = Needs()
    looks: str = "without sound"
    of_classes: bool = False
    clusters: int = 0
    uses_clusters: bool = True
    weights_from: tuple[str, ...] = ("train",)
    objects_from: tuple[str, ...] | None = None
    own_start: tuple[str, ...] = ()
    needs_training: bool = True
    window: float | None = None
    window_frames: int = 4
    window_needed: bool = False
    sees_probabilities: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.memory: dict[str, Tensor] = {}

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Named terms, already weighted; their sum is minimised."""
        raise TypeError(f"{type(self).__name__} defines no loss")

    def gathered(self, rows: Tensor, clips: int | None = None) -> Tensor:
        """Rows (B, ...) of this process's batch, with ``train.gather`` while training those of all processes, (N B, ...).

        clips: B, if further rows follow those of the clips; they then come after the clips' of all processes.
        """
        if not (self.gather and self.training):
            return rows
        if clips is None or clips == len(rows):
            return processes.gathered(rows)
        return torch.cat([processes.gathered(rows[:clips]), processes.gathered(rows[clips:])])

    def own_rows(self, rows: Tensor) -> Tensor:
        """This process's batch among rows that were `gathered`."""
        return processes.own_rows(rows) if self.gather and self.training else rows

    def locate(self, batch: Batch) -> Tensor:
        """Heat maps (B, K, h, w): K = 1, or one per class or cluster; higher is louder."""
        raise TypeError(f"{type(self).__name__} defines no locate")

    def look(self, batch: Batch) -> Tensor | None:
        """The maps of `locate` without the sound, if the method has them."""
        return None

    def fits(self, batch: Batch) -> Tensor | None:
        """How well each whole frame matches its sound, (B,), higher is better: the cosine of `embed`; None for none."""
        return None if (both := self.embed(batch)) is None else (both[0] * both[1]).sum(1)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Unit vectors (B, C) of frames and of sounds in one space, computed independently; None if there are none."""
        return None

    def locate_and_look(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Both at once; a method that can share the work overrides it."""
        return self.locate(batch), self.look(batch)

    @property
    def map_names(self) -> tuple[str, ...] | None:
        """Names of its maps, where these are not of the store's classes, clusters or everything that sounds."""
        return None

    def maps_named(self, label: str) -> list[int]:
        """Which of its named maps are of a class that a store calls `label`."""
        return [row for row, name in enumerate(self.map_names or ()) if name.casefold() == label.casefold()]

    def do_without(self) -> str:
        """Leave out the parts whose files are missing, if the method can; what is lost, in words, "" for nothing."""
        return ""

    def frame_encoder(self) -> nn.Module | None:
        """The encoder through which every frame passes and nothing else looks at one, so that its features can be
        cached while it is frozen; None if there is no such encoder.
        """
        return None

    def sound_encoder(self) -> nn.Module | None:
        """The same for sounds."""
        return None

    def place_features(self, batch: Batch) -> Tensor | None:
        """Features of each position of a frame, independent of the sound: (B, C, h, w), in a space in which objects can
        be compared by direction; None if a method has no such features.
        """
        return None

    def object_features(self, batch: Batch) -> dict[str, Tensor]:
        """For `avloc cluster`: `objects` (B, C) and other rows, here from `objects_of`; a method that overrides this
        sets `clusters`, their number.
        """
        places = self.place_features(batch)
        if places is None:
            raise TypeError(f"{type(self).__name__} finds no objects to cluster")
        return objects_of(places, self.locate(batch))

    def cycles(self, batch: Batch) -> Tensor:
        """The maps of each of T + 1 cycles, (T + 1, B, 1, h, w), for a method that refines its map step by step."""
        raise TypeError(f"{type(self).__name__} has no cycles")

    def node_maps(self, batch: Batch) -> Tensor:
        """The maps of each of K nodes of a graph, (K, B, 1, h, w), for a method that combines several maps."""
        raise TypeError(f"{type(self).__name__} has no nodes")

    @classmethod
    def can(cls, ability: str) -> bool:
        """Whether a method has an optional ability: whether its class defines `object_features`, `place_features`,
        `cycles` or `node_maps`."""
        return getattr(cls, ability) is not getattr(Localizer, ability)

    @property
    def starts_a_stage(self) -> tuple[str, ...]:
        """The phases whose weights are used to find objects and to start a later stage, best first."""
        return self.weights_from if self.objects_from is None else self.objects_from

    def start_from(self, previous: "Localizer", dictionary: Any) -> None:
        """Take what a later stage needs from the previous stage and the object dictionary (K, C); None for no dictionary."""
        raise TypeError(f"{type(self).__name__} does not start from another stage")

    def take_form(self, previous: "Localizer", shape_of: Callable[[str], tuple[int, ...] | None]) -> None:
        """Create the tensors of a trained later stage, whose weights will be loaded: only the structure of `previous`
        counts.

        shape_of: the shape of one tensor in the weights by its name, None if it is not in them.
        """
        self.start_from(previous, None)

    def dictionary_of_maps(self) -> Tensor | None:
        """The object dictionary (K, C) whose clusters the maps show; None if they show anything else."""
        return None

    @property
    def maps_apart(self) -> bool:
        """Whether a method `of_classes`, with its settings, gives a separate map for each class."""
        return True

    def phases(self, train: Train) -> list[Phase]:
        """The plan; by default one phase that minimises `loss`."""
        return [Phase("train", self.loss, [train.make_optimizer(self.parameters())], train.epochs)]
