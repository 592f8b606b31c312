import json
from pathlib import Path

import numpy as np
import pytest

from avloc.annotations.reading import read_own_truth
from avloc.data.scenes import scenes_of, sounds_of
from avloc.data.store import Store
from avloc.errors import DataError
from avloc.predictions import write_predictions
from avloc.prepare.compose import prepare_compose
from avloc.prepare.writing.merge import merge_stores
from avloc.scoring import score
from avloc.verbs.data_check import data_check
from tests.commands import printed, shown
from tests.data.making import REPOSITORY
from tests.prepare.composing import CLASSES, COUNTS, RATE, THINGS, colour_of, composed, make_world, pitch_of

REAL = REPOSITORY.parent / "shared" / "real"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> dict[str, Path]:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def store(world, tmp_path_factory) -> Store:
    prepared = composed(world, tmp_path_factory.mktemp("composed") / "store", export_truth=True)
    assert prepared.failed == 0
    return Store.open(prepared.store)


def rows(store: Store) -> list[dict]:
    return [json.loads(line) for line in (store.path / "manifest.jsonl").read_text().splitlines()]


def pitch_in(waveform: np.ndarray) -> float:
    """Hz of the loudest frequency."""
    spectrum = np.abs(np.fft.rfft(waveform.astype(np.float64)))
    return float(spectrum.argmax() * RATE / len(waveform))


def colour_in(frame: np.ndarray, xyxy: tuple[float, ...]) -> np.ndarray:
    left, top, right, bottom = (round(side * len(frame)) for side in xyxy)
    return np.median(frame[top + 1 : bottom - 1, left + 1 : right - 1].reshape(-1, 3), axis=0)


def test_every_kind_becomes_a_split_of_its_part(store):
    assert store.classes == CLASSES
    scenes = {text.partition("=")[0].replace(":", "_"): int(text.partition("=")[2]) for text in COUNTS}
    assert store.splits == {**scenes, "test_interactive": 12}
    assert (store.rate, store.samples, store.size, store.frames_per_clip) == (RATE, RATE, 64, 1)


def test_every_box_shows_its_class_and_every_label_is_heard(store):
    for name in store.splits:
        part = store.split(name)
        for number in range(len(part)):
            clip = part.clip(number)
            for box in clip.boxes:
                expected = [CLASSES[box.label]] if box.label >= 0 else THINGS
                found = colour_in(clip.frames[0], box.xyxy)
                assert min(np.abs(found - colour_of(one)).max() for one in expected) <= 1, clip.id
                assert box.sounding == (box.label in clip.labels)
            if len(clip.labels) == 1:
                assert abs(pitch_in(clip.waveform) - pitch_of(CLASSES[clip.labels[0]])) < 3, clip.id


@pytest.mark.parametrize(
    ("split", "sounding", "silent"),
    [("whole", 1, 0), ("pair", 1, 1), ("duet", 2, 0), ("mosaic", 2, 2), ("interactive", 1, 1)],
)
def test_a_kind_has_its_sounding_and_silent_objects(store, split, sounding, silent):
    part = store.split(f"{'train' if split == 'whole' else 'test'}_{split}")
    for number in range(len(part)):
        boxes = part.about(number).boxes
        assert (sum(box.sounding for box in boxes), sum(not box.sounding for box in boxes)) == (sounding, silent)
        labels = [box.label for box in boxes]
        assert len(set(labels)) == len(labels) and min(labels) >= 0


def test_a_solo_stands_beside_up_to_two_silent_things(store):
    part = store.split("train_solo+test_solo")
    amounts = set()
    for number in range(len(part)):
        boxes = part.about(number).boxes
        assert [box.label >= 0 for box in boxes if box.sounding] == [True]
        assert all(box.label == -1 for box in boxes if not box.sounding)
        amounts.add(len(boxes) - 1)
    assert amounts == {0, 1, 2}


def test_objects_do_not_overlap(store):
    for name in store.splits:
        part = store.split(name)
        for number in range(len(part)):
            boxes = [box.xyxy for box in part.about(number).boxes]
            for n, one in enumerate(boxes):
                for other in boxes[:n]:
                    apart = one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]
                    assert apart, part.ids[number]


