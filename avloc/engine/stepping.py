"""How gradients become steps: the precision, accumulation over batches, clipping, and averaging of weights."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from avloc.errors import AvlocError
from avloc.methods.base import Train

log = logging.getLogger("avloc.train")


def number_type(precision: str, device: torch.device) -> torch.dtype:
    """The type of a precision; ``auto`` is bf16 if the device has it in hardware, else fp32.

    AvlocError for fp16 without a GPU: CPUs compute it slowly; they have bf16 or neither.
    """
    if precision == "auto":
        return torch.bfloat16 if has_bf16(device) else torch.float32
    if precision == "fp16" and device.type != "cuda":
        raise AvlocError(
            f"train.precision is fp16, which needs a GPU, and the device is {device}; set auto, bf16 or fp32"
        )
    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def has_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bf16 in hardware. For a CPU, PyTorch only reports this on x86."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    asked = [getattr(torch.cpu, name, None) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")]
    return device.type == "cpu" and any(ask is not None and ask() for ask in asked)


def autocast(train: Train, device: torch.device) -> torch.autocast:
    kind = number_type(train.precision, device)
    half = kind != torch.float32
    return torch.autocast(device.type, kind if half else torch.bfloat16, enabled=half)


class Steps:
    """The steps of one training, on one device.

    scaler: keeps fp16 gradients from vanishing; it does nothing at other precisions. average: of the weights, see `Average`.
    """

    def __init__(self, train: Train, device: torch.device) -> None:
        self.train, self.device = train, device
        self.kind = number_type(train.precision, device)
        if train.precision == "auto":
            log.info("train.precision auto: %s on %s", "bf16" if self.kind == torch.bfloat16 else "fp32", device)
        elif train.precision == "bf16" and not has_bf16(device):
            log.warning(
                "train.precision is bf16, which %s does not have in hardware: auto or fp32 is much faster", device
            )
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.kind == torch.float16)
        self.average = Average(train.ema)

    def to_state(self) -> dict[str, Any]:
        """What a training needs to resume, as tensors and plain values."""
        average = {name: value.cpu() for name, value in (self.average.values or {}).items()}
        return {"scaler": self.scaler.state_dict(), "average": average}

    def from_state(self, state: Mapping[str, Any]) -> None:
        """A state of an earlier version has neither."""
        if state.get("scaler"):
            self.scaler.load_state_dict(state["scaler"])
        if state.get("average"):
            self.average.values = {name: value.to(self.device) for name, value in state["average"].items()}

    def backward(self, loss: Tensor, optimizers: Sequence[torch.optim.Optimizer], step: int, steps: int) -> bool:
        """Add to the gradients; returns whether a step is due: after each `accumulate` batches, and after the last one.

        step: of the `steps` batches of an epoch.
        """
        group = self.train.accumulate
        batches = min(group, steps - step // group * group)
        if step % group == 0:
            for optimizer in optimizers:
                optimizer.zero_grad(set_to_none=self.train.zero_grad_none)
        self.scaler.scale(loss if batches == 1 else loss / batches).backward()
        return (step + 1) % group == 0 or step + 1 == steps

    def step(self, optimizers: Sequence[torch.optim.Optimizer], factor: float) -> None:
        """factor: of the learning rates."""
        if self.train.clip_grad is not None:
            self._clip(optimizers, self.train.clip_grad)
        for optimizer in optimizers:
            self._step(optimizer, factor)
        self.scaler.update()

    def _clip(self, optimizers: Sequence[torch.optim.Optimizer], longest: float) -> None:
        """All gradients together, as one vector."""
        for optimizer in optimizers:
            self.scaler.unscale_(optimizer)
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        parameters = {id(parameter): parameter for group in groups for parameter in group["params"]}
        nn.utils.clip_grad_norm_(parameters.values(), longest)

    def _step(self, optimizer: torch.optim.Optimizer, factor: float) -> None:
        rates = [group["lr"] for group in optimizer.param_groups]
        for group in optimizer.param_groups:
            group["lr"] *= factor
        self.scaler.step(optimizer)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate


class Average:
    """A moving average of a module's weights over the steps of a phase; disabled if `decay` is None.

    values: the average, None before the first step.
    """

    def __init__(self, decay: float | None) -> None:
        self.decay = decay
        self.values: dict[str, Tensor] | None = None

    @torch.no_grad()
    def add(self, module: nn.Module) -> None:
        """After a step. Values that are not floating-point, such as a count of batches, are copied."""
        if self.decay is None:
            return
        now = module.state_dict()
        if self.values is None:
            self.values = {name: value.clone() for name, value in now.items()}
            return
        for name, value in now.items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - self.decay)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def shown(self, module: nn.Module) -> Iterator[None]:
        """Inside, the module has the average as its weights, if there is one."""
        if self.values is None:
            yield
            return
        own = {name: value.clone() for name, value in module.state_dict().items()}
        module.load_state_dict(self.values)
        try:
            yield
        finally:
            module.load_state_dict(own)
