"""`avloc.load`: a run, one weights file or a method's name is enough; weights say what they are."""

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import avloc
from avloc.data.loader import Loader
from avloc.data.plans import Plan
from avloc.engine.card import card_of
from avloc.engine.experiment import open_run
from avloc.engine.stages import load_stage
from avloc.errors import AvlocError
from tests.data.making import make_video, tone
from tests.engine.tiny import CLASSES, make_tiny_store, tiny_config, write_config


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A run of both stages with its clusters matched, beside its store."""
    folder = tmp_path_factory.mktemp("loaded")
    config = write_config(folder / "c.yaml", tiny_config(make_tiny_store(folder / "store")))
    run = folder / "run"
    avloc.train_stage1(config, run)
    avloc.cluster(run=run)
    avloc.match_clusters(run=run)
    avloc.train_stage2(run=run)
    return run


def maps_of(localizer: torch.nn.Module, store: Path) -> torch.Tensor:
    loader = Loader(avloc.Store.open(store).split("test"), localizer, torch.device("cpu"))
    (batch,) = loader.of(Plan(np.array([0, 2, 5]), np.array([0, 1, 1])), 3)
    with torch.no_grad():
        return localizer.locate(batch)


@pytest.mark.parametrize("number", [1, 2])
def test_a_run_gives_the_maps_of_its_stage(trained, number):
    model = avloc.load(trained, stage=number)
    expected = load_stage(*open_run(None, trained), number)
    assert torch.equal(maps_of(model.localizer, trained.parent / "store"), maps_of(expected, trained.parent / "store"))
    assert (model.method, model.stage, model.rate, model.seconds, model.size) == ("dsol", number, 4000, 1.0, 32)


def test_the_last_trained_stage_is_loaded_unless_one_is_named(trained, tmp_path):
    assert avloc.load(trained).stage == 2
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "stage2")
    assert avloc.load(tmp_path / "run").stage == 1


@pytest.mark.parametrize(("number", "file"), [(1, "localize"), (2, "train")])
def test_one_file_without_its_run_is_enough(trained, tmp_path, number, file):
    alone = shutil.copy(trained / f"stage{number}" / f"{file}.safetensors", tmp_path / "mine.safetensors")
    model = avloc.load(alone)
    there = trained.parent / "store"
    expected = load_stage(*open_run(None, trained), number, (file,))
    assert torch.equal(maps_of(model.localizer, there), maps_of(expected, there))
    assert (model.stage, model.rate, model.seconds) == (number, 4000, 1.0)


def test_maps_of_clusters_have_the_names_that_matching_found(trained):
    model = avloc.load(trained)
    assert model.classes is not None and set(CLASSES) <= set(model.classes)
    assignment = json.loads((trained / "matching.json").read_text())["assignment"]
    for number, name in enumerate(model.classes):
        assert name not in CLASSES or assignment[CLASSES.index(name)][number]
    assert avloc.load(trained, stage=1).classes is None  # one map of all that sounds


def test_a_method_without_training_is_loaded_by_its_name():
    model = avloc.load("motion")
    assert (model.method, model.rate, model.seconds, model.classes) == ("motion", None, None, None)


def test_what_is_no_model_is_refused_in_one_line(trained, tmp_path):
    (tmp_path / "theirs.pth").write_bytes(b"x")
    (tmp_path / "text.safetensors").write_text("no weights")
    (tmp_path / "empty").mkdir()
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    later = load_file(trained / "stage1" / "localize.safetensors")
    save_file(later, tmp_path / "later.safetensors", {"method": "dsol", "stage": "1", "format": "9"})
    broken = {"method": "dsol", "stage": "1", "format": "2", "config": "{"}
    save_file(later, tmp_path / "broken.safetensors", broken)
    save_file(later, tmp_path / "deep.safetensors", {**broken, "config": "[" * 100_000})
    for what, why in (
        ("dsol", "needs training"),
        ("see_and_her", "no run, no weights file and no method"),
        (tmp_path / "missing.safetensors", "no run, no weights file"),
        ("missing.pth", "no run, no weights file"),
        (tmp_path / "theirs.pth", "import-weights"),
        (tmp_path / "text.safetensors", "not complete safetensors"),
        (tmp_path / "empty", "is not a run"),
        (tmp_path / "other.safetensors", "not written by avloc"),
        (tmp_path / "later.safetensors", "format 9"),
        (tmp_path / "broken.safetensors", "cannot be read"),
        (tmp_path / "deep.safetensors", "nested too deep"),
    ):
        with pytest.raises(AvlocError, match=why) as error:
            avloc.load(what)
        assert "\n" not in str(error.value)


def test_weights_of_an_earlier_version_load_within_their_run_and_are_refused_alone(trained, tmp_path):
    """They said method, stage, seed and the fingerprint of the data."""
    old = tmp_path / "run"
    shutil.copytree(trained, old)
    for file in old.glob("stage*/*.safetensors"):
        with safe_open(file, framework="pt") as opened:
            about = opened.metadata()
        kept = {key: about[key] for key in ("method", "stage", "data", "seed", "phase", "epoch")}
        save_file(load_file(file), file, kept)
    there = trained.parent / "store"
    assert card_of(old / "stage2" / "train.safetensors").format == 1
    file = old / "stage1" / "classify.safetensors"
    model = avloc.load(file)
    expected = maps_of(load_stage(*open_run(None, trained), 1, ("classify",)), there)
    assert torch.equal(maps_of(model.localizer, there), expected)
    shutil.copy(file, tmp_path / "alone.safetensors")
    with pytest.raises(AvlocError, match="earlier avloc"):
        avloc.load(tmp_path / "alone.safetensors")


def test_weights_say_what_they_are(trained):
    card = card_of(trained / "stage1" / "localize.safetensors")
    store = avloc.Store.open(trained.parent / "store")
    assert (card.format, card.method, card.stage, card.phase, card.classes) == (2, "dsol", 1, "localize", CLASSES)
    assert card.views == {"rate": 4000, "seconds": 1.0, "frames": 2, "size": 40}
    assert (card.data["store"], card.data["split"], card.data["fingerprint"]) == ("store", "train", store.fingerprint)
    assert card.origin == "recorded" and card.versions["torch"] == torch.__version__.partition("+")[0]
    assert card.config is not None and card.config["stage1"]["model"]["dim"] == 8 and "evaluate" not in card.config


def test_weights_name_no_place_on_the_disk(trained):
    content = (trained / "stage2" / "train.safetensors").read_bytes()
    assert str(trained.parent).encode() not in content


def test_the_same_training_gives_the_same_bytes(trained, tmp_path):
    """Also in another folder, and another process would write its metadata in no other order."""
    avloc.train_stage1(trained.parent / "c.yaml", tmp_path / "again")
    ours, theirs = (run / "stage1" / "localize.safetensors" for run in (trained, tmp_path / "again"))
    assert hashlib.sha256(ours.read_bytes()).digest() == hashlib.sha256(theirs.read_bytes()).digest()
    with safe_open(ours, framework="pt") as file:
        assert len(file.metadata()) > 8
    header = ours.read_bytes()[8:]
    names = list(json.loads(header[: int.from_bytes(ours.read_bytes()[:8], "little")])["__metadata__"])
    assert names == sorted(names)


def test_a_model_shows_itself_on_one_line(trained):
    assert len(repr(avloc.load(trained))) < 200 and "dsol stage 2" in repr(avloc.load(trained))


def test_weights_of_the_synthetic_world_warn_about_anything_else(tmp_path, caplog):
    from dataclasses import replace

    from avloc.engine.foreign import warn_if_foreign

    (tmp_path / "world" / "videos").mkdir(parents=True)
    (tmp_path / "world" / "world.json").write_text("{}")
    own, other = tmp_path / "world" / "videos" / "a.mp4", tmp_path / "mine.mp4"
    warn_if_foreign("runs/demo", "synthetic", [own])
    warn_if_foreign("runs/mine", "recorded", [other])
    warn_if_foreign("runs/old", "", [other])
    assert caplog.records == []
    warn_if_foreign("runs/demo", "synthetic", [own, other])
    assert len(caplog.records) == 1 and other.name in caplog.text and own.name not in caplog.text
    caplog.clear()
    model = replace(avloc.load("motion"), origin="synthetic")
    make_video(other, 12, sound=tone(1.2))
    model.predict(other)
    assert "is not: its" in caplog.text