def test_an_interactive_scene_is_one_picture_with_each_of_its_sounds(store):
    part = store.split("test_interactive")
    scenes = scenes_of(part)
    assert scenes is not None and part.videos == scenes
    for first in range(0, len(part), 2):
        one, other = part.clip(first), part.clip(first + 1)
        assert scenes[first] == scenes[first + 1] and (one.frames == other.frames).all()
        assert set(one.labels) | set(other.labels) == {box.label for box in one.boxes}
        assert one.id == f"{scenes[first]}_{CLASSES[one.labels[0]]}"


def test_nothing_in_view_makes_an_absent_sound_and_its_kind_is_said(store):
    part = store.split("test_absent")
    kinds = sounds_of(part)
    assert kinds is not None and set(kinds) == {"other", "ambient", "noise", "silence"}
    assert not part.labels.any() and not part.boxes.sounding.any() and part.annotated.all()
    for number, kind in enumerate(kinds):
        clip = part.clip(number)
        if kind == "silence":
            assert not clip.waveform.any()
        elif kind == "ambient":
            assert abs(pitch_in(clip.waveform) - pitch_of("wind")) < 3
        elif kind == "other":
            heard = min(CLASSES, key=lambda name: abs(pitch_of(name) - pitch_in(clip.waveform)))
            assert CLASSES.index(heard) not in {box.label for box in clip.boxes}


def test_the_level_is_the_one_of_the_recipe(store):
    for row in rows(store):
        part = store.split(row["split"])
        for heard in row["heard"]:
            wave = part.clip(part.ids.index(heard["clip"])).waveform / 32767
            if heard["sound"] != "silence":
                level = 20 * np.log10(np.sqrt(np.mean(wave**2)))
                assert abs(level - heard["level"]) < 0.1 and -28 <= heard["level"] <= -14


def test_no_file_is_in_two_parts_and_the_check_says_nothing_is_wrong(store):
    parts: dict[str, set[str]] = {}
    for row in rows(store):
        files = [row["background"].get("file"), *(one["file"] for one in row["objects"])]
        files += [one["file"] for heard in row["heard"] for one in heard["parts"]]
        parts.setdefault(row["part"], set()).update(file for file in files if file)
    assert set(parts) == {"train", "validation", "test"}
    assert not parts["train"] & parts["test"] and not parts["train"] & parts["validation"]
    assert not parts["validation"] & parts["test"]
    found = data_check(store.path)
    assert found.problems == [] and found.files == {}


def test_the_check_names_files_that_two_parts_share(store, tmp_path):
    from avloc.data.scenes import shared_files

    lines = rows(store)
    train = next(row for row in lines if row["part"] == "train")
    test = next(row for row in lines if row["part"] == "test")
    test["objects"][0]["file"] = train["objects"][0]["file"]
    assert shared_files(lines) == {"train, test": [train["objects"][0]["file"]]}


def test_a_recipe_says_which_part_of_a_sound_is_heard(store):
    row = next(row for row in rows(store) if row["split"] == "test_solo")
    (part,) = row["heard"][0]["parts"]
    assert 0 <= part["start"] <= 0.5 and row["times"] == [[part["start"], round(part["start"] + 1, 6)]]


def test_the_same_seed_makes_the_same_store_over_processes_and_after_an_interruption(
    world, store, tmp_path, monkeypatch
):
    monkeypatch.setattr("avloc.prepare.compose.BLOCK", 8)
    composed(world, tmp_path / "one", jobs=2)
    composed(world, tmp_path / "two")
    for shard in list((tmp_path / "two" / "shards").iterdir())[::2]:
        shard.unlink()
    again = composed(world, tmp_path / "two")
    one, two = Store.open(tmp_path / "one"), Store.open(tmp_path / "two")
    assert again.kept and one.fingerprint == two.fingerprint
    for name in one.splits:
        assert (one.split(name).all_frames() == store.split(name).all_frames()).all()
        assert (two.split(name).all_sounds() == store.split(name).all_sounds()).all()


def test_more_scenes_of_one_kind_leave_the_others_and_the_first_as_they_are(world, store, tmp_path):
    composed(world, tmp_path / "store", count=["train:whole=9", "test:pair=8"])
    more = Store.open(tmp_path / "store")
    assert (more.split("train_whole").all_frames()[:6] == store.split("train_whole").all_frames()).all()
    assert (more.split("test_pair").all_sounds() == store.split("test_pair").all_sounds()).all()


def test_another_seed_makes_other_scenes_and_is_refused_in_the_same_folder(world, store, tmp_path):
    composed(world, tmp_path / "store", seed=1)
    other = Store.open(tmp_path / "store")
    assert not (other.split("test_pair").all_frames() == store.split("test_pair").all_frames()).all()
    with pytest.raises(DataError, match="contains a store with seed 1, not 0"):
        composed(world, tmp_path / "store")


