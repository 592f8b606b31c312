"""`avloc doctor`: what works on this machine, and what is wrong where something does not."""

from pathlib import Path

import pytest
import torch

import avloc
from avloc.engine import health, stepping
from tests.commands import invoke, printed, shown


def test_a_machine_where_everything_works_is_healthy():
    found = printed("doctor")
    by_name = {one["name"]: one for one in found["findings"]}
    assert all(one["status"] != "failed" for one in found["findings"])
    assert by_name["self-test"]["status"] == "ok" and found["seconds"] > 0
    assert {"torch and torchvision", "torchvision's operators", "processors", "encoder libx264"} <= set(by_name)
    assert found["versions"]["avloc"] == avloc.__version__ and found["versions"]["torch"]


@pytest.mark.parametrize(
    ("has", "said"), [(True, "threads, bf16 in"), (False, "no bf16 in hardware: precision auto is fp32")]
)
def test_it_tells_in_what_precision_configurations_train(has, said, monkeypatch):
    monkeypatch.setattr(stepping, "has_bf16", lambda device: has)
    ((name, status, detail), *_) = health.devices()
    assert name == "processors" and status == "ok" and said in detail


@pytest.mark.parametrize(
    ("torch", "torchvision", "wanted", "status"),
    [
        ("2.3.1", "0.18.1", "==2.3.1", "ok"),
        ("2.9.1+cu128", "0.24.1+cu128", "==2.9.1", "ok"),
        ("2.15.0+cu132", "0.29.2+cu132", ">=2.14.0", "ok"),
        ("2.16.0.dev20261201", "0.31.0", ">=2.14.0", "ok"),
        ("2.9.1", "0.24.1", "", "ok"),
        ("2.9.1", "0.18.1", "==2.3.1", "failed"),
        ("2.13.0", "0.29.2", ">=2.14.0", "failed"),
        ("2.9.1", "", "", "failed"),
        ("", "0.18.1", "==2.3.1", "failed"),
    ],
)
def test_torchvision_says_which_torch_it_needs(torch, torchvision, wanted, status):
    assert health.pair(torch, torchvision, wanted)[1] == status


def test_the_installed_torchvision_names_its_torch():
    assert health.wanted_torch() and health.pair(torch.__version__, "0", health.wanted_torch())[1] == "ok"


def test_a_failing_check_is_named_and_ends_with_status_1(monkeypatch):
    """A torchvision that was built for another torch has operators that are not there."""
    import torchvision

    def broken(*arguments: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist\nand more")

    monkeypatch.setattr(torchvision.ops, "nms", broken)
    monkeypatch.setattr(health, "self_test", lambda: (("self-test", "ok", ""), 0.0))
    found = invoke("doctor")
    assert found.exit_code == 1 and "FAILED" in found.stdout and "1 of" in found.stdout
    assert "operator torchvision::nms does not exist; install torch and torchvision as a pair" in found.stdout


def test_the_self_test_fails_where_the_film_cannot_be_written(monkeypatch):
    monkeypatch.setattr(health, "_film", lambda: b"no film")
    (name, status, detail), _ = health.self_test()
    assert (name, status) == ("self-test", "failed") and detail


def test_the_self_test_fails_where_the_sound_is_found_elsewhere(monkeypatch):
    load = avloc.load

    class Mirrored:
        def predict(self, film: Path) -> object:
            return type("Found", (), {"maps": load("motion", device="cpu").predict(film).maps[..., ::-1]})

    monkeypatch.setattr("avloc.engine.loaded.load", lambda *arguments, **options: Mirrored())
    (_, status, detail), _ = health.self_test()
    assert status == "failed" and "where it should be" in detail


def test_missing_extras_and_a_full_disk_are_warnings(monkeypatch, tmp_path):
    (finding,) = health.extras({name: "1" for name in health.EXTRAS if name != "onnxruntime"})
    assert finding[:2] == ("onnxruntime", "warning") and "avloc[onnx]" in finding[2]
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 5e8}))
    ((name, status, detail),) = health.room([tmp_path / "not" / "there"])
    assert name.endswith("there") and status == "warning" and detail == "0.5 GB free; free some"


def test_what_it_found_is_shown_as_a_table(monkeypatch):
    monkeypatch.setattr(health, "self_test", lambda: (("self-test", "ok", "fine"), 0.0))
    text = shown("doctor")
    assert "everything that avloc needs works" in text and "self-test" in text and "torchvision 0." in text
