"""The encoder of a run, as the weights that another training starts from."""

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from avloc.errors import AvlocError

#: what every encoder that accepts a run says it expects, after the file of its publisher
OR_A_RUN = ", or the folder of a run of avloc"
COPY = "slow."  # what methods call their momentum copy


def file_of(run: Path) -> Path:
    """The weights file of a run's stage one; AvlocError if it has none, or several to choose from."""
    found = sorted((run / "stage1").glob("*.safetensors"))
    if not found:
        raise AvlocError(
            f"weights {run}: no trained stage 1 in this folder; `avloc train-stage1 --run {run}` trains it"
        )
    if len(found) > 1:
        raise AvlocError(
            f"weights {run}: the run has weights of several phases; give one of {', '.join(map(str, found))}"
        )
    return found[0]


def encoder_in(state: Mapping[str, Tensor], part: str) -> dict[str, Tensor] | None:
    """The entries of an encoder of a whole stage, under the encoder's own names; None if there is none.

    part: ``visual`` or ``audio``, as every method calls its two encoders. Of several, the trained network's
    is taken, not that of its momentum copy.
    """
    matches = (re.match(rf"(?:\w+\.)*?{part}\.", name) for name in state)
    prefixes = {match.group() for match in matches if match}
    if not prefixes:
        return None
    prefix = min(prefixes, key=lambda one: (one.startswith(COPY), one.count("."), one))
    # a timm backbone or a tagger is inside a module that standardises its input
    inside = (
        (name.removeprefix(prefix).removeprefix("network."), value)
        for name, value in state.items()
        if name.startswith(prefix)
    )
    return dict(inside)


def take_projection(encoder: nn.Module, state: Mapping[str, Tensor], what: str) -> None:
    """Load the projection too, if the run's encoder had one and this one has; AvlocError for another width."""
    found, own = state.get("project.weight"), getattr(encoder, "project", None)
    if found is None or not isinstance(own, nn.Conv2d):
        return
    if found.shape != own.weight.shape:
        raise AvlocError(
            f"{what}: its projection is from {found.shape[1]} to {found.shape[0]} channels, this one from "
            f"{own.weight.shape[1]} to {own.weight.shape[0]}: set project to {found.shape[0]}"
        )
    own.load_state_dict({"weight": found})
