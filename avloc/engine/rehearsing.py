"""A few steps of every phase, validation and one batch of evaluation, to find later problems and estimate the time."""

import math
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from avloc import processes
from avloc.data.loader import Batch, Loader, seed_of
from avloc.data.plans import Plan
from avloc.engine import contract
from avloc.engine.collect import collect
from avloc.engine.objectives import Objectives, share_batches
from avloc.engine.step import rate_factor, train_step
from avloc.engine.stepping import Steps, autocast
from avloc.engine.stopwatch import Stopwatch, timed_views
from avloc.engine.validation import always_measured, refuse_select
from avloc.files import replacing
from avloc.methods.base import Localizer, Phase, Train
from avloc.progress import Progress

STEPS = 2  # of every phase in a dry run
PROFILED = 8  # of every phase in a profile, after the first two
ROWS = 64  # clips that represent the whole split when a phase is prepared


@dataclass(frozen=True)
class PhaseRehearsed:
    """epochs: of all phases of that name. steps: per epoch. seconds: per step, without the first, which warms up.
    before: how long preparing the phase will take, estimated from a few clips. validation: seconds to validate an
    epoch. total: seconds of all its epochs. shares: of each part in a step, in [0, 1], of a profile only. trace: its
    file.
    """

    phase: str
    epochs: int
    steps: int
    seconds: float
    before: float
    validation: float
    total: float
    shares: dict[str, float] = field(default_factory=dict)
    trace: Path | None = None


def rehearse(
    localizer: Localizer,
    loaders: Mapping[str, Loader],
    train: Train,
    seed: int,
    traces: Path | None,
    progress: Progress,
) -> list[PhaseRehearsed]:
    """Phases of one name count as one; the first of them is tried. traces: the folder of a profile's traces, None for
    none.

    The localizer's weights are changed; only traces are written.
    """
    share_batches(localizer, train)
    plan = localizer.phases(train)
    contract.refuse_plan(localizer, plan)
    names = dict.fromkeys(phase.name for phase in plan)
    found = []
    for number, name in enumerate(names):
        progress(number, len(names), name)
        same = [phase for phase in plan if phase.name == name]
        found.append(_phase(localizer, loaders, train, seed, same, traces))
    progress(len(names), len(names), "")
    return found


def _phase(
    localizer: Localizer, loaders: Mapping[str, Loader], train: Train, seed: int, same: list[Phase], traces: Path | None
) -> PhaseRehearsed:
    phase, loader = same[0], loaders["train"]
    before = 0.0
    if phase.before is not None:
        started = time.perf_counter()
        few = FewRows(localizer, loaders, train.batch_size, seed_of(seed, 0) % 2**31)
        phase.before(few)
        before = (time.perf_counter() - started) * few.scale
    steps = loader.steps(train.batch_size)
    watch = Stopwatch(loader.device)
    seconds, trace = _steps(localizer, loader, phase, train, seed, watch, traces)
    spent = sum(watch.seconds.values()) or 1.0
    judged = _judge(localizer, loaders, phase, train)
    epochs = sum(one.epochs for one in same)
    total = epochs * (steps * seconds + judged) + len(same) * before
    shares = {part: value / spent for part, value in watch.seconds.items()} if traces is not None else {}
    return PhaseRehearsed(phase.name, epochs, steps, seconds, before, judged, total, shares, trace)


