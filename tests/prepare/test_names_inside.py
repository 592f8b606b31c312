"""A list cannot name what lies outside of the source: such a line is a failed item with its reason."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import avloc
from avloc.errors import DataError
from avloc.prepare.parts.inside import OUTSIDE, inside
from avloc.prepare.parts.linked_out import LINKED_OUT
from avloc.prepare.writing.store_folder import Prepared

LEADING_OUT = ["../secret", "a/../../secret", "/etc/passwd", "x" * 300, "nul\0byte", ".."]


@pytest.mark.parametrize("name", [*LEADING_OUT, "", "a\\..\\..\\b"])
def test_a_name_that_leads_out_is_none(tmp_path, name):
    assert inside(tmp_path, name) is None


@pytest.mark.parametrize("name", ["a", "a/b", "a..b", "...", "é", "-x"])
def test_a_name_within_is_its_path(tmp_path, name):
    assert inside(tmp_path, name) == tmp_path / name


def one_clip(root: Path, name: str) -> None:
    (root / "frames").mkdir(parents=True, exist_ok=True)
    (root / "audio").mkdir(exist_ok=True)
    cv2.imwrite(str(root / "frames" / f"{name}.jpg"), np.full((32, 32, 3), 90, np.uint8))
    soundfile.write(root / "audio" / f"{name}.wav", np.full(16_000, 0.1), 16_000)


def fates(store: Path) -> dict[str, str]:
    rows = [json.loads(line) for line in (store / "manifest.jsonl").read_text().splitlines()]
    return {row["id"]: row.get("reason", "ok") for row in rows}


def test_lines_of_a_list_read_nothing_outside_of_the_folder(tmp_path):
    root = tmp_path / "source"
    one_clip(root, "good")
    one_clip(tmp_path, "secret")  # source/frames/../../frames/secret.jpg
    names = ["good", "../../frames/secret", *(name for name in LEADING_OUT if "\0" not in name)]
    (tmp_path / "list.txt").write_text("".join(f"{name}\n" for name in names))
    found = avloc.prepare_import(
        root, "folder", tmp_path / "s", lists=[f"all={tmp_path / 'list.txt'}"], seconds=1.0, size=32, jobs=0
    )
    assert found.ok == 1 and found.reasons == {OUTSIDE: len(names) - 1} and found.passing == 0
    assert fates(tmp_path / "s")["../../frames/secret"] == OUTSIDE


@pytest.fixture
def linked(tmp_path) -> Path:
    """Clips a and b, and c, whose sound is a link to another folder."""
    for name in "abc":
        one_clip(tmp_path / "source", name)
    one_clip(tmp_path / "disc", "c")
    sound = tmp_path / "source" / "audio" / "c.wav"
    sound.unlink()
    sound.symlink_to(tmp_path / "disc" / "audio" / "c.wav")
    return tmp_path / "source"


def imported(source: Path, out: Path, **how) -> Prepared:
    return avloc.prepare_import(source, "folder", out, seconds=1.0, size=32, jobs=0, **how)


def test_a_link_out_of_the_source_is_a_failed_item_until_links_are_followed(linked, tmp_path, caplog):
    found = imported(linked, tmp_path / "s")
    assert found.ok == 2 and found.reasons == {LINKED_OUT: 1} and found.passing == 0
    assert fates(tmp_path / "s") == {"a": "ok", "b": "ok", "c": LINKED_OUT} and "frames/c.jpg: its link" in caplog.text
    assert imported(linked, tmp_path / "s", follow_links=True).ok == 3
    assert imported(linked, tmp_path / "s").ok == 2


def test_a_link_within_the_source_is_read(linked, tmp_path):
    (linked / "disc").mkdir()
    (linked / "audio" / "c.wav").rename(linked / "disc" / "c.wav")
    (linked / "audio" / "c.wav").symlink_to("../disc/c.wav")
    (linked / "disc" / "c.wav").unlink()
    (linked / "audio" / "a.wav").rename(linked / "disc" / "c.wav")
    (linked / "audio" / "a.wav").symlink_to(linked / "disc" / "c.wav")
    assert imported(linked, tmp_path / "s").ok == 3


def test_a_folder_of_links_is_refused_in_a_line_that_names_the_option(tmp_path):
    """As clusters have them."""
    one_clip(tmp_path / "disc", "a")
    (tmp_path / "source").mkdir()
    for kind in ("frames", "audio"):
        (tmp_path / "source" / kind).symlink_to(tmp_path / "disc" / kind)
    with pytest.raises(
        DataError, match=r"1 of 1 listed items are links to outside the folder.*; add --follow-links to"
    ):
        imported(tmp_path / "source", tmp_path / "s")
    assert not (tmp_path / "s").exists()
    assert imported(tmp_path / "source", tmp_path / "s", follow_links=True).ok == 1
    (tmp_path / "way").symlink_to(tmp_path / "disc")  # the source itself may be a link
    assert imported(tmp_path / "way", tmp_path / "t").ok == 1


def test_a_picture_of_a_folder_of_pictures_may_not_lead_out(tmp_path):
    root = tmp_path / "source"
    for name in "abc":
        one_clip(root, name)
        (root / "frames" / name).mkdir()
        (root / "frames" / f"{name}.jpg").rename(root / "frames" / name / "007.jpg")
    (root / "frames" / "b" / "007.jpg").rename(tmp_path / "b.jpg")
    (root / "frames" / "b" / "007.jpg").symlink_to(tmp_path / "b.jpg")
    assert imported(root, tmp_path / "s").reasons == {LINKED_OUT: 1}
