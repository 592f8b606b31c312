"""How a stage is trained: settings that all methods share, and the optimizers that they make."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import nn

from avloc.ranges import Count, Epochs, LearningRate, Norm, Several, Steps, Workers


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
    save_every: steps between further states within an epoch, so that an interruption costs at most that many; 0: only after
    epochs.
    val_transform: the view of validation frames; ``train`` augments them, as the released DSOL code does by accident.
    fused: PyTorch's fused optimizer, which is faster and rounds differently in the last bits.
    compile: compile the loss of each phase (torch.compile), which takes minutes and speeds up the steps. The losses of the
    first batch are compared with the uncompiled ones; if they differ or compiling fails, training warns and does without.
    gather: with several processes, contrast the clips of a batch with those of all processes.
    sync_bn: with several processes, batch norms use the batches of all processes.
    zero_grad_none: False keeps zero gradients, so that unused parameters still move by momentum and decay, as in
    PyTorch before 2.0.
    """

    __pydantic_config__ = {"extra": "forbid"}

    epochs: Epochs = 15
    batch_size: Count = 32
    lr: LearningRate = 1e-4
    weight_decay: LearningRate = 1e-4
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    schedule: Literal["constant", "cosine", "restarts"] = "constant"
    restart: Count = 10
    milestones: tuple[Epochs, ...] = ()
    gamma: LearningRate = 0.1
    warmup: Steps = 0
    warmup_rate: LearningRate | None = None
    precision: Literal["fp32", "bf16", "fp16", "auto"] = "fp32"
    accumulate: Count = 1
    clip_grad: Norm | None = None
    ema: Annotated[float, Field(gt=0, lt=1)] | None = None
    select: Literal["loss", "accuracy", "iou", "located", "last"] = "last"
    patience: Epochs = 0
    device: str = "auto"
    workers: Workers = 4
    resident: bool | None = None
    fused: bool = False
    compile: bool = False
    gather: bool = False
    sync_bn: bool = False
    zero_grad_none: bool = True
    keep: Literal["auto", "memory", "store", "never"] = "auto"
    versions: Several = 0
    keep_states: Count = 2
    save_every: Steps = 0
    val_transform: Literal["test", "train"] = "test"

    def make_optimizer(
        self, parameters: Iterable[nn.Parameter] | Iterable[dict[str, Any]], lr: float | None = None
    ) -> torch.optim.Optimizer:
        """parameters: the parameters, or torch's groups of them, each with its own settings."""
        groups: Any = list(parameters)
        lr = self.lr if lr is None else lr
        settings: dict[str, Any] = {"lr": lr, "weight_decay": self.weight_decay, "fused": self.fused or None}
        if self.optimizer == "sgd":
            return torch.optim.SGD(groups, momentum=0.9, **settings)
        kind = torch.optim.AdamW if self.optimizer == "adamw" else torch.optim.Adam
        return kind(groups, **settings)
