"""The processes of this run, as started by `torchrun`; with one process every function is the identity."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from avloc.errors import AvlocError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rank() -> int:
    return _number("RANK", 0, 0)


def world_size() -> int:
    return _number("WORLD_SIZE", 1, 1)


def _number(name: str, least: int, otherwise: int) -> int:
    """An environment variable that torchrun sets; AvlocError if it is no number."""
    text = os.environ.get(name)
    if text is None:
        return otherwise
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if found < least:
        raise AvlocError(
            f"environment variable {name} is {text!r:.60}; expected a number, {least} or more, as torchrun sets it"
        )
    return found


def is_first() -> bool:
    return rank() == 0


_held = False  # whether the group outlives the verbs that leave it
_groups = 0  # how many this process has entered so far


@contextmanager
def together() -> Iterator[None]:
    """Share one process group between several verbs, each of which joins and leaves one."""
    global _held
    join()
    _held = True
    try:
        yield
    finally:
        _held = False
        leave()


def first_says(value: Any) -> Any:
    """The first process's value, in all processes."""
    return gather(value if is_first() else None)[0]


def join() -> None:
    """Enter the process group described by torchrun's variables: NCCL if there is a GPU per process, else gloo."""
    if world_size() == 1:
        return
    import torch
    import torch.distributed as distributed

    if distributed.is_initialized():
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(_number("LOCAL_RANK", 0, 0))
    _enter("nccl" if torch.cuda.is_available() else "gloo")


def _enter(backend: str, **settings: Any) -> None:
    """Enter a group of all processes, under separate keys.

    torchrun keeps its store when it restarts processes, including the addresses of dead ones. On one machine the number
    of restarts distinguishes the groups; agents of several machines count restarts differently.
    """
    global _groups
    import torch.distributed as distributed

    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise AvlocError(
            f"WORLD_SIZE is {world_size()}, but {', '.join(missing)} is not set; start several processes with torchrun"
        )
    _groups += 1
    one_machine = os.environ.get("LOCAL_WORLD_SIZE") == os.environ.get("WORLD_SIZE")
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if one_machine else "0"
    store, number, size = next(distributed.rendezvous("env://"))  # type: ignore[no-untyped-call]
    mine = distributed.PrefixStore(f"avloc/{restarts}/{_groups}", store)
    with _silent_stdout():
        distributed.init_process_group(backend, store=mine, rank=number, world_size=size, **settings)


@contextmanager
def _silent_stdout() -> Iterator[None]:
    """Gloo of PyTorch 2.8 to 2.10 writes to stdout, below Python, that it is connected; --json must print JSON only."""
    if sys.stdout is None:  # closed by the caller
        yield
        return
    sys.stdout.flush()
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def leave() -> None:
    if world_size() > 1 and not _held:
        import gc

        import torch.distributed as distributed

        if distributed.is_initialized():
            # a DistributedDataParallel that lives until the interpreter exits sometimes aborts the process there
            gc.collect()
            distributed.destroy_process_group()


def share(count: int) -> range:
    """Those of `count` numbered pieces of work that belong to this process."""
    return range(rank(), count, world_size())


def in_turn(values: list[list[Any]]) -> list[Any]:
    """The results of all processes' `share`, in the order of the pieces."""
    found: list[Any] = [None] * sum(map(len, values))
    for number, own in enumerate(values):
        found[number :: len(values)] = own
    return found


def barrier() -> None:
    if world_size() > 1:
        import torch.distributed as distributed

        distributed.barrier()


def mean(value: "Tensor") -> "Tensor":
    """The mean of a tensor over the processes."""
    if world_size() == 1:
        return value
    import torch.distributed as distributed

    total = value.clone()
    distributed.all_reduce(total)
    return total / world_size()


def from_first(tensors: "Iterable[Tensor]") -> None:
    """Every process gets the values of the first one's tensors."""
    if world_size() == 1:
        return
    import torch.distributed as distributed

    for tensor in tensors:
        distributed.broadcast(tensor, 0)


def gather_rows(rows: "Tensor") -> "Tensor":
    """Rows (n, ...) of every process, process after process; every process must have the same number of rows."""
    if world_size() == 1:
        return rows
    import torch
    import torch.distributed as distributed

    parts = [torch.empty_like(rows) for _ in range(world_size())]
    distributed.all_gather(parts, rows.contiguous())
    return torch.cat(parts)


def gathered(rows: "Tensor") -> "Tensor":
    """Like `gather_rows`, with gradients: each process's rows get the sum of all processes' gradients for them.

    If every process computes the same loss of all rows, the mean of their gradients equals that of one process with all
    rows.
    """
    if world_size() == 1:
        return rows
    import torch
    import torch.distributed as distributed

    class Gathered(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, own: "Tensor") -> "Tensor":
            return gather_rows(own)

        @staticmethod
        def backward(ctx: Any, gradient: "Tensor") -> "Tensor":  # type: ignore[override]
            total = gradient.contiguous().clone()
            distributed.all_reduce(total)
            return own_rows(total)

    return Gathered.apply(rows) if len(rows) else rows  # type: ignore[no-any-return, no-untyped-call]


def own_rows(rows: "Tensor") -> "Tensor":
    """This process's rows among the gathered ones."""
    count = len(rows) // world_size()
    return rows[rank() * count : (rank() + 1) * count]


def gather(value: Any) -> list[Any]:
    """The values of all processes, in order, on every process; waits for the last of them, however long it takes."""
    if world_size() == 1:
        return [value]
    from datetime import timedelta

    import torch.distributed as distributed

    if not distributed.is_initialized():
        _enter("gloo", timeout=timedelta(days=365))
    found: list[Any] = [None] * world_size()
    distributed.all_gather_object(found, value)
    return found
