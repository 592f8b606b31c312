"""A list cannot name what lies outside of the source: such a line is a failed item with its reason."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

import avloc
from avloc.prepare.parts.inside import OUTSIDE, inside

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


def test_media_that_are_linked_into_the_folder_are_read(tmp_path):
    """As is done on clusters."""
    one_clip(tmp_path / "disc", "a")
    for kind, ending in (("frames", "jpg"), ("audio", "wav")):
        (tmp_path / "source" / kind).mkdir(parents=True)
        (tmp_path / "source" / kind / f"a.{ending}").symlink_to(tmp_path / "disc" / kind / f"a.{ending}")
    found = avloc.prepare_import(tmp_path / "source", "folder", tmp_path / "s", seconds=1.0, size=32, jobs=0)
    assert found.ok == 1
