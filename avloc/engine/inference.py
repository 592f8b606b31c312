"""How heat maps are computed from a trained stage: the precision and the memory format."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import wraps
from typing import TYPE_CHECKING, Any

import torch

from avloc.config import Section, bind, lay_over
from avloc.engine.step import channels_last
from avloc.engine.stepping import has_bf16
from avloc.errors import ConfigError
from avloc.methods.base import Localizer

if TYPE_CHECKING:
    from avloc.engine.settings import Inference

#: what is called on a trained stage; the views before it stay in single precision
ASKED = ("locate", "look", "locate_and_look", "fits", "embed", "place_features", "cycles", "node_maps")


def ready(localizer: Localizer, inference: "Inference", device: torch.device) -> Localizer:
    """The trained stage on its device, with the settings applied."""
    localizer = localizer.to(device)
    if inference.channels_last:
        channels_last(localizer)
    if computes_half(inference, device):
        for name in ASKED:
            setattr(localizer, name, _half(getattr(localizer, name), device))
    return localizer


def computes_half(inference: "Inference", device: torch.device) -> bool:
    """Whether bf16 is used: requested, or ``auto`` on a device that has it in hardware."""
    return inference.precision == "bf16" or (inference.precision == "auto" and has_bf16(device))


def overridden(inference: "Inference", settings: Sequence[str]) -> "Inference":
    """The settings with ``inference.key=value`` overrides applied; ConfigError for other keys: the model is already trained."""
    section, problems = Section("--set", {"inference": asdict(inference)}), list[str]()
    lay_over(section, settings, problems)
    problems += [
        f"--set {'.'.join(keys)}: a trained model keeps its other settings; expected inference.precision or "
        "inference.channels_last"
        for keys in section.lines
        if keys[0] != "inference"
    ]
    if problems:
        raise ConfigError("\n".join(problems))
    return bind(section.child("inference"), type(inference))  # type: ignore[no-any-return]


def told(inference: "Inference") -> str:
    """The note in a result, empty for the defaults."""
    half = "" if inference.precision == "fp32" else inference.precision
    return ", ".join(filter(None, [half, "channels_last" if inference.channels_last else ""]))


def _half(function: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    @wraps(function)
    def cast(*arguments: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            return function(*arguments)

    return cast
