import json
import shutil
from pathlib import Path

import pytest

from avloc.data.store import Store
from avloc.errors import AvlocError, DataError
from avloc.prepare.music import prepare_music
from avloc.prepare.parts.music_boxes import read_boxes
from tests.data.making import ANNOTATIONS, MEDIA, make_music, make_video, stem

needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real clips at {MEDIA}")
PUBLISHED = ANNOTATIONS / "dsol_music"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("music")
    make_music(root, {"solo_training_1": ["flute", "cello"], "solo_validation": ["cello", "flute"]})
    (root / "solo_testing.txt").write_text(f"{stem(2)}.flac {stem(2)}.mp4\n")  # also in the validation
    return root


@pytest.fixture
def music(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "music"))


def test_a_music_folder_becomes_a_store(music, tmp_path):
    prepared = prepare_music(music, tmp_path / "store", size=32, jobs=1)
    assert prepared.splits == {"solo_testing": 2, "solo_training_1": 4, "solo_validation": 4}
    assert (prepared.ok, prepared.failed, prepared.reasons) == (5, 0, {})
    store = Store.open(prepared.store)
    assert (store.classes, store.rate, store.seconds, store.frames_per_clip, store.size) == (
        ("cello", "flute"),
        16000,
        1.0,
        4,
        32,
    )
    part = store.split("solo_training_1")
    assert part.ids == [f"{stem(0)}/000", f"{stem(0)}/001", f"{stem(1)}/000", f"{stem(1)}/001"]
    assert part.labels.tolist() == [[False, True]] * 2 + [[True, False]] * 2
    assert part.annotated.all() and len(part.boxes) == 32
    assert part.all_frames().std() > 50 and abs(part.all_sounds().astype(int)).max() > 10000
    assert store.split("solo_testing").ids == store.split("solo_validation").ids[:2]


def test_raw_frames_are_those_of_jpeg_up_to_its_loss(music, tmp_path):
    for kind in ("raw", "jpeg"):
        prepare_music(music, tmp_path / kind, size=32, frames=kind, jobs=1)
    raw, jpeg = (Store.open(tmp_path / kind).split("solo_training_1").all_frames() for kind in ("raw", "jpeg"))
    assert abs(raw.astype(int) - jpeg).mean() < 8


def test_two_processes_write_the_same_store(music, tmp_path):
    for n in range(4, 24):  # more videos than a block
        shutil.copy(music / "videos" / f"{stem(n % 4)}.mp4", music / "videos" / f"{stem(n)}.mp4")
    lines = "".join(f"{stem(n)}.flac {stem(n)}.mp4\n" for n in range(24))
    (music / "all.txt").write_text(lines)
    names = json.loads((music / "MUSIC_solo_videos.json").read_text())
    names["videos"]["cello"] += [stem(n)[:11] for n in range(4, 24)]
    (music / "MUSIC_solo_videos.json").write_text(json.dumps(names))
    for jobs in (1, 2):
        assert prepare_music(music, tmp_path / f"store{jobs}", size=16, splits=["all"], jobs=jobs).ok == 24
    one, two = (Store.open(tmp_path / f"store{jobs}").split("all") for jobs in (1, 2))
    assert one.fingerprint == two.fingerprint and one.ids == two.ids
    assert (one.all_frames() == two.all_frames()).all() and (one.all_sounds() == two.all_sounds()).all()


def test_items_that_fail_are_counted_and_the_rest_is_prepared(music, tmp_path):
    (music / "videos" / f"{stem(0)}.mp4").unlink()
    (music / "videos" / f"{stem(1)}.mp4").write_text("a text")
    make_video(music / "videos" / f"{stem(3)}.mp4", 20)
    prepared = prepare_music(music, tmp_path / "store", size=16, jobs=1)
    assert prepared.reasons == {"missing file": 1, "not a media file": 1, "no sound track": 1}
    assert (prepared.ok, prepared.failed) == (2, 3)
    assert prepared.splits == {"solo_testing": 2, "solo_training_1": 0, "solo_validation": 2}
    with pytest.raises(DataError, match="there is no clip to read"):
        Store.open(prepared.store).split("solo_training_1").labels  # noqa: B018


def test_a_video_that_was_missing_is_taken_up_later(music, tmp_path):
    (music / "videos" / f"{stem(0)}.mp4").rename(tmp_path / "away.mp4")
    assert prepare_music(music, tmp_path / "store", size=16, jobs=1).failed == 1
    (tmp_path / "away.mp4").rename(music / "videos" / f"{stem(0)}.mp4")
    assert prepare_music(music, tmp_path / "store", size=16, jobs=1).failed == 0
    prepare_music(music, tmp_path / "fresh", size=16, jobs=1)
    assert Store.open(tmp_path / "store").fingerprint == Store.open(tmp_path / "fresh").fingerprint


