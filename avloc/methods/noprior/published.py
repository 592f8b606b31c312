"""The authors' checkpoints, and those of Hear the Flow, which has the same networks: 366 entries."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from avloc.methods.base import Published
from avloc.methods.noprior.method import NoPrior
from avloc.nn.published import load_published, require

NAMES = {
    "imgnet.": "visual.",
    "audnet.": "audio.",
    "flownet.": "flow_encoder.",
    "flowatt.query_conv.": "attention.query.",
    "flowatt.key_conv.": "attention.key.",
    "flowatt.value_conv.": "attention.value.",
}


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    state = without_lightning(state)
    require(state, ["imgnet.conv1.weight", "flownet.conv1.weight", "flowatt.key_conv.weight"], "NoPrior")
    return ({"flow": "frames"},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: NoPrior, two: nn.Module | None = None, dictionary: Any = None
) -> NoPrior:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, without_lightning(state), NAMES, (), "NoPrior")
    return one


def without_lightning(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries without the prefix ``model.`` of PyTorch Lightning's files."""
    return {name.removeprefix("model."): value for name, value in state.items()}


PUBLISHED = Published("noprior_music", arguments_of, import_state)
