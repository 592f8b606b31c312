"""VGGSounder's table as a list of `avloc prepare vggsound` and `folder`: clips once, all labels, flags in the manifest."""

from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc import Store
from avloc.data.parts import parts_of_store
from avloc.errors import DataError
from tests.annotations.test_vggsounder import ROWS, table
from tests.commands import printed
from tests.data.making import REPOSITORY
from tests.data.published import write_json, write_numbered_video

CASE = REPOSITORY.parent / "shared" / "cases" / "26_vggsounder_list"


@pytest.fixture(scope="module")
def videos(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("sounder")
    for name in "abc":
        write_numbered_video(root / "v" / f"{name * 11}_000010.mp4", 10)
    table(root / "vggsounder.csv", *ROWS)
    return root


def named(part: Store) -> list[set[str]]:
    return [{part.classes[label] for label in np.flatnonzero(row)} for row in part.labels]


HEARD = [{"male singing", "people crowd"}, {"dog barking"}, set()]


def test_a_folder_has_each_clip_once_with_all_that_is_heard(videos, tmp_path):
    out = tmp_path / "s"
    avloc.prepare_folder(videos / "v", out, lists=[f"test={videos / 'vggsounder.csv'}"], jobs=0)
    part = Store.open(out).split("test")
    assert part.ids == [f"{name * 11}_000010" for name in "abc"] and named(part) == HEARD
    rows = {row["id"]: row["vggsounder"] for row, _ in part.lines()}
    assert rows["ccccccccccc_000010"]["visible"] == ["bird chirping, tweeting"]
    assert rows["aaaaaaaaaaa_000010"]["background_music"] is True
    parts = parts_of_store(part)
    assert parts["background music"].tolist() == [True, False, False]
    assert parts["a sound that is not visible"].tolist() == [True, False, False]


def test_vggsound_finds_the_table_by_its_name(videos, tmp_path):
    found = printed(
        "prepare", "vggsound", "--source", videos / "v", "--annotations", videos, "--jobs", 0, "--out", tmp_path / "s",
        "--only", "audible,visible", "--without", "voice_over",
    )  # fmt: skip
    assert found["splits"] == {"vggsounder": 1}
    part = Store.open(tmp_path / "s").split("vggsounder")
    assert named(part) == [{"people crowd"}] and part.ids == ["aaaaaaaaaaa_000010"]


def test_labels_of_vggsounder_take_the_place_of_the_one_of_vggsound(videos, tmp_path):
    (tmp_path / "lists").mkdir()
    table(tmp_path / "lists" / "vggsounder.csv", *ROWS)
    (tmp_path / "lists" / "vggsound.csv").write_text("aaaaaaaaaaa,10,yodelling,test\nddddddddddd,0,yodelling,test\n")
    box = {"file": "aaaaaaaaaaa_000010", "class": "yodelling", "bbox": [[0.1, 0.1, 0.5, 0.5]]}
    write_json(tmp_path / "lists" / "vggss.json", [box])
    avloc.prepare_vggsound(videos / "v", tmp_path / "s", tmp_path / "lists", jobs=0)
    store = Store.open(tmp_path / "s")
    assert "yodelling" in store.classes and store.splits["vggsounder"] == 3
    # a clip with a box keeps the class of its box beside what VGGSounder hears
    assert named(store.split("vggsounder"))[0] == {"male singing", "people crowd", "yodelling"}


def test_a_benchmark_and_the_table_together(videos, tmp_path):
    own = {"clips": [{"id": "bbbbbbbbbbb_000010", "boxes": [{"box": [0, 0, 0.5, 1], "class": "dog barking"}]}]}
    write_json(tmp_path / "own.json", own)
    lists = [f"test={videos / 'vggsounder.csv'}"]
    avloc.prepare_folder(
        videos / "v", tmp_path / "s", lists, benchmark="own", annotations=tmp_path / "own.json", jobs=0
    )
    part = Store.open(tmp_path / "s").split("test")
    assert part.classes == ("dog barking", "male singing", "people crowd") and named(part) == HEARD
    assert part.boxes.clip.tolist() == [1]


def test_flags_without_the_table_and_flags_that_leave_nothing_are_refused(videos, tmp_path):
    with pytest.raises(DataError, match="--only and --without use VGGSounder's flags; give its table"):
        avloc.prepare_folder(videos / "v", tmp_path / "s", only="audible", jobs=0)
    lists = [f"test={videos / 'vggsounder.csv'}"]
    with pytest.raises(DataError, match="none of its 3 clips remains after --only static_image --without visible"):
        avloc.prepare_folder(videos / "v", tmp_path / "s", lists, only=["static_image"], without=["visible"], jobs=0)
    with pytest.raises(DataError, match="only is 'loud'; expected one of audible, visible"):
        avloc.prepare_folder(videos / "v", tmp_path / "s", lists, only=["loud"], jobs=0)


def test_the_table_of_a_public_report_gives_two_clips(tmp_path):
    if not CASE.is_dir():
        pytest.skip(f"{CASE} is not there")
    lists = [f"test={CASE / 'vggsounder.csv'}"]
    prepared = avloc.prepare_folder(CASE / "v", tmp_path / "s", lists, seconds=0.5, jobs=0)
    assert prepared.coverage == {"test": (2, 2)}
