"""Every method as one file for other programs: the same maps, or one line why it cannot be."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Batch
from avloc.engine.card import Card, card_of
from avloc.engine.exporting import ENDINGS, Locate, difference, inputs_of, write
from avloc.engine.loaded import Model
from avloc.errors import AvlocError
from tests.commands import error_of, printed, shown
from tests.engine.tiny import make_tiny_store, tiny_config, write_config
from tests.methods.test_contract import STAGES, batch_of, stage

pytestmark = pytest.mark.slow

#: stages that networks of other kinds than tensors hold, and what they are answered with
FORMATS = ["torch-export", "onnx"]
REFUSED = {("coarse_to_fine_original", 2, form) for form in FORMATS}
if tuple(map(int, torch.__version__.split(".")[:2])) < (2, 14):  # they cannot trace NoPrior for any number of clips
    REFUSED.add(("noprior", 1, "torch-export"))


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> avloc.Store:
    return avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("exporting") / "store")).split("train")


def model_of(localizer: avloc.Localizer, name: str, number: int) -> Model:
    card = Card(name, number)
    return Model(name, name, number, None, 4000, 1.0, 32, torch.device("cpu"), card, localizer)


def part(batch: Batch, count: int) -> Batch:
    return Batch(**{key: None if value is None else value[:count] for key, value in vars(batch).items()})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(("name", "number"), STAGES, ids=[f"{name} stage {number}" for name, number in STAGES])
def test_the_file_gives_the_model_s_maps_for_any_number_of_clips(name, number, form, store, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    localizer = stage(name, number).eval()
    model, batch, file = model_of(localizer, name, number), batch_of(store, localizer), tmp_path / f"m{ENDINGS[form]}"
    if (name, number, form) in REFUSED:
        with pytest.raises(AvlocError, match=f"{name} stage {number} cannot be exported as {form}") as error:
            write(model, model.card, form, file, part(batch, 3))
        assert "\n" not in str(error.value) and not file.exists()
        return
    write(model, model.card, form, file, part(batch, 3))
    assert difference(model, form, file, [batch, part(batch, 1)]) < 1e-4


def test_a_method_that_looks_at_all_frames_is_exported_with_them(tmp_path):
    localizer = avloc.load("motion").localizer
    batch = Batch(torch.rand(3, 3, 224, 224), torch.randn(3, 4000), frames=torch.rand(3, 5, 3, 224, 224))
    assert list(inputs_of(localizer, batch)) == ["frame", "sound", "frames"]
    model = model_of(localizer, "motion", 1)
    write(model, model.card, "torch-export", tmp_path / "m.pt2", batch)
    assert difference(model, "torch-export", tmp_path / "m.pt2", [batch, part(batch, 2)]) < 1e-4
    pytest.importorskip("onnx", reason="ONNX is an extra")
    with pytest.raises(AvlocError, match="motion stage 1 cannot be exported as onnx") as error:
        write(model, model.card, "onnx", tmp_path / "m.onnx", batch)
    assert "\n" not in str(error.value) and not (tmp_path / "m.onnx").exists()


def test_a_file_that_gives_other_maps_is_told(store, tmp_path):
    localizer = stage("hard_way", 1).eval()
    model, batch = model_of(localizer, "hard_way", 1), batch_of(store, localizer)
    write(model, model.card, "torch-export", tmp_path / "m.pt2", part(batch, 3))
    with torch.no_grad():
        for parameter in localizer.parameters():
            parameter.mul_(-1.5)
    with pytest.raises(AvlocError, match="differ from the model's"):
        difference(model, "torch-export", tmp_path / "m.pt2", [batch])


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("exported")
    config = write_config(folder / "c.yaml", tiny_config(make_tiny_store(folder / "store"), init_num=1))
    few = ["stage1.train.epochs=2", "stage2.train.epochs=1"]
    avloc.train_stage1(config, folder / "run", set=few)
    avloc.cluster(run=folder / "run")
    avloc.match_clusters(run=folder / "run")
    avloc.train_stage2(run=folder / "run")
    avloc.calibrate(run=folder / "run", clips=4)
    return folder / "run"


def test_one_exported_file_carries_names_and_calibration_without_the_run(run, tmp_path):
    found = printed("export", "--run", run, "--check", "--out", tmp_path / "m.safetensors")
    assert found["difference"] == 0 and found["clips"] > 1
    ours, theirs = avloc.load(run), avloc.load(tmp_path / "m.safetensors")
    assert theirs.classes == ours.classes and theirs.calibration == ours.calibration is not None
    assert theirs.run is None and theirs.seconds == 1.0
    again = tmp_path / "again.safetensors"
    assert avloc.export(weights=str(tmp_path / "m.safetensors"), out=again).difference is None
    assert card_of(again) == card_of(tmp_path / "m.safetensors")
    assert again.read_bytes() == (tmp_path / "m.safetensors").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_the_command_checks_the_file_on_clips_of_the_validation_split(run, form, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    found = printed("export", "--run", run, "--format", form, "--check", "--out", tmp_path / "m")
    assert found["clips"] == 5 and found["difference"] < 1e-4 and (tmp_path / "m").stat().st_size == found["bytes"]
    assert found["inputs"]["frame"] == ["B", 3, 32, 32]
    assert "maps differ by at most" in shown("export", "--run", run, "--format", form, "--check")
    assert (run / f"dsol-stage2{ENDINGS[form]}").exists()


def test_an_onnx_file_says_what_it_is(run, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    file = avloc.export(run=run, format="onnx", out=tmp_path / "m.onnx").file
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    said = session.get_modelmeta().custom_metadata_map["avloc"]
    assert '"method": "dsol"' in said and "harp" in said
    maps = session.run(None, {"frame": np.zeros((7, 3, 32, 32), np.float32), "sound": _silence(run)})[0]
    assert len(maps) == 7


def _silence(run: Path) -> np.ndarray:
    sound = avloc.load(run).localizer.sound(torch.zeros(7, 4000))
    return sound.numpy()


def test_what_cannot_be_exported_is_refused_in_one_line(run, tmp_path):
    assert "either --run or --weights" in error_of("export")
    assert "no weights" in error_of("export", "--weights", "motion", "--out", tmp_path / "m.safetensors")
    assert "--store" in error_of("export", "--weights", "motion", "--format", "onnx", "--out", tmp_path / "m.onnx")
    weights = run / "stage2" / "train.safetensors"
    assert "is the input itself" in error_of("export", "--weights", weights, "--out", weights)
    assert not list(tmp_path.iterdir())


def test_any_clips_of_a_given_store_serve_the_check(run, tmp_path):
    """No split is called `all`: the stage's validation split is taken if the store has one of that name, else its first."""
    store, alone = run.parent / "store", tmp_path / "alone.safetensors"
    shutil.copy(run / "stage2" / "train.safetensors", alone)
    for model in (["--run", run], ["--weights", alone]):
        found = printed("export", *model, "--store", store, "--check", "--out", tmp_path / "m")
        assert found["clips"] == 5 and found["difference"] == 0