def test_asking_for_one_list_does_not_shrink_a_store_of_all(music, tmp_path):
    prepare_music(music, tmp_path / "store", size=16, jobs=1)
    with pytest.raises(DataError, match="already has the split 'solo_training_1'; name it too"):
        prepare_music(music, tmp_path / "store", size=16, splits=["solo_testing"], jobs=1)
    assert Store.open(tmp_path / "store").splits["solo_validation"] == 4


def test_a_list_that_was_added_extends_the_store(music, tmp_path):
    prepare_music(music, tmp_path / "store", size=16, jobs=1)
    (music / "both.txt").write_text((music / "solo_training_1.txt").read_text())
    prepared = prepare_music(music, tmp_path / "store", size=16, jobs=1)
    assert prepared.splits["both"] == 4 and prepared.splits["solo_validation"] == 4


def test_annotated_frames_that_are_not_kept_are_reported(music, tmp_path, caplog):
    prepare_music(music, tmp_path / "store", fps=2, size=16, jobs=1)
    assert "24 of 32 annotated frames belong to no clip" in caplog.text
    assert "the stored frames of each second are 0, 15" in caplog.text


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("no folder", "no such folder; expected MUSIC_"),
        ("empty", "no MUSIC_\\*_videos.json; expected MUSIC_"),
        ("no lists", "no list of videos"),
        ("no videos", "none of 5 listed items could be prepared \\(missing file: 5\\)"),
        ("broken json", "not JSON"),
        ("no ids", "expected {.videos.: {class: .id, ....}}"),
    ],
)
def test_a_folder_of_another_layout_is_refused_in_one_line(music, tmp_path, damage, message):
    match damage:
        case "no folder":
            shutil.rmtree(music)
        case "empty":
            shutil.rmtree(music)
            music.mkdir()
        case "no lists":
            for file in music.glob("*.txt"):
                file.unlink()
        case "no videos":
            shutil.rmtree(music / "videos")
        case "broken json":
            (music / "MUSIC_solo_videos.json").write_text("{")
        case "no ids":
            (music / "MUSIC_solo_videos.json").write_text('{"videos": {"tuba": [["abcdefghijk"]]}}')
    with pytest.raises(AvlocError, match=message) as refused:
        prepare_music(music, tmp_path / "store", jobs=1)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    "form", ['{"bbox": [[1, 0.1, 0.1, %s, 0.2]]}', '{"bbox": [{"class": "flute", "normbox": [0, %s, 1, 1]}]}']
)
def test_a_coordinate_that_is_not_finite_is_one_line(tmp_path, form, value):
    key = f"{stem(0)}/frame_000/00000.jpg"
    (tmp_path / "test.json").write_text(f'{{"{key}": {form % value}}}')
    with pytest.raises(DataError, match=rf"test\.json: {key}: .*a coordinate is not finite"):
        read_boxes(tmp_path, ("flute",))


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": 31}, {"size": 0}, {"rate": 0}, {"frames": "png"}])
def test_options_out_of_range_are_refused(music, tmp_path, options):
    name = next(iter(options))
    with pytest.raises(DataError, match=f"{name} is {options[name]!r}"):
        prepare_music(music, tmp_path / "store", **options)
    assert not (tmp_path / "store").exists()


@needs_media
def test_real_and_odd_files_are_prepared_or_named(tmp_path):
    files = ["nasa_13013.mp4", "bento.mp4", *(f"odd/{path.name}" for path in sorted((MEDIA / "odd").iterdir()))]
    (tmp_path / "videos").mkdir()
    lines, names = "", []
    for n, name in enumerate(files):
        suffix = Path(name).suffix
        shutil.copy(MEDIA / name, tmp_path / "videos" / f"{stem(n)}{suffix}")
        lines += f"{stem(n)}.flac {stem(n)}.mp4\n"
        names.append(stem(n)[:11])
    (tmp_path / "all.txt").write_text(lines)
    (tmp_path / "MUSIC_solo_videos.json").write_text(json.dumps({"videos": {"speech": names}}))
    prepared = prepare_music(tmp_path, tmp_path / "store", size=64, jobs=1)
    assert prepared.splits == {
        "all": 13 + 1 + 4
    }  # nasa, bento (whose sound is 2 ms short of a second) and no_duration.webm
    assert prepared.reasons == {"no sound track": 5}


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"no published lists at {PUBLISHED}")
def test_published_lists_without_videos_name_what_is_missing(tmp_path):
    with pytest.raises(DataError, match=r"none of 217 listed items could be prepared \(missing file: 217\)"):
        prepare_music(PUBLISHED, tmp_path / "store", jobs=1)
