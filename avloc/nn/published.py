"""Loading the state dicts of published code into our modules by a table of names."""

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from avloc.errors import AvlocError


def load_published(
    module: nn.Module,
    state: Mapping[str, Tensor],
    names: Mapping[str, str],
    unused: tuple[str, ...],
    what: str,
    own: tuple[str, ...] = (),
) -> None:
    """Fill `module` from a published state dict; AvlocError naming what is missing, unknown or of another shape.

    names: beginnings of their names and of ours, the first that fits counts. unused: beginnings of their entries that no
    forward pass uses. own: beginnings of our entries that theirs lack. what: the checkpoint in words, for the error.
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
    """The entries without the ``module.`` that data-parallel wrappers put before their names."""
    return {name.removeprefix("module."): value for name, value in state.items()}


def require(state: Mapping[str, Tensor], names: Sequence[str], what: str) -> None:
    """AvlocError unless the state dict has these entries, by which the checkpoint is known."""
    missing = [name for name in names if name not in state]
    if missing:
        raise AvlocError(f"this is no {what} checkpoint: it has no {missing[0]}; give the authors' .pth file")


def _ours(name: str, names: Mapping[str, str]) -> str:
    for theirs, ours in names.items():
        if name.startswith(theirs):
            return ours + name[len(theirs) :]
    return name