def test_info_prints_what_weights_runs_and_stores_say(run, tmp_path):
    weights = run / "stage1" / "localize.safetensors"
    found = printed("info", weights)
    assert (found["kind"], found["method"], found["classes"]) == ("weights", "dsol", ["harp", "horn", "tuba"])
    assert found["config"]["stage1"]["model"]["dim"] == 8 and found["data"]["origin"] == "recordings"
    found = printed("info", run)
    assert "stage2/train.safetensors" in found["files"] and found["calibration of stage 2"]["clips"]["own"] == 4
    assert printed("info", run.parent / "store")["splits"] == {"train": 18, "validation": 6, "test": 6}
    text = shown("info", run)
    assert "calibration of stage 2" in text and "torch:" in text and "configuration" in text
    assert "neither a run" in error_of("info", tmp_path)
    assert "no such file" in error_of("info", tmp_path / "nothing")
    (tmp_path / "text.safetensors").write_text("x")
    assert "not complete safetensors" in error_of("info", tmp_path / "text.safetensors")


def test_locate_of_an_export_is_locate(store):
    localizer = stage("ez_vsl", 1).eval()
    batch = batch_of(store, localizer)
    with torch.no_grad():
        assert torch.equal(Locate(localizer)(batch.frame, batch.sound), localizer.locate(batch).float())
