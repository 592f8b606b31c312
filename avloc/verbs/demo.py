"""`avloc demo`: the whole pipeline on a world of its own, through the same verbs and a shipped configuration."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from avloc.options import verb
from avloc.progress import Pace, Progress, untold
from avloc.verbs.evaluate import SetResult

CONFIG = Path("dsol_synthetic_quick")
OUT = Path("avloc-demo")  # where the configurations of the synthetic world look for their stores
TINY_OUT = Path("avloc-demo-tiny")
#: the splits of each store
SPLITS = {
    "music": ("solo_training_1", "solo_training_2", "solo_validation", "solo_testing", "pair_testing", "duet_testing"),
    "scenes": ("mosaic_testing",),
    "mosaics": ("train", "validation", "test"),
}
MOSAICS = (1600, 200, 400)  # of each split
#: of `--tiny`: videos, mosaics of each split, and settings that train less
TINY_VIDEOS, TINY_MOSAICS = 120, (96, 16, 32)
TINY = ("stage1.train.epochs=6", "stage1.model.init_num=5", "stage1.model.class_iter=2", "stage1.train.warmup=10")


@dataclass(frozen=True)
class Claim:
    """What the demo must show: that the model has more of a metric than something that does not listen (as well).

    value, ci95_by_video: of the difference; holds: whether its interval lies above zero.
    """

    text: str
    set: str
    metric: str
    than: str
    value: float
    ci95_by_video: tuple[float, float]
    holds: bool


@dataclass(frozen=True)
class Demo:
    """seconds: of each step of this call. sets: results by test set. claims: see Claim. page: the report. tiny: the world
    is too small to judge the claims."""

    out: Path
    run: Path
    seconds: dict[str, float]
    sets: dict[str, SetResult]
    claims: list[Claim]
    page: Path
    tiny: bool = False

    def to_json(self) -> dict[str, Any]:
        def short(result: SetResult) -> dict[str, Any]:
            full = result.to_json()
            return {
                name: full[name]
                for name in ("set", "stage", "protocol", "counts", "metrics", "comparisons", "warnings")
            }

        return {
            "out": str(self.out),
            "run": str(self.run),
            "tiny": self.tiny,
            "seconds": self.seconds,
            "claims": [vars(claim) for claim in self.claims],
            "sets": {name: short(result) for name, result in self.sets.items()},
            "page": str(self.page),
        }


@verb
def demo(
    out: Annotated[
        Path | None, "folder for the videos, the stores and the run; default: avloc-demo, or avloc-demo-tiny"
    ] = None,
    seed: Annotated[int, "seed of the world and of the training"] = 0,
    tiny: Annotated[bool, "the same steps on a smaller world, which is too small to judge the method"] = False,
    progress: Progress | None = None,
) -> Demo:
    """The whole pipeline on a synthetic world: about six minutes on two processor cores, with --tiny one and a half.

    Generates videos, prepares them, trains both stages of DSOL with clustering between them, scores the heat maps
    beside baselines that ignore the sound, and draws a report page. If you interrupt it, run it again: it resumes
    and skips finished steps, also after the folder was moved.
    """
    from avloc import (
        cluster,
        evaluate,
        match_clusters,
        prepare_music,
        prepare_music_synthetic,
        prepare_synthetic,
        train_stage1,
        train_stage2,
        visualize,
    )
    from avloc.errors import AvlocError

    out = out or (TINY_OUT if tiny else OUT)
    world, music, scenes, mosaics, run = (out / name for name in ("world", "music", "scenes", "mosaics", "run"))
    stores = _stores(music, scenes, mosaics)
    if seed < 0:
        raise AvlocError(f"seed is {seed}; expected a whole number from 0 on")
    settings = [f"seed={seed}", *(f"{key}.store={_quoted(store)}" for key, store in stores.items())]
    settings += TINY if tiny else ()
    amounts = TINY_MOSAICS if tiny else MOSAICS
    counts = [f"{name}={count}" for name, count in zip(SPLITS["mosaics"], amounts, strict=True)]
    size: dict[str, Any] = {"videos": TINY_VIDEOS} if tiny else {}
    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    steps: dict[str, Callable[[Progress], Any]] = {
        "generate": lambda shown: prepare_synthetic(world, seed=seed, progress=shown, **size),
        "prepare": lambda shown: prepare_music(
            world, music, size=112, frames="raw", splits=SPLITS["music"], progress=shown
        ),
        "prepare large": lambda shown: prepare_music(
            world, scenes, size=192, frames="raw", splits=SPLITS["scenes"], progress=shown
        ),
        "mosaics": lambda shown: prepare_music_synthetic(
            music, mosaics, count=counts, seed=seed, size=192, frames="raw", progress=shown
        ),
        "stage one": lambda shown: train_stage1(CONFIG, run, settings, shown),
        "cluster": lambda shown: cluster(CONFIG, run, settings),
        "match": lambda shown: match_clusters(CONFIG, run, settings),
        "stage two": lambda shown: train_stage2(CONFIG, run, settings, shown),
        "evaluate": lambda shown: evaluate(CONFIG, run, settings, progress=shown),
        "visualize": lambda shown: visualize(CONFIG, run, settings, progress=shown),
    }
    tell = progress or untold
    for number, (name, step) in enumerate(steps.items()):
        started = time.perf_counter()
        found[name] = step(_part(tell, number, len(steps), name))
        seconds[name] = round(time.perf_counter() - started, 1)
    tell(len(steps), len(steps), "done")
    sets = found["evaluate"].sets
    return Demo(out, run, seconds, sets, claims_of(sets), found["visualize"].report, tiny)


def _stores(music: Path, scenes: Path, mosaics: Path) -> dict[str, Path]:
    tests = {f"evaluate.{name}": music for name in ("solo", "pair", "duet")}
    return {"stage1.data": music, "stage2.data": mosaics, "evaluate.mosaic": scenes, **tests}


def _quoted(path: Path) -> str:
    import json

    return json.dumps(str(path))


def _part(tell: Progress, number: int, steps: int, name: str) -> Progress:
    """The progress of one step, as that of the whole."""

    pace = Pace()

    def shown(done: int, total: int, text: str) -> None:
        share = f"{done}/{total} " if total else ""
        left = pace(done, total) if total else ""
        tell(number, steps, f"{name}: {share}{', '.join(part for part in (text, left) if part)}")

    shown(0, 0, "")
    return shown


def claims_of(sets: dict[str, SetResult]) -> list[Claim]:
    """The claims that hold only for a model that sees, hears and tells objects apart; honest where they do not hold."""
    wanted = [
        ("on pairs it finds the one of two instruments that sounds, better than the centre", "pair", "iou", "centre"),
        ("... better than what catches the eye", "pair", "iou", "saliency"),
        ("... better than the largest object, whose box is given", "pair", "iou", "largest object"),
        ("... and loses it when it hears another sound", "pair", "iou", "wrong sound"),
        (
            "on mosaics it tells sounding from silent objects, better than its own maps without sound",
            "mosaic",
            "ciou",
            "without sound",
        ),
        ("... and loses them when it hears other sounds", "mosaic", "ciou", "wrong sound"),
        ("... and stage two adds to stage one with the dictionary", "mosaic", "ciou", "stage one"),
    ]
    claims = []
    for text, name, metric, than in wanted:
        difference = sets[name].comparisons[than].difference[metric]
        assert difference.ci95_by_video is not None  # evaluate resamples unless it is told not to
        low, high = difference.ci95_by_video
        claims.append(Claim(text, name, metric, than, difference.value, (low, high), low > 0))
    return claims
