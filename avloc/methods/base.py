"""What a method is: a Localizer that follows its own plan of Phases."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt
from torch import Tensor, nn

from avloc.data.loader import Batch
from avloc.data.needs import Needs
from avloc.nn.objects import objects_of

Objective = Callable[[Batch], dict[str, Tensor]]


@dataclass(frozen=True)
class Train:
    """How a stage is trained; shared by all methods.

    epochs: passes over the training split with the method's main objective.
    batch_size: clips per step and per process. lr: learning rate.
    weight_decay: an L2 term of the gradient with adam and sgd, decoupled with adamw.
    optimizer: ``sgd`` has momentum 0.9.
    schedule: learning rate schedule: ``constant``, ``cosine`` down to zero over each phase, or ``restarts``: cosine
    down to zero over every `restart` epochs of a phase. With the first and the last, a training can be extended later.
    restart: number of epochs between restarts with ``restarts``.
    milestones: epochs of a phase, from 0, at which its learning rates are multiplied by `gamma`. gamma: that factor.
    warmup: number of steps in which the learning rate rises linearly.
    warmup_rate: a constant factor on the learning rate during warm-up, instead of the linear rise.
    precision: fp32; bf16 or fp16 by autocast, the latter with a scaled loss for GPUs without bf16; or ``auto``, bf16 where the
    device has it, else fp32.
    accumulate: batches whose gradients are averaged into one step; contrasts stay within each batch.
    clip_grad: largest 2-norm of a step's gradient; larger gradients are scaled down.
    ema: decay of a moving average of the weights over the steps of a phase; validation uses it, and the phase saves it.
    select: which epoch's weights a phase keeps, by a metric on the validation split: ``loss`` (lowest), ``accuracy``,
    ``iou`` (highest mean IoU of the maps with the validation boxes), ``located`` (share of maps with an IoU of 0.5 or more),
    or ``last``.
    patience: end the training early if a phase has not improved for this many epochs; 0 for never.
    device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; auto uses a GPU if there is one. workers: processes that read the store.
    resident: keep the training split on the device; None keeps it if it fits.
    keep: where to cache features of frozen encoders (visual, audio), which are the same in every epoch: in ``memory``,
    in files next to the ``store``, ``auto`` (in memory, or next to the store if they do not fit) or ``never``. They
    are only cached if the view is not random in training, or if `versions` is set.
    versions: draw this many random views of each frame and sound once, and cache their features; a batch uses one of them.
    keep_states: number of states of the last epochs to keep; if the newest is damaged, training resumes from the next one.
    val_transform: the view of validation frames; ``train`` augments them, as the released DSOL code does by accident.
    fused: PyTorch's fused optimizer, which is faster and rounds differently in the last bits.
    zero_grad_none: False keeps zero gradients, so that unused parameters still move by momentum and decay, as in
    PyTorch before 2.0.
    """

    __pydantic_config__ = {"extra": "forbid"}

    epochs: NonNegativeInt = 15
    batch_size: PositiveInt = 32
    lr: NonNegativeFloat = 1e-4
    weight_decay: NonNegativeFloat = 1e-4
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    schedule: Literal["constant", "cosine", "restarts"] = "constant"
    restart: PositiveInt = 10
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup: NonNegativeInt = 0
    warmup_rate: float | None = None
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    accumulate: PositiveInt = 1
    clip_grad: PositiveFloat | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    select: Literal["loss", "accuracy", "iou", "located", "last"] = "last"
    patience: NonNegativeInt = 0
    device: str = "auto"
    workers: NonNegativeInt = 4
    resident: bool | None = None
    fused: bool = False
    zero_grad_none: bool = True
    keep: Literal["auto", "memory", "store", "never"] = "auto"
    versions: NonNegativeInt = 0
    keep_states: PositiveInt = 2
    val_transform: Literal["test", "train"] = "test"

    def make_optimizer(
        self, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]], lr: float | None = None
    ) -> torch.optim.Optimizer:
        """parameters: or torch's groups of them, each with settings of its own."""
        groups: Any = list(parameters)
        lr = self.lr if lr is None else lr
        settings: dict[str, Any] = {"lr": lr, "weight_decay": self.weight_decay, "fused": self.fused or None}
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, **settings)
        kind = torch.optim.AdamW if self.optimizer == "adamw" else torch.optim.Adam
        return kind(groups, **settings)


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

    A method's file lists its stages in ``STAGES``. `frame` and `sound` are its views; `needs` says what else it wants to see
    and hear. `memory` holds what phases remember besides weights (pseudo labels); it is saved and restored with them.
    `weights_from`: the phases whose selected weights `locate` uses, best first. `objects_from`: those whose weights
    `avloc cluster` and a later stage use; None: the same. `looks`: the name of the maps of `look` in tables. `of_classes`:
    several maps are those of the labels' classes, in their order. `uses_clusters`: a later stage starts from the run's clusters
    too.
    `own_start`: beginnings of the names of weights that a stage keeps from its own stage one where it goes on with the stage
    two of another run (`start.stage2`).
    A method without training sets `needs_training` to False; it has no loss and no phases, and is evaluated as it is built.
    `map_names` are the names of its maps if these are for other classes than the store's; see `maps_named`.
    In a video of any length, `window` is the length in seconds of the sound of a map, None for that of the clips
    that it was trained on, and `window_frames` the number of frames in it for a method that needs every frame;
    `window_needed`: it cannot work with a single picture. `sees_probabilities`: the maps of `look` are probabilities,
    one per class. `frame2`, `sound2`: further views of the same frame and sound in training. `motion`: a view of the
    optical flow from each frame to the next one of its clip, cropped like the frame. `maps_differ`: clips have different
    numbers of maps; those that a clip lacks are NaN.
    """

    frame: Any
    sound: Any
    frame2: Any = None
    sound2: Any = None
    motion: Any = None
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
        """The encoder through which every frame passes and nothing else looks at one, so that its features can be kept
        while it is frozen; None where there is no such encoder."""
        return None

    def sound_encoder(self) -> nn.Module | None:
        """The same of sounds."""
        return None

    def place_features(self, batch: Batch) -> Tensor | None:
        """What each place of a frame shows, whatever sounds: (B, C, h, w), in a space in which objects can be compared by their
        directions; None where a method offers no such features."""
        return None

    def object_features(self, batch: Batch) -> dict[str, Tensor]:
        """For `avloc cluster`: `objects` (B, C), and what else is collected, here by `objects_of`; a method with its own sets
        `clusters`, their number."""
        places = self.place_features(batch)
        if places is None:
            raise TypeError(f"{type(self).__name__} finds no objects to cluster")
        return objects_of(places, self.locate(batch))

    def cycles(self, batch: Batch) -> Tensor:
        """The maps of each of T + 1 cycles, (T + 1, B, 1, h, w), of a method that refines its map step by step."""
        raise TypeError(f"{type(self).__name__} has no cycles")

    def node_maps(self, batch: Batch) -> Tensor:
        """The maps of each of K nodes of a graph, (K, B, 1, h, w), of a method that makes its map of several."""
        raise TypeError(f"{type(self).__name__} has no nodes")

    @classmethod
    def can(cls, ability: str) -> bool:
        """Whether a method has an optional ability: whether its class defines `object_features`, `place_features`,
        `cycles` or `node_maps`."""
        return getattr(cls, ability) is not getattr(Localizer, ability)

    @property
    def starts_a_stage(self) -> tuple[str, ...]:
        """The phases whose weights objects are found with and a later stage starts from, best first."""
        return self.weights_from if self.objects_from is None else self.objects_from

    def start_from(self, previous: "Localizer", dictionary: Any) -> None:
        """Take what a later stage needs from the previous stage and the object dictionary (K, C), None for none."""
        raise TypeError(f"{type(self).__name__} does not start from another stage")

    def take_form(self, previous: "Localizer", shape_of: Callable[[str], tuple[int, ...] | None]) -> None:
        """Get the tensors of a trained later stage, whose weights will be filled in: of `previous` nothing but the form counts.

        shape_of: the shape of one tensor in the weights by its name, None where they have none of it.
        """
        self.start_from(previous, None)

    def dictionary_of_maps(self) -> Tensor | None:
        """The object dictionary (K, C) whose clusters the maps are of; None where they are of anything else."""
        return None

    @property
    def maps_apart(self) -> bool:
        """Whether a method `of_classes`, with its settings, gives a map of each class, not all fused into one."""
        return True

    def phases(self, train: Train) -> list[Phase]:
        """The plan; by default one phase that minimises `loss`."""
        return [Phase("train", self.loss, [train.make_optimizer(self.parameters())], train.epochs)]
