"""Many inputs: this process's share, those already finished, several at a time, and those that failed."""

import multiprocessing
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc import processes
from avloc.engine.inputs import Input
from avloc.engine.overlaid import How, Overlaid, finished, identity, made_with
from avloc.engine.overlay_file import overlay_one
from avloc.errors import AvlocError
from avloc.naming import brief, printable, some, whole
from avloc.prepare.media.container import MediaError
from avloc.progress import Progress, untold


@dataclass(frozen=True)
class Failed:
    """An input that cannot be used. reason: one of a few, for counting; message: the complete line."""

    source: Path
    reason: str
    message: str


def share_of(inputs: Sequence[Input], shard: str | None) -> list[Input]:
    """The inputs of one of several machines or processes: every n-th, from the i-th on. shard: "i/n", from 1; None: the
    share of this process under torchrun, all without it.
    """
    number, count = processes.rank() + 1, processes.world_size()
    if shard is not None:
        first, slash, last = shard.partition("/")
        part, parts = whole(first), whole(last)
        if not slash or not part or not parts or part > parts:
            raise AvlocError(f"shard is {brief(repr(shard))}; expected i/n, such as 2/4 for the second of four parts")
        if count > 1:
            raise AvlocError("--shard cannot be used under torchrun, which already divides the inputs")
        number, count = part, parts
    return list(inputs[number - 1 :: count])


def overlay_many(
    load: Callable[[], Any],
    inputs: Sequence[Input],
    out: Path,
    how: How,
    jobs: int,
    progress: Progress,
    model: Any,
) -> tuple[list[Overlaid], list[Failed]]:
    """Overlays of all inputs below `out`, in the order of the inputs, and the unusable ones.

    load: returns the `model` in other processes, to which it is sent if `jobs` is more than 1. Inputs that an earlier
    call finished with the same settings are skipped. The first error that does not concern only one input is raised.
    """
    who = identity(model)
    done: dict[int, Overlaid] = {}
    failed: dict[int, Failed] = {}
    left: list[int] = []
    for number, one in enumerate(inputs):
        try:
            earlier = finished(one, out, made_with(one, how, who))
        except (OSError, ValueError):  # a missing file is reported when its turn comes
            earlier = None
        if earlier is None:
            left.append(number)
        else:
            done[number] = earlier
    if done:
        progress(len(done), len(inputs), "")
    jobs = min(jobs, len(left))
    ran = _one_by_one(model, who, inputs, left, out, how, progress) if jobs < 2 else None
    for number, outcome in ran or _side_by_side(load, who, inputs, left, out, how, jobs):
        if isinstance(outcome, Failed):
            failed[number] = outcome
        else:
            done[number] = outcome
            progress(len(done) + len(failed), len(inputs), printable(inputs[number].name))
    return [done[number] for number in sorted(done)], [failed[number] for number in sorted(failed)]


def _one_by_one(
    model: Any, who: Mapping[str, Any], inputs: Sequence[Input], left: list[int], out: Path, how: How, tell: Progress
) -> Iterator[tuple[int, Overlaid | Failed]]:
    for place, number in enumerate(left, len(inputs) - len(left)):
        name = printable(inputs[number].name)

        def told(frames: int, of: int, what: str, place: int = place, name: str = name) -> None:
            frames = min(frames, of - 1)
            if len(inputs) == 1:
                tell(frames, of, f"frames of {name}: {what}")
            else:
                tell(place, len(inputs), f"{name}: {frames}/{of} frames")

        yield number, _tried(model, inputs[number], out, how, who, told)


def _tried(model: Any, one: Input, out: Path, how: How, who: Mapping[str, Any], tell: Any) -> Overlaid | Failed:
    try:
        return overlay_one(model, one, out, how, who, tell)
    except MediaError as error:
        return Failed(one.path, error.reason, str(error))


_MODEL: Any = None  # of a worker process


def _begin(load: Callable[[], Any], threads: int) -> None:
    global _MODEL
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(1)
    _MODEL = load()


def _work(one: Input, out: Path, how: How, who: Mapping[str, Any]) -> Overlaid | Failed:
    return _tried(_MODEL, one, out, how, who, untold)


def _side_by_side(
    load: Callable[[], Any],
    who: Mapping[str, Any],
    inputs: Sequence[Input],
    left: list[int],
    out: Path,
    how: How,
    jobs: int,
) -> Iterator[tuple[int, Overlaid | Failed]]:
    threads = max(processes.processors() // jobs, 1)
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), _begin, (load, threads))
    try:
        running: dict[Future[Any], int] = {}
        for number in left:
            running[pool.submit(_work, inputs[number], out, how, who)] = number
        while running:
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for one in sorted(ready, key=lambda future: running[future]):
                number = running.pop(one)
                yield number, one.result()
    except BrokenProcessPool:
        raise AvlocError(
            f"a process that worked on {some([str(inputs[n].path) for n in left], 1)} was killed, perhaps because "
            f"memory ran out; run the command again with fewer --jobs than {jobs}: it resumes and skips finished files"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def reasons(failed: Sequence[Failed]) -> str:
    """ "2 not a media file, 1 no picture"; "" for none."""
    counts = Counter(one.reason for one in failed).most_common()
    return ", ".join(f"{count} {reason}" for reason, count in counts)
