"""Nothing but looks and sound tells what an object is or whether it sounds.

Each bound is chance plus 3.5 standard errors of what chance gives on this many videos (and a stated slack, where the
measure cannot be made quite equal between drawings). The videos are fixed, so the tests are not random.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from avloc.synthetic.drawings import INSTRUMENTS
from avloc.synthetic.film import Film, make_film
from avloc.synthetic.melodies import random_melody
from avloc.synthetic.mixing import record, rms
from avloc.synthetic.plan import CLASSES, planned_video, stream
from avloc.synthetic.scenes import Part, Scene

SIGMAS = 3.5
KEY_FRAME = 17
SINGLES = ("area", "filled", "aspect", "x", "y", "red", "green", "blue", "swelling", "path")


@dataclass(frozen=True)
class Seen:
    """One object of one film, as a deaf observer could measure it."""

    film: int
    name: str
    sounding: bool
    measures: dict[str, float]


def measured(film: int, scene: Scene, flicker: bool) -> list[Seen]:
    frames = [scene.frame(i).astype(np.float32) for i in range(KEY_FRAME - 2, KEY_FRAME + 3)] if flicker else []
    boxes = list(scene.boxes(KEY_FRAME))
    return [Seen(film, part.name, part.sounding, _measures(part, box, frames)) for part, box in boxes]


def _measures(part: Part, box: tuple[int, int, int, int], frames: list[NDArray]) -> dict[str, float]:
    layer, _, _ = part.layer(KEY_FRAME)
    x0, y0, x1, y1 = box
    red, green, blue = layer[..., :3].sum((0, 1)) / layer[..., 3].sum()
    changes = [np.abs(b[y0:y1, x0:x1] - a[y0:y1, x0:x1]).mean() for a, b in pairwise(frames)]
    return {
        "area": (x1 - x0) * (y1 - y0),
        "filled": float((layer[..., 3] > 0.5).sum()),
        "aspect": float(np.log((x1 - x0) / (y1 - y0))),
        "x": (x0 + x1) / 2,
        "y": (y0 + y1) / 2,
        "red": red,
        "green": green,
        "blue": blue,
        "swelling": float(part.scales.std()),
        "path": float(np.linalg.norm(np.diff(part.centres, axis=0), axis=1).sum()),
        "flicker": float(np.mean(changes)) if changes else 0.0,
    }


def seen_in(list_name: str, videos: int, flicker: bool = False) -> list[Seen]:
    films: list[Film] = [make_film(planned_video(11, list_name, index)) for index in range(videos)]
    return [seen for i, film in enumerate(films) for scene in film.scenes for seen in measured(i, scene, flicker)]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(before)


@pytest.fixture(scope="module")
def solos() -> list[Seen]:
    return seen_in("solo_testing", 240, flicker=True)


@pytest.fixture(scope="module")
def pairs() -> list[Seen]:
    return seen_in("pair_testing", 160, flicker=True)


@pytest.fixture(scope="module")
def mosaics() -> list[Seen]:
    return seen_in("mosaic_testing", 48)


def auc_in_errors(positive: NDArray, negative: NDArray) -> tuple[float, float]:
    """The area under the ROC curve, and its standard error where the two do not differ."""
    n, m = len(positive), len(negative)
    wins = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    return float(wins), float(np.sqrt((n + m + 1) / (12 * n * m)))


def assert_alike(seen: list[Seen], measure: str, which: Callable[[Seen], bool], slack: float = 0.0) -> None:
    values = {side: np.array([s.measures[measure] for s in seen if which(s) == side]) for side in (True, False)}
    auc, error = auc_in_errors(values[True], values[False])
    assert abs(auc - 0.5) < SIGMAS * error + slack, f"{measure}: AUC {auc:.3f}, standard error {error:.3f}"


def class_accuracy(features: NDArray, names: list[str]) -> float:
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), LogisticRegression(max_iter=500))
    return float(cross_val_score(model, features, names, cv=5).mean())


def chance_and_errors(count: int) -> float:
    chance = 1 / len(CLASSES)
    return chance + SIGMAS * float(np.sqrt(chance * (1 - chance) / count))


def test_loudness_alone_does_not_tell_the_class():
    levels, names = [], []
    for index in range(30):
        for name in CLASSES:
            rng = stream("loudness", name, index)
            levels.append([20 * np.log10(rms(record([(name, random_melody(4, rng))], 4, rng)))])
            names.append(name)
    assert class_accuracy(np.array(levels), names) < chance_and_errors(len(names))


@pytest.mark.parametrize(
    "measures",
    [("area", "filled"), ("aspect",), ("x", "y"), ("red", "green", "blue"), ("swelling", "path")],
    ids=lambda names: " and ".join(names),
)
def test_size_place_colour_and_motion_do_not_tell_the_class(solos, pairs, measures):
    instruments = [seen for seen in solos + pairs if seen.name in INSTRUMENTS]
    features = np.array([[seen.measures[name] for name in measures] for seen in instruments])
    accuracy = class_accuracy(features, [seen.name for seen in instruments])
    assert accuracy < chance_and_errors(len(instruments))


@pytest.mark.parametrize("measure", [*SINGLES, "flicker"])
def test_of_two_instruments_no_measure_tells_which_one_sounds(pairs, measure):
    instruments = [seen for seen in pairs if seen.name in INSTRUMENTS]
    assert_alike(instruments, measure, lambda seen: seen.sounding)


@pytest.mark.parametrize("measure", SINGLES)
def test_no_measure_tells_an_instrument_from_a_thing_that_never_sounds(solos, measure):
    assert_alike(solos, measure, lambda seen: seen.name in INSTRUMENTS)


def test_change_from_frame_to_frame_hardly_tells_an_instrument_from_other_things(solos):
    # both move alike; what is left comes from how finely the surfaces are patterned
    assert_alike(solos, "flicker", lambda seen: seen.sounding, slack=0.04)


@pytest.mark.parametrize("measure", ["area", "filled"])
@pytest.mark.parametrize("kind", ["solos", "pairs", "mosaics"])
def test_the_largest_object_sounds_as_often_as_any_other(kind, measure, request):
    films: dict[int, list[Seen]] = {}
    for seen in request.getfixturevalue(kind):
        films.setdefault(seen.film, []).append(seen)
    hits = sum(max(film, key=lambda seen: seen.measures[measure]).sounding for film in films.values())
    chances = np.array([np.mean([seen.sounding for seen in film]) for film in films.values()])
    assert abs(hits - chances.sum()) < SIGMAS * np.sqrt((chances * (1 - chances)).sum())
