"""Writes a world: first the settings, then every video once, in parallel processes, then the text files."""

import logging
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from avloc.errors import AvlocError
from avloc.files import read_json, write_bytes, write_json
from avloc.prepare.pool.process import Tell
from avloc.prepare.pool.tasks import run_tasks
from avloc.processes import processors
from avloc.progress import Progress, untold
from avloc.synthetic.drawings import DISTRACTORS
from avloc.synthetic.film import make_film
from avloc.synthetic.plan import CLASSES, PlannedVideo, counts, planned_videos
from avloc.synthetic.scenes import HEIGHT, RATE, SECONDS, WIDTH
from avloc.synthetic.sounds import SOUND_RATE
from avloc.synthetic.truth import Truth, film_truth, write_texts
from avloc.synthetic.video import encode_mp4

GENERATOR = 1  # increase it when the same seed would give different videos
log = logging.getLogger("avloc.synthetic")


@dataclass(frozen=True)
class SyntheticWorld:
    """A world on disk. seconds: of all videos together; counts: videos per list."""

    out: Path
    videos: int
    seconds: float
    counts: dict[str, int]
    classes: tuple[str, ...]


def write_world(
    out: Path, videos: int | None, seed: int, preset: str, jobs: int | None, progress: Progress | None
) -> SyntheticWorld:
    jobs = processors() if jobs is None else jobs
    if jobs < 1:
        raise AvlocError(f"jobs {jobs}: expected 1 or more processes")
    sizes = counts(preset, videos)
    plans = list(planned_videos(sizes, seed))
    _claim(out, _settings(seed, preset, sizes), plans)
    _sweep(out)
    found: dict[str, Truth] = {}
    tell = progress or untold
    try:
        with closing(_each(out, plans, min(jobs, len(plans)))) as made:
            for _, (stem, truth) in made:
                found[stem] = truth
                tell(len(found), len(plans), "")
    finally:
        _sweep(out)
    in_order: Truth = {key: frame for plan in plans for key, frame in found[plan.stem].items()}
    write_texts(out, plans, in_order)
    log.info("%s: %d videos of %d s", out, len(plans), SECONDS)
    return SyntheticWorld(out, len(plans), float(len(plans) * SECONDS), sizes, CLASSES)


def _sweep(out: Path) -> None:
    """Remove unfinished files of ended processes."""
    for left_over in (out / "videos").glob(".*.mp4"):
        left_over.unlink()


def make_video(out: Path, plan: PlannedVideo, tell: Tell) -> tuple[str, Truth]:
    """Write the video unless it exists (files appear atomically), and return its ground truth, which needs no file."""
    tell("at", 0)
    film = make_film(plan)
    path = out / "videos" / f"{plan.stem}.mp4"
    if not path.exists():
        write_bytes(path, encode_mp4(film.frames(), RATE, film.waveform(), SOUND_RATE))
    return plan.stem, film_truth(film)


def _settings(seed: int, preset: str, sizes: dict[str, int]) -> dict[str, Any]:
    return {
        "generator": GENERATOR,
        "seed": seed,
        "preset": preset,
        "total": sum(sizes.values()),
        "counts": sizes,
        "classes": list(CLASSES),
        "distractors": sorted(DISTRACTORS),
        "width": WIDTH,
        "height": HEIGHT,
        "frames_per_second": RATE,
        "seconds": SECONDS,
        "sound_rate": SOUND_RATE,
    }


def _claim(out: Path, settings: dict[str, Any], plans: list[PlannedVideo]) -> None:
    """Write world.json, or find it with the same settings; anything else in the folder is an error."""
    path = out / "world.json"
    if path.exists():
        there = read_json(path)
        for name, value in settings.items():
            if not isinstance(there, dict) or there.get(name) != value:
                had = there.get(name) if isinstance(there, dict) else None
                raise AvlocError(f"{path}: contains a world with {name} {had}, not {value}: choose another folder")
        return
    if out.exists() and not out.is_dir():
        raise AvlocError(f"{out}: is a file, expected a folder: choose another place for the world")
    if out.exists() and any(not there.name.startswith(".") for there in out.iterdir()):
        raise AvlocError(f"{out}: is not empty and has no world.json: choose another folder")
    kinds = {plan.stem: {"list": plan.list_name, "kind": plan.kind, "labels": list(plan.labels)} for plan in plans}
    write_json(path, settings | {"videos": kinds})


def _each(out: Path, plans: list[PlannedVideo], workers: int) -> Generator[tuple[int, tuple[str, Truth]], None, None]:
    """In order of completion, (number, (stem, truth)); one worker means this process, as no foreign file is decoded."""
    tasks = {number: (out, plan) for number, plan in enumerate(plans)}
    return run_tasks(make_video, tasks, workers if workers > 1 else 0, inf, _blame)


def _blame(arguments: tuple[Any, ...], number: int, reason: str, detail: str) -> tuple[Any, ...]:
    raise AvlocError(
        f"{arguments[0]}: a process that makes videos died ({detail}); run the command again, finished videos are kept"
    )
