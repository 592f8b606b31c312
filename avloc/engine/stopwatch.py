"""How the time of training steps is divided: data, views, forward, backward, optimizer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from avloc.methods.base import Localizer

PARTS = ("data", "views", "forward", "backward", "optimizer")


class Stopwatch:
    """Seconds by part; nested parts are not counted twice. It waits for the GPU at both ends of each."""

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._open: list[list[Any]] = []  # name, and start time

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        now = self._now()
        if self._open:
            self._add(now)
        self._open.append([part, now])
        try:
            with torch.profiler.record_function(part):
                yield
        finally:
            now = self._now()
            self._add(now)
            self._open.pop()
            if self._open:
                self._open[-1][1] = now

    def _add(self, now: float) -> None:
        part, since = self._open[-1]
        self.seconds[part] += now - since

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


class _TimedView:
    """A view whose calls are timed; everything else is the view's own."""

    def __init__(self, view: Any, watch: Stopwatch):
        self._view, self._watch = view, watch

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        with self._watch("views"):
            return self._view(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


@contextmanager
def timed_views(localizer: Localizer, watch: Stopwatch) -> Iterator[None]:
    """Inside, the localizer's views are timed."""
    before = {name: getattr(localizer, name) for name in ("frame", "sound", "frame2", "sound2")}
    # bypasses nn.Module, which accepts only modules for an attribute that was one
    for name, view in before.items():
        if view is not None:
            object.__setattr__(localizer, name, _TimedView(view, watch))
    try:
        yield
    finally:
        for name, view in before.items():
            object.__setattr__(localizer, name, view)