def _steps(
    localizer: Localizer,
    loader: Loader,
    phase: Phase,
    train: Train,
    seed: int,
    watch: Stopwatch,
    traces: Path | None,
) -> tuple[float, Path | None]:
    """Seconds per step, and the trace of the last ones."""
    objectives = Objectives(localizer, train)
    made = Steps(train, loader.device)
    torch.manual_seed(seed_of(seed, 0, 0))
    localizer.train()
    batches = chain.from_iterable(loader.training(train.batch_size, seed, epoch) for epoch in count())
    factor = rate_factor(train, phase, 0, phase.epochs * loader.steps(train.batch_size))

    def steps(wanted: int, first: bool = False) -> float:
        started = time.perf_counter()
        for number in range(wanted):
            with watch("data"):
                batch = next(batches)
            if first and number == 0:
                contract.try_locate(localizer, batch)
            train_step(
                localizer,
                objectives.of(phase, batch),
                phase,
                batch,
                made,
                factor,
                first=first and number == 0,
                clock=watch,
            )
        return (time.perf_counter() - started) / wanted

    with timed_views(localizer, watch):
        steps(1, first=True)
        if traces is None:
            return steps(STEPS - 1), None
        steps(1)
        watch.seconds = dict.fromkeys(watch.seconds, 0.0)
        seconds = steps(PROFILED)
        kept = dict(watch.seconds)
        trace = traces / f"{phase.name}.json"
        if not torch.cuda.is_available():
            os.environ.setdefault("KINETO_LOG_LEVEL", "6")  # its profiler reports the missing GPU as an error
        with torch.profiler.profile(activities=_activities(loader.device), acc_events=True) as profiler:
            steps(2)
        watch.seconds = kept
    if processes.is_first():
        with replacing(trace) as temporary:
            profiler.export_chrome_trace(str(temporary))
    return seconds, trace


def _activities(device: torch.device) -> list[torch.profiler.ProfilerActivity]:
    cpu, cuda = torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA
    return [cpu, cuda] if device.type == "cuda" else [cpu]


@torch.no_grad()
def _judge(localizer: Localizer, loaders: Mapping[str, Loader], phase: Phase, train: Train) -> float:
    """Seconds that the validation of an epoch will take, estimated from one batch."""
    if "validation" not in loaders:
        return 0.0
    loader = loaders["validation"]
    localizer.eval()
    started = time.perf_counter()
    with autocast(train, loader.device):
        batch = next(loader.in_order(train.batch_size, seed=0, augment=train.val_transform == "train"))
        contract.refuse_terms(localizer, phase, phase.objective(batch), loader.device, learnt=False)
        measured = {} if phase.measure is None else phase.measure(batch)
        for value in measured.values():
            float(value)  # a measure is one number per name
        refuse_select(train.select, phase.name, [*always_measured(loaders), *measured])
    seconds = (time.perf_counter() - started) * math.ceil(len(loader.store) / len(batch))
    boxed = len(np.unique(loader.store.boxes.clip))
    if boxed:
        started = time.perf_counter()
        contract.refuse_maps(localizer, localizer.locate(batch), batch)
        seconds += (time.perf_counter() - started) * math.ceil(boxed / len(batch))
    return seconds


class FewRows:
    """A `Collect` that uses a few clips and repeats their rows for all others."""

    def __init__(self, localizer: Localizer, loaders: Mapping[str, Loader], batch_size: int, seed: int):
        self.localizer, self.loaders, self.batch_size, self.seed = localizer, loaders, batch_size, seed
        self.scale = 1.0  # how many times as long all clips of the training split will take

    def __call__(self, function: Callable[[Batch], dict[str, Tensor]], split: str = "train") -> dict[str, Tensor]:
        if split not in self.loaders:
            return {}
        loader = self.loaders[split]
        clips = len(loader.store)
        few = min(clips, ROWS)
        if split == "train":
            self.scale = clips / few
        plan = Plan(np.linspace(0, clips - 1, few).astype(np.int64), np.zeros(few, np.int64))
        rows = collect(self.localizer, function, loader, plan, self.batch_size)
        return {name: values[torch.arange(clips) % few] for name, values in rows.items()}


def memory() -> dict[str, float]:
    """Peak bytes of this process, and of its GPU where it has one."""
    unit = 1 if sys.platform == "darwin" else 1024
    found = {"processor": float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)}
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        found["GPU"] = float(torch.cuda.max_memory_allocated())
    return found
