import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from avloc.errors import DataError
from avloc.prepare.media.container import MediaError
from avloc.prepare.music import MusicReader, list_music
from avloc.prepare.parts.items import Item
from tests.data.making import ANNOTATIONS, make_music, make_video, number_in, stem, tone

PUBLISHED = ANNOTATIONS / "dsol_music"
needs_published = pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"no published lists at {PUBLISHED}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("music")
    make_music(root, {"solo_training_1": ["flute", "cello"], "solo_testing": ["cello"]})
    return root


@pytest.fixture
def music(folder, tmp_path) -> Path:
    """A copy to change."""
    return Path(shutil.copytree(folder, tmp_path / "music"))


def item(path: Path, **facts) -> Item:
    return Item(stem(0), path.name, {"video": path.name, "sound": None, "labels": [0], "boxes": {}, **facts})


def test_classes_are_the_single_names_in_alphabetical_order(music):
    duets = {"videos": {"xylophone accordion": ["AAAAAAAAAAA"]}}
    (music / "MUSIC_duet_videos.json").write_text(json.dumps(duets))
    assert list_music(music)[0] == ("accordion", "cello", "flute", "xylophone")


def test_lists_keep_their_order_and_name_their_lines(music):
    _, listing = list_music(music)
    assert {split: [entry.item for entry in entries] for split, entries in listing.splits.items()} == {
        "solo_testing": [stem(2)],
        "solo_training_1": [stem(0), stem(1)],
    }
    assert listing.splits["solo_training_1"][1].where == "solo_training_1.txt:2"
    assert listing.items[stem(0)].facts["labels"] == [1]


def test_only_the_lists_asked_for_are_read_in_that_order(music):
    (music / "broken.txt").write_text("")
    assert list(list_music(music, ["solo_training_1"])[1].splits) == ["solo_training_1"]
    assert list(list_music(music, ["solo_training_1", "solo_testing"])[1].splits) == ["solo_training_1", "solo_testing"]
    with pytest.raises(
        DataError, match=r"no list duet\.txt \(text files there: broken, solo_testing, solo_training_1\)"
    ):
        list_music(music, ["solo_testing", "duet"])


def test_other_text_files_are_left_alone_but_a_broken_line_is_not(music):
    (music / "README.txt").write_text("These are videos.\n")
    list_music(music)
    with open(music / "solo_testing.txt", "a") as file:
        file.write(f"\n{stem(0)}.flac {stem(1)}.mp4\n")
    with pytest.raises(DataError, match=r"solo_testing\.txt:3: found .* expected '<stem>\.flac <stem>\.mp4'"):
        list_music(music)


def test_a_second_holds_the_frames_of_the_key_grid(tmp_path):
    video = make_video(tmp_path / "v.mp4", 75, rate=30, sound=tone(2.5))
    clips = list(MusicReader(tmp_path, fps=4, size=64, rate=16000).read(item(video)))
    assert [[number_in(frame) for frame in clip.frames] for clip in clips] == [[0, 7, 14, 21], [30, 37, 44, 51]]
    assert clips[1].frame_keys == tuple(f"{stem(0)}/frame_001/{30 + n:05d}.jpg" for n in (0, 7, 14, 21))
    assert clips[1].id == f"{stem(0)}/001" and clips[1].start == 1.0
    assert [clip.waveform.shape for clip in clips] == [(16000,)] * 2


@pytest.mark.parametrize(("fps", "offsets"), [(1, [0]), (2, [0, 15]), (4, [0, 7, 14, 21]), (30, list(range(30)))])
def test_frames_a_second_are_spread_over_the_grid(fps, offsets):
    assert MusicReader(Path(), fps, 64, 16000).offsets() == offsets