def test_the_exported_truth_is_that_of_the_store(store):
    truth = read_own_truth(store.path / "truth.json")
    shown = [name for name in store.splits if not name.startswith("train")]
    assert truth.ids == [clip for name in shown for clip in store.split(name).ids]
    pair = read_own_truth(store.path / "truth" / "test_pair.json")
    part = store.split("test_pair")
    assert np.abs(pair.boxes - part.boxes.xyxy[part.boxes.sounding]).max() < 1e-5
    assert pair.silent_boxes is not None and len(pair.silent_boxes) == len(part)


def test_maps_of_anybody_are_scored_with_the_exported_truth(store):
    truth = read_own_truth(store.path / "truth" / "test_interactive.json")
    right = np.zeros((len(truth), 64, 64), np.float32)
    for clip, box in zip(truth.box_clip, truth.boxes, strict=True):
        left, top, far, low = np.round(box * 64).astype(int)
        right[clip, top:low, left:far] = 1
    kaist = score("kaist", right, truth, resamples=0)
    assert kaist.metrics["iiou"].value == 1.0
    assert kaist.extra["tells"] == {"value": 1.0, "pairs": len(truth), "chance": 0.5}
    one_sound = right.copy()
    one_sound[1::2] = right[::2]  # the map does not follow the sound
    deaf = score("kaist", one_sound, truth, resamples=0)
    assert deaf.metrics["iiou"].value == 0.0 and deaf.extra["tells"]["value"] == 0.5
    assert abs(deaf.baselines["largest object"]["ciou"] - 0.5) < 0.05


def test_absent_sounds_are_told_apart_by_their_kind(store):
    truth = read_own_truth(store.path / "truth.json")
    loud = np.full((len(truth), 4, 4), 0.1, np.float32)
    loud[truth.sounding] = 1
    kinds = score("avloc", loud, truth, resamples=0).extra["negative_sound"]
    assert set(kinds) == {"other", "ambient", "noise", "silence"}
    assert all(found["auroc"] == 1.0 for found in kinds.values())


def test_a_run_is_scored_on_scenes_and_on_absent_sounds_as_the_exported_truth_is(store):
    from avloc.engine.predicting import frames_to_score, wrong_sounds

    part = store.split("test_interactive+test_absent")
    frames = frames_to_score(part, "all", 0, "both")
    truth = read_own_truth(store.path / "truth.json").take(
        [place for place, name in enumerate(read_own_truth(store.path / "truth.json").ids) if name in part.ids]
    )
    assert frames.truth.ids == truth.ids
    assert frames.truth.scenes == truth.scenes and frames.truth.sound == truth.sound
    assert np.abs(frames.truth.silent_boxes - truth.silent_boxes).max() < 1e-5
    heard = wrong_sounds(part, frames.plan, 0).sounds
    assert heard is not None and part.labels[heard].any(1).all()  # no absent sound, which might be one in view
    assert not (part.labels[heard] & part.labels[frames.plan.clips]).any()


def test_few_fixed_pairs_are_warned_of_and_pairs_anew_are_noted_in_the_store(world, store, tmp_path, caplog):
    assert store.settings["pairs"] == "stored"
    composed(world, tmp_path / "fixed", count=["train:solo=4"])
    assert "4 training clips with fixed pairs of picture and sound can be memorised; --train-anew" in caplog.text
    caplog.clear()
    composed(world, tmp_path / "anew", count=["train:solo=4"], train_anew=True)
    assert "can be memorised" not in caplog.text
    assert Store.open(tmp_path / "anew").settings["pairs"] == "anew"


@pytest.mark.parametrize("motion", ["still", "moving"])
def test_videos_show_the_scene_and_play_its_sound(world, store, tmp_path, motion):
    from avloc.prepare.media.picture import probe, read_frames
    from avloc.prepare.media.sound import read_sound

    folder = tmp_path / "videos"
    composed(world, tmp_path / "store", count=["train:solo=1", "test:pair=2"], videos=folder, motion=motion)
    part = Store.open(tmp_path / "store").split("test_pair")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.mp4")) == [
        f"test_pair/{name}.mp4" for name in part.ids
    ]
    file = folder / "test_pair" / f"{part.ids[0]}.mp4"
    assert abs(probe(file).duration - 1.0) < 0.15
    first, middle, last = read_frames(file, [0.0, 0.5, 0.9], 64).astype(float)
    assert np.abs(middle - part.clip(0).frames[0]).mean() < 12
    assert (np.abs(first - last).mean() > 3) == (motion == "moving")
    assert abs(pitch_in(read_sound(file, RATE)[:RATE]) - pitch_of(CLASSES[part.about(0).labels[0]])) < 5


