"""VGGSound and the sets made from it, from videos as mirrors keep them and from frames and sounds; trained and scored."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.data.views import LogMel
from avloc.engine.testing import see_and_hear
from avloc.errors import AvlocError, DataError
from avloc.predictions import read_predictions, write_predictions
from tests.commands import shown
from tests.data.making import ANNOTATIONS, MEDIA, make_video, number_in, tone
from tests.data.published import SMALL, two_steps, write_frame, write_json, write_numbered_video, write_sound

TRAIN = [
    ("abcdefghijk", 10, "dog barking"),
    ("bbcdefghijk", 0, "female speech, woman speaking"),
    ("cbcdefghijk", 7, "dog barking"),
]
TEST = [("dbcdefghijk", 30, "playing harp"), ("-bcdefghij_", 4, "dog barking")]
NAMES = [f"{video}_{start:06d}" for video, start, _ in [*TRAIN, *TEST]]


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """Five videos in the three spellings of mirrors, and their lists; one training clip has no media."""
    root = tmp_path_factory.mktemp("vgg")
    places = [f"{NAMES[0]}.mp4", "part_1/bbcdefghijk/000000.mp4", "part_1/cbcdefghijk_7.mp4"]
    places += [f"test/{name}.mp4" for name in NAMES[3:]]
    write_numbered_video(root / "a.mp4", 10.0)
    for number, place in enumerate(places):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        if number < 3:
            shutil.copy(root / "a.mp4", root / place)
        else:
            write_numbered_video(root / place, 10.0, 220.0 * number)
    (root / "a.mp4").unlink()
    rows = (
        [(*row, "train") for row in TRAIN]
        + [("ebcdefghijk", 5, "dog barking", "train")]
        + [(*row, "test") for row in TEST]
    )
    (root / "vggsound.csv").write_text(
        "".join(f'{video},{start},"{label}",{split}\n' for video, start, label, split in rows)
    )
    marked = [
        {"file": name, "class": label, "bbox": [[0.25, 0.25, 0.75, bottom]]}
        for name, (_, _, label), bottom in zip(NAMES[3:], TEST, (0.5, 0.75), strict=True)
    ]
    marked[1]["bbox"].append([0.1, 0.1, -2.8823037615171176e16, 0.5])
    write_json(root / "vggss.json", marked)
    (root / "vggsound_duet_test.csv").write_text(f"{NAMES[3]},playing_harp,{NAMES[4]},dog_barking\n")
    (root / "vggsound_single_test.csv").write_text(f"{NAMES[3]},playing_harp\n{NAMES[4]},dog_barking\n")
    (root / "vggss_test_plus_silent.csv").write_text(f"video,audio,label\n{NAMES[3]},{NAMES[4]},non-sounding\n")
    (root / "vggss_10k.txt").write_text("\n".join(NAMES[:2]))
    return root


@pytest.fixture(scope="module")
def store(tree, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("stores") / "vggsound"
    options = ["--source", tree, "--out", out, "--frames", "raw", "--size", 64, "--jobs", 1]
    table = shown("prepare", "vggsound", *options, width=100)
    assert "3 of 4" in table and "1 x missing file" in table
    return out


def test_each_list_is_a_split_and_videos_are_found_in_every_spelling(store):
    opened = Store.open(store)
    assert opened.splits == {
        "train_10k": 2, "single": 2, "train": 3, "test": 2, "vggss": 2, "vggss_extended": 3, "duet": 2
    }  # fmt: skip
    assert opened.classes == ("dog barking", "female speech, woman speaking", "playing harp")
    part = opened.split("train")
    assert part.ids == NAMES[:3] and part.labels.argmax(1).tolist() == [0, 1, 0] and part.videos[1] == "bbcdefghijk"


def test_the_frame_is_that_at_five_seconds_and_the_sound_the_middle_three(store):
    part = Store.open(store).split("vggss")
    assert [number_in(frames[0]) for frames in part.all_frames()] == [50, 50]
    assert part.samples == 48000 and part.starts.tolist() == pytest.approx([3.5, 3.5], abs=0.05)
    assert part.annotated.all() and part.boxes.label.tolist() == [2, 0, 0]
    assert part.boxes.xyxy[2].tolist() == pytest.approx([0.1, 0.1, 0, 0.5])  # a broken coordinate counts as 0


def test_a_duet_is_two_clips_that_hear_both_sounds_each_with_its_own_frame_and_boxes(store):
    opened = Store.open(store)
    duet, single = opened.split("duet"), opened.split("vggss")
    assert duet.ids == [f"{NAMES[3]}+{NAMES[4]}/{n}" for n in (0, 1)] and len(set(duet.videos)) == 1
    heard = single.sounds([0, 1]).astype(int).sum(0).clip(-32768, 32767)
    assert (duet.sounds([0, 1]) == heard).all() and duet.labels.sum(1).tolist() == [2, 2]
    assert (duet.all_frames() == single.all_frames()).all()
    assert duet.boxes.clip.tolist() == [0, 1, 1] and duet.boxes.xyxy.tolist() == single.boxes.xyxy.tolist()


def test_silent_clips_of_the_extension_are_annotated_without_boxes(store):
    part = Store.open(store).split("vggss_extended")
    assert part.ids == [*NAMES[3:], f"{NAMES[3]}+{NAMES[4]}"] and part.annotated.all()
    assert set(part.boxes.clip.tolist()) == {0, 1} and not part.labels[2].any()


def test_published_choices_of_the_moment(tree, tmp_path):
    avloc.prepare_vggsound(
        tree,
        tmp_path / "s",
        splits=["vggss"],
        at=2.0,
        seconds=4.0,
        part="first",
        rate=24000,
        frames="raw",
        size=64,
        jobs=0,
    )
    part = Store.open(tmp_path / "s").split("vggss")
    assert number_in(part.all_frames()[0, 0]) == 20 and part.samples == 96000 and part.starts[0] == 0
    with pytest.raises(DataError, match=r"none of 2 listed items could be prepared \(picture too short: 2\)"):
        avloc.prepare_vggsound(tree, tmp_path / "late", splits=["vggss"], at=30.0, jobs=0)


def test_a_training_list_that_is_missing_is_drawn_from_the_training_rows(tree, tmp_path):
    found = avloc.prepare_vggsound(tree, tmp_path / "s", splits=["train_144k"], size=32, jobs=0)
    assert sorted(Store.open(tmp_path / "s").split("train_144k").ids) == sorted(NAMES[:3])
    assert found.coverage == {"train_144k": (3, 3)}


def test_numbered_frames_with_sounds_and_instruments(tmp_path):
    root = tmp_path / "v"
    for n in range(1, 11):
        write_frame(root / "video_frames" / NAMES[3] / f"{n:03d}.jpg", 0, n)
    write_sound(root / "audios" / f"{NAMES[3]}.wav", 0, 10.0)
    write_frame(root / "frames" / "sample0000.jpg", 1)
    write_sound(root / "audio" / "sample0000.wav", 1)
    (root / "vgginstruments_test.csv").write_text("sample0000,accordion\nsample0001,banjo\n")
    write_json(root / "vggss.json", [{"file": NAMES[3], "class": "harp", "bbox": [[0, 0, 1, 1]]}])
    with pytest.raises(DataError, match=r"no list for the split 'duet'; expected vggsound_duet_test.csv"):
        avloc.prepare_vggsound(root, tmp_path / "s", splits=["duet"], jobs=0)
    avloc.prepare_vggsound(root, tmp_path / "s", frames="raw", jobs=0)  # instruments are not asked for
    assert Store.open(tmp_path / "s").splits == {"vggss": 1}
    write_frame(tmp_path / "o" / "frames" / f"{NAMES[3]}.jpg", 0, 7)
    write_sound(tmp_path / "o" / "audio" / f"{NAMES[3]}.wav", 0, 10.0)
    avloc.prepare_vggsound(tmp_path / "o", tmp_path / "p", annotations=root, frames="raw", jobs=0)
    one, other = (Store.open(tmp_path / name).split("vggss") for name in "sp")
    assert (one.all_frames() == other.all_frames()).all() and (one.all_sounds() == other.all_sounds()).all()
    found = avloc.prepare_vggsound(root, tmp_path / "i", splits=["instruments"], jobs=0)
    assert found.coverage == {"instruments": (1, 2)} and Store.open(tmp_path / "i").split("instruments").ids == [
        "sample0000"
    ]


def test_mixed_instruments_are_scored_by_their_masks(tmp_path):
    root = tmp_path / "v"
    for number in range(2):
        write_frame(root / "frames" / f"sample000{number}.jpg", number)
        write_sound(root / "audio" / f"sample000{number}.wav", number)
    (root / "vgginstruments_multi_test.csv").write_text("sample0000,accordion,sample0001,banjo\n")
    masks = np.zeros((2, 8, 8))
    masks[:, :4] = 1
    np.savez(root / "masks.npz", ids=["sample0000", "sample0001"], masks=masks)
    avloc.prepare_vggsound(root, tmp_path / "s", splits=["instruments_multi"], frames="raw", jobs=0)
    part = Store.open(tmp_path / "s").split("instruments_multi")
    assert (
        part.ids == ["sample0000+sample0001/0", "sample0000+sample0001/1"]
        and part.labels.all()
        and not part.annotated.any()
    )
    maps = -np.ones((2, 1, 8, 8), np.float32)
    maps[0, 0, :4] = maps[1, 0, 4:] = 1.0  # right in the one frame, wrong in the other
    write_predictions(tmp_path / "p.h5", part.ids, maps)
    found = avloc.evaluate_predictions(
        tmp_path / "p.h5", benchmark="vggsound-instruments-multi", annotations=root, protocol="avgn-fixed", resamples=0
    )
    assert found.results["avgn-fixed"].metrics["ciou@0.1"].value == 0.5


def test_boxes_are_needed_where_a_split_is_scored_by_them(tree, tmp_path):
    lists = tmp_path / "lists"
    lists.mkdir()
    (lists / "vggss_test.csv").write_text(f"{NAMES[3]}\n")
    with pytest.raises(DataError, match=r"no vggss.json in it or its subfolders; the split 'vggss' needs its boxes"):
        avloc.prepare_vggsound(tree, tmp_path / "s", annotations=lists, jobs=0)
    (lists / "vggss_test.csv").unlink()
    (lists / "vggsound.csv").write_text("abcdefghijk,x,dog,train\n")
    with pytest.raises(DataError, match=r"vggsound.csv:1: found 'abcdefghijk,x,dog,train'; expected YouTube id"):
        avloc.prepare_vggsound(tree, tmp_path / "s", annotations=lists, jobs=0)
    (lists / "vggsound.csv").unlink()
    write_json(lists / "vggss.json", [{"file": NAMES[3], "class": "dog", "bbox": 3}])
    with pytest.raises(DataError, match=r"vggss.json: not in the format of vggss.json \(TypeError") as refused:
        avloc.prepare_vggsound(tree, tmp_path / "s", annotations=lists, jobs=0)
    assert "\n" not in str(refused.value)


def test_a_shipped_configuration_trains_two_steps_and_is_scored_on_each_set(tree, store, tmp_path):
    stores = {"stage1.data.store": store, "evaluate.vggss.store": store, "stage1.train.batch_size": 2}
    for name, protocol in (("vggss_extended", "slavc"), ("duet", "avgn-fixed"), ("single", "avgn-fixed")):
        stores |= {
            f"evaluate.{name}.store": store,
            f"evaluate.{name}.split": name,
            f"evaluate.{name}.protocol": protocol,
        }
    changes = two_steps(stores, visual=SMALL, audio=SMALL, frame__size=32, frame__resize=36)
    avloc.train_stage1(
        config=Path("ez_vsl_vggsound_10k"), run=tmp_path / "run", set=[*changes, "stage1.data.train=train"]
    )
    sets = avloc.evaluate(run=tmp_path / "run", resamples=0).sets
    assert {name: found.result.counts["evaluated"] for name, found in sets.items()} == {
        "vggss": 2, "vggss_extended": 3, "duet": 2, "single": 2
    }  # fmt: skip
    assert sets["vggss_extended"].result.counts["negatives"] == 1
    assert "ciou@0.3" in sets["duet"].result.metrics
    # the predictions have the benchmark's ids
    ids = read_predictions(sets["vggss_extended"].predictions).ids
    assert ids == [*NAMES[3:], f"{NAMES[3]}+{NAMES[4]}"]
    both = avloc.evaluate_predictions(
        sets["duet"].predictions, benchmark="vggsound-duet", annotations=tree, protocol="avgn-fixed", resamples=0
    ).results["avgn-fixed"]
    assert both.counts["evaluated"] == 1  # the row, of whose two sources each has a map
    for name in ("ciou@0.3", "auc"):
        assert both.metrics[name].value == sets["duet"].result.metrics[name].value


def test_a_test_set_may_be_heard_longer_than_training_as_the_published_test_of_hard_way(tree, store, tmp_path):
    avloc.prepare_vggsound(
        tree, tmp_path / "long", splits=["vggss"], seconds=10.0, part="first", size=64, frames="raw", jobs=0
    )
    stores = {"stage1.data.store": store, "evaluate.vggss.store": store, "stage1.train.batch_size": 2}
    long = {
        f"evaluate.long.{key}": value for key, value in (("split", "vggss"), ("protocol", "hardway"), ("seconds", 10))
    }
    changes = two_steps(
        stores | long | {"evaluate.long.store": tmp_path / "long"}, visual=SMALL, audio=SMALL, frame__size=32
    )
    changes += ["stage1.data.train=train", "stage1.model.frame.resize=36"]
    avloc.train_stage1(config=Path("hard_way_vggsound_144k"), run=tmp_path / "run", set=changes)
    sets = avloc.evaluate(run=tmp_path / "run", resamples=0).sets
    short, long = (read_predictions(sets[name].predictions).maps for name in ("vggss", "long"))
    assert short.shape == long.shape and (short != long).any()


def test_seconds_of_a_test_set_are_refused_where_the_view_hears_all():
    with pytest.raises(AvlocError, match=r"evaluate.solo.seconds: 10.0 for a LogMel; only views with `seconds`"):
        see_and_hear(SimpleNamespace(sound=LogMel()), SimpleNamespace(size=None, seconds=10.0), "solo")


@pytest.mark.skipif(
    not (ANNOTATIONS.is_dir() and MEDIA.is_dir()), reason="the published lists and real clips are not here"
)
def test_the_published_lists_with_a_real_video(tmp_path):
    rows = json.loads((ANNOTATIONS / "vggss" / "vggss.json").read_text())
    name = rows[7]["file"]
    (tmp_path / "v").mkdir()
    shutil.copy(MEDIA / "nasa_13013.mp4", tmp_path / "v" / f"{name}.mp4")
    found = avloc.prepare_vggsound(
        tmp_path / "v", tmp_path / "s", annotations=ANNOTATIONS / "vggss", splits=["vggss", "vggss_4692"], jobs=0
    )
    assert found.coverage["vggss"] == (1, 5158) and found.coverage["vggss_4692"][1] == 4692
    part = Store.open(tmp_path / "s").split("vggss")
    assert part.ids == [name] and len(part.classes) == 221 and np.abs(part.sounds([0])).max() > 500
    assert part.boxes.xyxy.tolist() == [pytest.approx(row) for row in rows[7]["bbox"]]


def test_linked_folders_are_read_and_links_that_lead_back_are_not_followed(tree, tmp_path):
    root = tmp_path / "v"
    root.mkdir()
    (root / "videos").symlink_to(tree)
    (root / "loop").symlink_to(root)
    found = avloc.prepare_vggsound(root, tmp_path / "s", splits=["vggss"], size=32, jobs=0, follow_links=True)
    assert found.coverage == {"vggss": (2, 2)}


def test_a_video_without_sound_is_heard_by_the_file_of_its_name(tree, tmp_path):
    root = tmp_path / "v"
    make_video(root / f"{NAMES[0]}.mp4", 100)
    write_sound(root / "audio" / f"{NAMES[0]}.wav", 0, 10.0)
    write_sound(root / "another.wav", 0, 10.0)
    make_video(root / f"{NAMES[1]}.mp4", 100)
    make_video(root / f"{NAMES[2]}.mp4", 30, sound=tone(10))
    found = avloc.prepare_vggsound(root, tmp_path / "s", annotations=tree, splits=["train"], jobs=0)
    assert Store.open(tmp_path / "s").split("train").ids == [NAMES[0]]
    assert found.reasons == {"no sound track": 1, "picture too short": 1, "missing file": 1}