@pytest.mark.parametrize(("frames", "seconds"), [(39, 3.0), (29, 3.2), (31, 2.9), (45, 3.0)])
def test_only_seconds_whole_in_sound_and_picture_become_clips(tmp_path, frames, seconds):
    video = make_video(tmp_path / "v.mp4", frames, rate=10, sound=tone(seconds))
    clips = list(MusicReader(tmp_path, 4, 16, 16000).read(item(video)))
    assert len(clips) == min(frames // 10, int(seconds + 0.03))  # AAC fills up its last block


def test_boxes_belong_to_frames_by_key(music):
    classes, listing = list_music(music)
    reader = MusicReader(music, 4, 32, 16000)
    clip = list(reader.read(listing.items[stem(1)]))[1]
    assert clip.annotated == (True,) * 4 and len(clip.boxes) == 8
    heard, silent = clip.boxes[2:4]
    assert (heard.frame, heard.label, heard.sounding, heard.xyxy) == (
        1,
        classes.index("cello"),
        True,
        (0.25, 0.25, 0.75, 0.75),
    )
    assert (silent.frame, silent.label, silent.sounding, silent.xyxy) == (1, -1, False, (0.0, 0.5, 0.25, 1.0))


@pytest.mark.parametrize("name", ["solotest.json", "solotest_compact.json"])
def test_published_and_compact_annotations_say_the_same(music, name):
    (music / "truth.json").unlink()
    box = {"box": [32, 24, 64, 48], "normbox": [0.25, 0.25, 0.5, 0.5], "category_id": 1}
    published = {"bbox": [box], "wdith": 128, "height": 96}
    compact = {"w": 128, "h": 96, "bbox": [[1, 0.25, 0.25, 0.5, 0.5]]}
    entry = compact if "compact" in name else published
    keys = {f"{stem(1)}/frame_000/00007.jpg": entry, f"{stem(1)}/frame_000/00014.jpg": {**entry, "bbox": []}}
    (music / name).write_text(json.dumps(keys))
    classes, listing = list_music(music)
    clip = next(MusicReader(music, 4, 32, 16000).read(listing.items[stem(1)]))
    assert clip.annotated == (False, True, True, False)
    assert [(box.frame, box.label, box.xyxy, box.sounding) for box in clip.boxes] == [
        (1, classes.index("cello"), (0.25, 0.25, 0.75, 0.75), True)
    ]


def test_the_truth_is_preferred_to_the_annotation(music):
    (music / "solotest.json").write_text("not even JSON")
    assert list_music(music)[1].items[stem(0)].facts["boxes"]


def test_category_ids_are_looked_up_and_an_unknown_one_is_refused(music):
    (music / "truth.json").unlink()
    entry = {"bbox": [{"normbox": [0, 0, 1, 1], "category_id": 77}]}
    (music / "solotest.json").write_text(json.dumps({f"{stem(1)}/frame_000/00000.jpg": entry}))
    with pytest.raises(DataError, match=r"frame_000/00000\.jpg: unknown category id 77; known are 1 cello"):
        list_music(music)
    (music / "categories.json").write_text('{"77": "flute"}')
    assert list_music(music)[1].items[stem(1)].facts["boxes"][f"{stem(1)}/frame_000/00000.jpg"] == [
        [0, 0, 1, 1, 1, True]
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected a JSON object"),
        ('{"a/00000.jpg": {}}', "found key 'a/00000.jpg', expected"),
        ('{"a/frame_000/00000.jpg": {}}', "a box that cannot be read"),
        ('{"a/frame_000/00000.jpg": {"bbox": [[1, 2]]}}', "a box that cannot be read"),
        ("{", "not JSON"),
    ],
)
def test_an_annotation_that_cannot_be_read_is_refused_by_name(music, text, message):
    (music / "truth.json").unlink()
    (music / "solotest.json").write_text(text)
    with pytest.raises(Exception, match=message) as refused:
        list_music(music)
    assert "solotest.json" in str(refused.value) and "\n" not in str(refused.value)


def test_videos_are_found_wherever_they_lie(music):
    (music / "solo").mkdir()
    (music / "videos" / f"{stem(0)}.mp4").rename(music / "solo" / f"{stem(0)}.mp4")
    (music / "videos" / f"{stem(1)}.mp4").rename(music / f"{stem(1)[:11]}.mp4")
    items = list_music(music)[1].items
    assert items[stem(0)].path == f"solo/{stem(0)}.mp4"
    assert items[stem(1)].path == f"{stem(1)[:11]}.mp4"


def test_a_video_without_sound_takes_the_sound_file_beside_it(tmp_path):
    video = make_video(tmp_path / "v.mp4", 20)
    soundfile.write(tmp_path / "v.flac", tone(2.0)[0], 22050)
    clips = list(MusicReader(tmp_path, 4, 16, 16000).read(item(video, sound="v.flac")))
    assert len(clips) == 2 and np.abs(clips[1].waveform.astype(int)).max() > 10000


def test_items_that_cannot_be_used_say_why(tmp_path):
    reader = MusicReader(tmp_path, 4, 16, 16000)
    silent, short = make_video(tmp_path / "silent.mp4", 20), make_video(tmp_path / "short.mp4", 5, sound=tone(0.5))
    good = make_video(tmp_path / "good.mp4", 20, sound=tone(2.0))
    (tmp_path / "text.mp4").write_text("text")
    soundfile.write(tmp_path / "sound.mp4", tone(2.0)[0], 22050, format="WAV")
    cases = {
        "missing file": item(good, video=None),
        "no labels": item(good, labels=[]),
        "no sound track": item(silent),
        "too short": item(short),
        "not a media file": item(tmp_path / "text.mp4"),
        "no picture": item(tmp_path / "sound.mp4"),
    }
    for reason, broken in cases.items():
        with pytest.raises(MediaError) as refused:
            list(reader.read(broken))
        assert refused.value.reason == reason


@needs_published
def test_the_published_lists_and_boxes_are_read():
    classes, listing = list_music(PUBLISHED)
    names = "accordion acoustic_guitar cello clarinet erhu flute saxophone trumpet tuba violin xylophone"
    assert " ".join(classes) == names
    counts = {split: len(entries) for split, entries in listing.splits.items()}
    assert counts == {"duet_pairs_train": 124, "duet_pairs_val": 17, "solo_testing": 27, "solo_validation": 49}
    facts = [item.facts for item in listing.items.values()]
    assert all(fact["labels"] for fact in facts)
    assert sum(len(fact["boxes"]) for fact in facts) == 13_472 + 11_512
    boxes = [(fact, box) for fact in facts for rows in fact["boxes"].values() for box in rows]
    assert len(boxes) == 12_356 + 15_035
    assert all(box[4] in fact["labels"] and box[5] for fact, box in boxes)
    duet = listing.items[listing.splits["duet_pairs_val"][0].item]
    assert [classes[label] for label in duet.facts["labels"]] == ["flute", "violin"]