def test_real_photographs_and_sounds_are_composed(tmp_path):
    if not (REAL / "photos").is_dir():
        pytest.skip("../shared/real is not there: real photographs and sounds by class")
    prepared = prepare_compose(
        REAL / "photos", REAL / "sounds", tmp_path / "store", silent=REAL / "silent", backgrounds=REAL / "backgrounds",
        count=["train:solo=4", "test:pair=4", "test:interactive=2", "test:absent=4"], jobs=0,
    )  # fmt: skip
    assert prepared.failed == 0 and prepared.splits == {
        "train_solo": 4, "test_pair": 4, "test_interactive": 4, "test_absent": 4,
    }  # fmt: skip
    assert data_check(tmp_path / "store").problems == []


def test_parts_of_a_job_array_are_merged_into_the_same_store_and_get_their_truth_then(
    world, store, tmp_path, monkeypatch
):
    monkeypatch.setattr("avloc.prepare.compose.BLOCK", 8)
    parts = [tmp_path / f"part{number}" for number in (1, 2)]
    for number, part in enumerate(parts, 1):
        composed(world, part, shard=f"{number}/2", export_truth=True)
        assert not (part / "truth.json").exists()
    merge_stores(parts, tmp_path / "whole")
    again = composed(world, tmp_path / "whole", export_truth=True)
    assert again.kept == again.ok
    assert (tmp_path / "whole" / "truth.json").read_bytes() == (store.path / "truth.json").read_bytes()
    for name in store.splits:
        assert (Store.open(tmp_path / "whole").split(name).all_sounds() == store.split(name).all_sounds()).all()


def test_the_command_line_takes_what_the_function_takes(world, store, tmp_path):
    given = [f"--{name}={path}" for name, path in world.items()] + [f"--count={text}" for text in COUNTS]
    small = ["--seconds=1", f"--rate={RATE}", "--size=64", "--frames=raw", "--jobs=0", "--min=2"]
    found = printed("prepare", "compose", *given, *small, f"--out={tmp_path / 'store'}")
    assert found["splits"] == store.splits and found["failed"] == 0
    assert Store.open(tmp_path / "store").fingerprint == store.fingerprint


def test_a_store_of_lmdb_holds_the_same_clips(world, store, tmp_path):
    composed(world, tmp_path / "store", store="lmdb", count=["test:pair=8"])
    part = Store.open(tmp_path / "store").split("test_pair")
    assert (part.all_frames() == store.split("test_pair").all_frames()).all()


def test_the_command_line_scores_heat_maps_with_the_exported_truth(store, tmp_path):
    truth = read_own_truth(store.path / "truth" / "test_interactive.json")
    maps = np.random.default_rng(0).random((len(truth), 1, 8, 8)).astype(np.float32)
    write_predictions(tmp_path / "maps.h5", truth.ids, maps)
    file = store.path / "truth" / "test_interactive.json"
    given = [
        "evaluate",
        "--predictions",
        tmp_path / "maps.h5",
        "--truth",
        file,
        "--protocol",
        "kaist",
        "--resamples",
        0,
    ]
    found = printed(*given)
    assert {"iiou", "iauc"} <= set(found["metrics"]) and "largest object" in found["baselines"]
    assert found["tells"]["pairs"] == len(truth)
    assert f"{len(truth)} pairs with a silent object" in shown(*given)


def test_pictures_that_were_moved_are_known_and_others_of_their_size_are_refused(tmp_path):
    world = make_world(tmp_path / "world")
    composed(world, tmp_path / "store", count=["train:solo=20"])
    moved = {**world, "pictures": world["pictures"].rename(tmp_path / "moved")}
    assert composed(moved, tmp_path / "store", count=["train:solo=20"]).kept == 20
    other = moved["pictures"].rename(tmp_path / "other")
    for file in (other / "owl").iterdir():
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
    with pytest.raises(DataError, match=r"was prepared from .*moved, and .*other contains other files"):
        composed({**world, "pictures": other}, tmp_path / "store", count=["train:solo=20"])
