"""Links that lead out of what a command was given."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest

import avloc
from avloc.annotations import read_benchmark, read_own_truth
from avloc.annotations.files import Files
from avloc.errors import DataError
from avloc.links import Bounds, bounds, bounds_of
from avloc.predictions import read_predictions
from avloc.walking import files_in


@pytest.fixture
def places(tmp_path) -> Path:
    """in/: a file, links to it and out of it, a folder that is a link; far/: what they lead to."""
    for name in ("in/deep/a", "far/b", "near/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for name, target in (
        ("same", "deep/a"),
        ("out", "../far/b"),
        ("folder", "../far"),
        ("nothing", "/none"),
        ("x", "x"),
    ):
        (tmp_path / "in" / name).symlink_to(target)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "leads"),
    [("deep/a", False), ("same", False), ("out", True), ("folder/b", True), ("folder", True), ("nothing", True),
     ("x", False), ("../far/b", True), ("new", False), ("deep/../same", False), ("..", True)],
)  # fmt: skip
def test_what_leads_out_is_told_by_where_it_ends(places, name, leads):
    assert Bounds([places / "in"]).lead_out(places / "in" / name) is leads


def test_a_command_may_read_all_that_it_was_given(places):
    limits = Bounds([places / "in", places / "far" / "b"])
    assert not limits.lead_out(places / "in" / "out") and limits.lead_out(places / "near" / "c")
    assert not Bounds([places / "in"], follow=True).lead_out(places / "in" / "out")
    (places / "way").symlink_to(places / "in")
    assert not Bounds([places / "way"]).lead_out(places / "way" / "deep" / "a")
    assert not bounds().lead_out("/anything")
    with bounds_of([places / "in"], follow=False):
        assert bounds().lead_out(places / "in" / "out") and not bounds(places / "far").lead_out(places / "in" / "out")
    assert bounds(places / "in").lead_out(places / "in" / "out")


def test_files_that_are_links_out_are_left_out_and_named(places, caplog):
    found = [path.name for path in files_in(places / "in", deep=True)]
    assert found == ["a", "same", "x"]
    assert "in: 3 links to outside the folder are left out (--follow-links reads them): " in caplog.text
    with bounds_of([], follow=True), caplog.at_level(logging.CRITICAL):
        assert len(files_in(places / "in", deep=True)) == 6


def test_an_annotation_that_is_a_link_out_is_refused(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "own.json").write_text("{}")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "own.json").symlink_to(tmp_path / "far" / "own.json")
    with pytest.raises(DataError, match="a link to outside its folder; copy the file, or add --follow-links"):
        Files(tmp_path / "in").named("own.json")
    assert Files(tmp_path / "in" / "own.json").main() == tmp_path / "in" / "own.json"  # named by the user


def test_maps_that_are_links_out_are_scored_only_when_links_are_followed(tmp_path, caplog):
    (tmp_path / "maps").mkdir()
    boxes = [{"id": name, "boxes": [{"box": [0.1, 0.1, 0.5, 0.5]}]} for name in "abc"]
    (tmp_path / "truth.json").write_text(
        json.dumps({"name": "mine", "boxes": "xyxy", "units": "fraction", "clips": boxes})
    )
    assert len(read_own_truth(tmp_path / "truth.json").ids) == 3
    for name in "abc":
        np.save(tmp_path / "maps" / f"{name}.npy", np.eye(8))
    (tmp_path / "far").mkdir()
    (tmp_path / "maps" / "c.npy").rename(tmp_path / "far" / "c.npy")
    (tmp_path / "maps" / "c.npy").symlink_to(tmp_path / "far" / "c.npy")
    given = {"predictions": tmp_path / "maps", "truth": tmp_path / "truth.json", "resamples": 0}
    (result,) = avloc.evaluate_predictions(**given, follow_links=True).results.values()
    assert result.counts["found"] == 3
    (result,) = avloc.evaluate_predictions(**given).results.values()
    assert result.counts["found"] == 2 and "1 link to outside the folder is left out" in caplog.text


def test_from_python_links_are_followed_where_one_says_so(tmp_path):
    away, here = tmp_path / "away", tmp_path / "here"
    for folder in (away, here):
        folder.mkdir()
    np.save(away / "a.npy", np.ones((4, 4), np.float32))
    (away / "own.json").write_text(json.dumps({"clips": [{"id": "a", "boxes": [{"box": [0, 0, 1, 1]}]}]}))
    (away / "vggss.json").write_text(json.dumps([{"file": "a_000010", "class": "dog", "bbox": [[0, 0, 1, 1]]}]))
    for path in away.iterdir():
        (here / path.name).symlink_to(path)
    with pytest.raises(DataError, match=r"here: no \.npy"):
        read_predictions(here)
    assert read_predictions(here, follow_links=True).ids == ["a"]
    with pytest.raises(DataError, match="a link to outside its folder"):
        read_benchmark("vggss", here)
    assert read_benchmark("vggss", here, follow_links=True).ids == ["a_000010"]
    assert read_own_truth(here / "own.json", follow_links=True).ids == ["a"]
