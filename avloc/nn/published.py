"""Loads the state dicts of published code into our modules by a table of names."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from avloc.errors import AvlocError

#: of the networks that hche11/Localizing-Visual-Sounds-the-Hard-Way released and others reused: each has the first
#: convolutions of both modalities, and a classifier
UNUSED_OF_EACH = tuple(
    f"{network}.{layer}."
    for network, layers in (("imgnet", ("conv1_a", "conv1_flow", "fc")), ("audnet", ("conv1", "conv1_flow", "fc")))
    for layer in layers
)

#: of stoneMo/EZ-VSL and of OpenNLPLab/FNAC_AVL, which grew out of it: torchvision's encoders without their classifiers, and a
#: projection of each; {"model": state dict, ...}
PROJECTED = {
    "imgnet.": "visual.",
    "audnet.": "audio.",
    "img_proj.": "frame_projection.",
    "aud_proj.": "sound_projection.",
}


def load_published(
    module: nn.Module,
    state: Mapping[str, Tensor],
    names: Mapping[str, str],
    unused: tuple[str, ...],
    what: str,
    own: tuple[str, ...] = (),
) -> None:
    """Load a published state dict into `module`; AvlocError naming what is missing, unknown or of another shape.

    names: prefixes of their names and of ours; the first match counts. unused: prefixes of their entries that no
    forward pass uses. own: prefixes of our entries that theirs lack. what: a description of the checkpoint, for errors.
    """
    state = without_wrapper(state)
    renamed = {_ours(name, names): value for name, value in state.items() if not name.startswith(unused)}
    expected = {name: value for name, value in module.state_dict().items() if not (own and name.startswith(own))}
    problems = [f"{name} is missing" for name in expected if name not in renamed]
    problems += [f"{name} is unknown" for name in renamed if name not in expected]
    problems += [
        f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}"
        for name, value in renamed.items()
        if name in expected and value.shape != expected[name].shape
    ]
    if problems:
        raise AvlocError(f"this checkpoint does not fit {what}: {'; '.join(problems[:5])} ({len(problems)} in all)")
    module.load_state_dict(renamed, strict=False)


def without_wrapper(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The entries without the prefix ``module.`` of data-parallel wrappers."""
    return {name.removeprefix("module."): value for name, value in state.items()}


def require(state: Mapping[str, Tensor], names: Sequence[str], what: str) -> None:
    """AvlocError unless the state dict has these entries, which identify the checkpoint."""
    missing = [name for name in names if name not in state]
    if missing:
        raise AvlocError(f"not a checkpoint of {what}: it has no {missing[0]}; give the authors' .pth file")


def refuse_other_stage(state: Mapping[str, Tensor], stage: int, mark: str, what: str) -> None:
    """AvlocError unless the state dict is of this one of two stages. mark: an entry that only stage two has. what: a
    description of the checkpoint, for errors.
    """
    if (stage == 2) != (mark in state):
        other, found = (1, "missing") if stage == 2 else (2, "there")
        raise AvlocError(
            f"{what} is from stage {other} ({mark.partition('.')[0]} is {found}); import it with --stage {other}"
        )


def _ours(name: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        if name.startswith(theirs):
            return ours + name[len(theirs) :]
    return name
