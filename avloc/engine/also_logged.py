"""The log of a training in TensorBoard and W&B; log.jsonl remains the reference."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from avloc import processes
from avloc.errors import AvlocError

Entry = Mapping[str, Any]
Told = Callable[[Entry], None]


@contextmanager
def also_logged(to: Sequence[str], folder: Path, name: str, settings: Mapping[str, Any]) -> Iterator[Told]:
    """The loggers that get each epoch's entry, after those of an earlier start of the same training.

    to: ``tensorboard`` rewrites folder/tensorboard each time; ``wandb`` writes an offline run into folder/wandb, which
    `wandb sync` uploads. AvlocError if a package is missing.
    """
    with ExitStack() as opened:
        sinks = [opened.enter_context(SINKS[one](folder, name, settings)) for one in to] if processes.is_first() else []

        def told(entry: Entry) -> None:
            for sink in sinks:
                sink(entry)

        yield told


def figures(entry: Entry) -> dict[str, float]:
    """The numbers of an epoch by name: phase/loss and so on, phase/validation/iou and so on, seconds."""
    phase = entry["phase"]
    found = {
        f"{phase}/{name}": float(value)
        for name, value in entry.items()
        if isinstance(value, int | float) and name not in ("epoch", "seconds")
    }
    found |= {f"{phase}/validation/{name}": float(value) for name, value in entry["validation"].items()}
    return {**found, "seconds": float(entry["seconds"])}


@contextmanager
def _tensorboard(folder: Path, name: str, settings: Mapping[str, Any]) -> Iterator[Told]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise AvlocError("--log-to tensorboard needs pip install 'avloc[tensorboard]'") from None
    place = folder / "tensorboard"
    shutil.rmtree(place, ignore_errors=True)  # the whole log is written again
    with SummaryWriter(str(place)) as writer:

        def told(entry: Entry) -> None:
            for name, value in figures(entry).items():
                writer.add_scalar(name, value, entry["epoch"])
            writer.flush()

        yield told


@contextmanager
def _wandb(folder: Path, name: str, settings: Mapping[str, Any]) -> Iterator[Told]:
    try:
        import wandb
    except ImportError:
        raise AvlocError("--log-to wandb needs pip install 'avloc[wandb]'") from None
    folder.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        project="avloc", name=name, dir=str(folder), config=dict(settings), mode="offline",
        settings=wandb.Settings(silent=True, console="off", disable_git=True, save_code=False),
    )  # fmt: skip
    try:
        yield lambda entry: run.log(figures(entry), step=entry["epoch"])
    finally:
        run.finish()


SINKS = {"tensorboard": _tensorboard, "wandb": _wandb}
