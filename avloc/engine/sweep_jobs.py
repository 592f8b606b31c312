"""The runs of a sweep as separate processes, a few at a time."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from avloc.processes import processors

GRACE = 60  # seconds that an interrupted run has to finish writing


@dataclass(frozen=True)
class Job:
    """run: its folder. overrides: of the configuration. words: of the command, after `avloc`. log: the file for its output."""

    name: str
    run: Path
    overrides: list[str]
    words: list[str]
    log: Path


def run_all(jobs: Sequence[Job], at_once: int, devices: int, ended: Callable[[str], None]) -> dict[str, str]:
    """Run every job, at most `at_once` at a time; returns the reasons of failed ones, by name.

    devices: GPUs of this machine; if there are several, each job gets one. ended: called with each finished job. If
    this process is interrupted, it interrupts the jobs and waits for them.
    """
    waiting = list(jobs)
    free = list(range(at_once))
    running: dict[int, tuple[Job, subprocess.Popen]] = {}
    failed: dict[str, str] = {}
    try:
        while waiting or running:
            while waiting and free:
                place = free.pop(0)
                job = waiting.pop(0)
                running[place] = job, _start(job, _surroundings(place, at_once, devices))
            for place, (job, process) in list(running.items()):
                if process.poll() is not None:
                    del running[place]
                    free.append(place)
                    if process.returncode:
                        failed[job.name] = _why(job, process.returncode)
                    ended(job.name)
            time.sleep(0.1)
    finally:
        _end([process for _, process in running.values()])
    return failed


def _start(job: Job, surroundings: Mapping[str, str]) -> subprocess.Popen:
    """In a separate session: Ctrl-C reaches this process, which then interrupts each job once."""
    job.log.parent.mkdir(parents=True, exist_ok=True)
    with open(job.log, "wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "avloc", *job.words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **surroundings},
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    """In the new process: if the sweep is killed, its jobs are interrupted; only Linux can do that."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG of <sys/prctl.h>


def _surroundings(place: int, at_once: int, devices: int) -> dict[str, str]:
    """Parallel jobs share the CPU cores evenly, unless OMP_NUM_THREADS is set, and get the GPUs in turn."""
    found = {}
    if at_once > 1 and "OMP_NUM_THREADS" not in os.environ:
        found["OMP_NUM_THREADS"] = str(max(1, processors() // at_once))
    if devices > 1:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        names = visible.split(",") if visible else [str(number) for number in range(devices)]
        found["CUDA_VISIBLE_DEVICES"] = names[place % len(names)]
    return found


def _end(processes: Sequence[subprocess.Popen]) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    until = time.monotonic() + GRACE
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _why(job: Job, status: int) -> str:
    """The last line of its output, without the name of the program."""
    text = job.log.read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if status < 0:
        return f"ended by {signal.Signals(-status).name}; its log is {job.log}"
    said = lines[-1].removeprefix("avloc: ") if lines else f"exit status {status}"
    return said if status == 2 else f"{said} ({job.log})"
