"""Where the time of training steps goes: data, views, forward, backward, optimizer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from avloc.methods.base import Localizer

PARTS = ("data", "views", "forward", "backward", "optimizer")


class Stopwatch:
    """Seconds by part; a part within another one is not counted twice. A GPU is waited for at both ends of each."""

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._open: list[list[Any]] = []  # name, since when

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
    """A view whose calls are measured; all else is the view's own."""

    def __init__(self, view: Any, watch: Stopwatch):
        self._view, self._watch = view, watch

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        with self._watch("views"):
            return self._view(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._view, name)


@contextmanager
def timed_views(localizer: Localizer, watch: Stopwatch) -> Iterator[None]:
    """The localizer's views, measured meanwhile."""
    before = {name: getattr(localizer, name) for name in ("frame", "sound", "frame2", "sound2")}
    # past nn.Module, which takes nothing but modules where it had one
    for name, view in before.items():
        if view is not None:
            object.__setattr__(localizer, name, _TimedView(view, watch))
    try:
        yield
    finally:
        for name, view in before.items():
            object.__setattr__(localizer, name, view)
