"""Nothing tells which object sounds; size and place do not tell its class (form and colour are the photograph's own), and
loudness tells neither the class nor that nothing in view sounds.

Each bound is chance plus 3.5 standard errors of what chance gives on this many scenes; the scenes are fixed.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from avloc.prepare.composing.dealing import Looks
from avloc.prepare.composing.gathering import Folders, gather
from avloc.prepare.composing.listing import list_scenes
from avloc.prepare.composing.mixing import levelled, rms
from avloc.prepare.composing.reader import SceneReader
from avloc.prepare.composing.scenes import Frame
from avloc.prepare.parts.items import Item
from tests.prepare.composing import CLASSES, THINGS, make_sounds

SIGMAS = 3.5
FRAME = Frame(size=128, rate=8000, samples=4000, area=(0.07, 0.33), level=(-28.0, -14.0))
SCENES = {"pair": 800, "solo": 800, "mosaic": 200, "absent": 400}
Objects = list[tuple[bool, str, dict[str, float]]]  # whether it sounds, its name, its measures


@pytest.fixture(scope="module")
def drawn(tmp_path_factory) -> tuple[Any, dict[str, list[Item]]]:
    """Scenes of photographs of all sizes, forms and colours, which are drawn without looking at their class."""
    folder: Path = tmp_path_factory.mktemp("leaks")
    random = np.random.default_rng(5)
    for place, names in (("photos", CLASSES), ("things", THINGS)):
        for name in names:
            (folder / place / name).mkdir(parents=True)
            for number in range(40):
                sides = tuple(int(side) for side in random.integers(32, 80, 2))
                colour = tuple(int(value) for value in random.integers(0, 256, 3))
                Image.new("RGB", sides, colour).save(folder / place / name / f"{number:02d}.png")
    make_sounds(folder / "sounds", CLASSES, 8, seconds=0.8)
    found = gather(Folders(folder / "photos", folder / "sounds", silent=folder / "things"), {"test": 1.0}, 0, False)
    counts: Any = {("test", kind): count for kind, count in SCENES.items()}
    looks = Looks(found.roots, FRAME.rate)
    listing = list_scenes(counts, found.pools, FRAME, looks, 0, 2)
    items = {kind: [listing.items[entry.item] for entry in listing.splits[f"test_{kind}"]] for kind in SCENES}
    return SceneReader(found.roots, found.classes, FRAME, False), items


def seen(drawn: Any, kind: str) -> list[Objects]:
    reader, items = drawn
    scenes = []
    for item in items[kind]:
        heard = {part["class"] for part in item.facts["heard"][0]["parts"]}
        objects = []
        for one in item.facts["objects"]:
            left, top, right, bottom = one["box"]
            role, _, inside = one["file"].partition(":")
            with Image.open(reader.roots[role] / inside) as picture:
                red, green, blue = picture.getpixel((0, 0))
            measures = {
                "area": float((right - left) * (bottom - top)), "aspect": np.log((right - left) / (bottom - top)),
                "x": (left + right) / 2, "y": (top + bottom) / 2, "red": red, "green": green, "blue": blue,
            }  # fmt: skip
            objects.append((one["class"] in heard, one["class"], measures))
        scenes.append(objects)
    return scenes


MEASURES = ("area", "aspect", "x", "y", "red", "green", "blue")


def assert_alike(positive: NDArray, negative: NDArray, what: str) -> None:
    n, m = len(positive), len(negative)
    wins = (positive[:, None] > negative).mean() + (positive[:, None] == negative).mean() / 2
    error = np.sqrt((n + m + 1) / (12 * n * m))
    assert abs(wins - 0.5) < SIGMAS * error, f"{what}: AUC {wins:.3f}, standard error {error:.3f}"


@pytest.mark.parametrize("measure", MEASURES)
def test_of_two_objects_no_measure_tells_which_one_sounds(drawn, measure):
    objects = [one for scene in seen(drawn, "pair") for one in scene]
    sounding, silent = (np.array([m[measure] for sounds, _, m in objects if sounds is side]) for side in (True, False))
    assert_alike(sounding, silent, measure)


@pytest.mark.parametrize("measure", ["area", "x", "y"])
def test_no_measure_tells_what_sounds_from_a_silent_thing(drawn, measure):
    objects = [one for scene in seen(drawn, "solo") if len(scene) > 1 for one in scene]
    sounding, silent = (np.array([m[measure] for sounds, _, m in objects if sounds is side]) for side in (True, False))
    assert_alike(sounding, silent, measure)


@pytest.mark.parametrize("kind", ["pair", "solo"])
def test_the_largest_object_sounds_as_often_as_any_other(drawn, kind):
    scenes = seen(drawn, kind)
    hits = sum(max(scene, key=lambda one: one[2]["area"])[0] for scene in scenes)
    chances = np.array([np.mean([sounds for sounds, _, _ in scene]) for scene in scenes])
    assert abs(hits - chances.sum()) < SIGMAS * np.sqrt((chances * (1 - chances)).sum())


def test_the_cells_of_a_mosaic_sound_equally_often(drawn):
    sounding = np.array([[sounds for sounds, _, _ in scene] for scene in seen(drawn, "mosaic")])
    assert (np.abs(sounding.mean(0) - 0.5) < SIGMAS * np.sqrt(0.25 / len(sounding))).all()


def class_accuracy(features: NDArray, names: list[str]) -> float:
    model = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False), LogisticRegression(max_iter=500))
    return float(cross_val_score(model, features, names, cv=5).mean())


@pytest.mark.parametrize("measures", [("area",), ("x", "y")], ids=" and ".join)
def test_size_and_place_do_not_tell_the_class(drawn, measures):
    objects = [one for scene in seen(drawn, "pair") for one in scene]
    features = np.array([[m[name] for name in measures] for _, _, m in objects])
    chance = 1 / len(CLASSES)
    most = chance + SIGMAS * float(np.sqrt(chance * (1 - chance) / len(objects)))
    assert class_accuracy(features, [name for _, name, _ in objects]) < most


def test_loudness_does_not_tell_the_class_nor_that_nothing_in_view_sounds(drawn):
    reader, items = drawn
    levels, names = [], []
    for item in items["solo"][:300]:
        (clip,) = reader.read(item)
        levels.append([20 * np.log10(rms(clip.waveform / 32767))])
        names.append(item.facts["heard"][0]["parts"][0]["class"])
    chance = 1 / len(CLASSES)
    most = chance + SIGMAS * float(np.sqrt(chance * (1 - chance) / len(names)))
    assert class_accuracy(np.array(levels), names) < most
    absent = [item for item in items["absent"] if item.facts["heard"][0]["sound"] != "silence"]
    loud = np.array([20 * np.log10(rms(next(iter(reader.read(item))).waveform / 32767)) for item in absent])
    assert_alike(np.array(levels)[:, 0], loud, "level")


@pytest.mark.parametrize("peaked", [1, 40, 400])
def test_a_sound_of_few_high_peaks_is_as_loud_as_any_other(peaked):
    clicks = np.zeros(4000)
    clicks[::peaked] = np.random.default_rng(0).standard_normal(len(clicks[::peaked]))
    wave = levelled(clicks, -26.5)
    assert abs(20 * np.log10(rms(wave)) + 26.5) < 0.05 and np.abs(wave).max() <= 1


def test_pictures_with_absent_sounds_look_like_those_that_sound(drawn):
    absent = [one for scene in seen(drawn, "absent") for one in scene]
    others = [one for kind in ("solo", "pair") for scene in seen(drawn, kind) for one in scene]
    for measure in ("x", "y", "red", "green", "blue"):
        assert_alike(*(np.array([m[measure] for _, _, m in objects]) for objects in (absent, others)), measure)
