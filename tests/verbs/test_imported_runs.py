"""Runs whose weights the authors trained: whose data they take, and which of their maps is which class."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.clustering import by_dictionary
from avloc.engine.checkpoints import save_weights
from avloc.engine.experiment import open_run
from avloc.engine.stages import load_stage
from avloc.errors import AvlocError, ConfigError, RunError
from avloc.verbs.import_weights import import_into_run
from tests.engine.tiny import make_tiny_store, tiny_config, write_config
from tests.methods.visual_context_file import write_visual_context


@pytest.fixture(scope="module")
def theirs(tmp_path_factory) -> Path:
    """The authors' file of visual context, of our own random weights."""
    path = tmp_path_factory.mktemp("theirs") / "model.pth"
    write_visual_context(path)
    return path


def test_a_new_run_takes_data_and_test_sets_of_the_methods_published_configuration(theirs, tmp_path):
    import_into_run("visual_context", 1, theirs, tmp_path / "run")
    experiment, _ = open_run(None, tmp_path / "run")
    assert (
        experiment.stage(1).data.store == Path("data/vggsound-24k") and experiment.evaluate["vggss"].protocol == "vcs"
    )
    model = experiment.stage(1).model
    assert model["nodes"] == 16 and model["visual"].weights is None, "nothing to download"


def test_an_import_that_was_killed_before_its_weights_ends_with_the_same_bytes(theirs, tmp_path):
    import_into_run("visual_context", 1, theirs, tmp_path / "run")
    weights = tmp_path / "run" / "stage1" / "train.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    import_into_run("visual_context", 1, theirs, tmp_path / "run")
    assert weights.read_bytes() == content


def test_another_configuration_and_other_values_may_be_named(theirs, tmp_path):
    values = ["stage1.data.store=mine", "evaluate.flickr.store=mine", "seed=4"]
    import_into_run("visual_context", 1, theirs, tmp_path / "run", None, Path("visual_context_flickr_10k"), values)
    experiment, _ = open_run(None, tmp_path / "run")
    assert (
        experiment.stage(1).data.store == experiment.evaluate["flickr"].store == Path("mine") and experiment.seed == 4
    )


@pytest.mark.parametrize(
    ("config", "values", "match"),
    [
        ("dsol_music", [], "method is 'dsol', but the weights are for visual_context"),
        ("visual_context_flikr_10k", [], "did you mean 'visual_context_flickr_10k'"),
        (None, ["stage1.train.batch_size=0"], r"^--set stage1.train.batch_size: found 0"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(theirs, tmp_path, config, values, match):
    with pytest.raises(ConfigError, match=match) as found:
        import_into_run("visual_context", 1, theirs, tmp_path / "run", None, config and Path(config), values)
    assert "\n" not in str(found.value) and not (tmp_path / "run").exists()


def test_a_run_that_has_a_configuration_keeps_it(theirs, tmp_path):
    write_config(tmp_path / "config.yaml", {"method": "visual_context"})
    with pytest.raises(AvlocError, match="exists already; leave out --config and --set"):
        import_into_run("visual_context", 1, theirs, tmp_path, None, None, ["seed=1"])


def test_ez_vsl_of_the_authors_is_guided_by_objects_where_an_encoder_of_them_is_named(tmp_path):
    from torchvision.models import resnet18

    from avloc.methods.ez_vsl import EzVsl
    from avloc.predictions import read_predictions

    torch.manual_seed(0)
    state = EzVsl().state_dict()
    names = {
        "visual.": "imgnet.",
        "audio.": "audnet.",
        "frame_projection.": "img_proj.",
        "sound_projection.": "aud_proj.",
    }
    state = {names[name.split(".")[0] + "."] + name.split(".", 1)[1]: value for name, value in state.items()}
    torch.save({"model": state}, tmp_path / "best.pth")
    torch.save(resnet18().state_dict(), tmp_path / "objects.pth")
    store = make_tiny_store(tmp_path / "store", 16000)
    objects = f"stage1.model.objects={{strides: [1, 2, 2, 2], weights: {tmp_path / 'objects.pth'}}}"
    shared = [f"stage1.data.store={store}", f"evaluate.vggss.store={store}", "evaluate.vggss.split=test"]
    shared += ["stage1.model.frame={size: 96, resize: 100}"]
    maps = {}
    for name, values in (("alone", []), ("guided", [objects])):
        import_into_run("ez_vsl", 1, tmp_path / "best.pth", tmp_path / name, set=[*shared, *values])
        avloc.evaluate(run=tmp_path / name, resamples=0)
        maps[name] = read_predictions(tmp_path / name / "predictions" / "vggss.h5").maps
    assert maps["alone"].shape == (12, 1, 3, 3) and maps["guided"].shape == (12, 1, 96, 96)
    assert maps["guided"].min() >= 0 and maps["guided"].max() <= 1
    assert read_predictions(tmp_path / "guided" / "predictions" / "vggss.deaf.h5").maps.shape == (12, 1, 3, 3)
    avloc.visualize(run=tmp_path / "guided", clips=1)


# which map is which class: a run as if it were imported, its objects in the order of somebody else's clustering


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    config, run = write_config(folder / "tiny.yaml", tiny_config(make_tiny_store(folder / "store"))), folder / "run"
    avloc.train_stage1(config, run)
    avloc.cluster(run=run)
    avloc.match_clusters(run=run)
    avloc.train_stage2(run=run)
    avloc.evaluate(run=run, sets=["multi"], resamples=0)
    return run


@pytest.fixture
def imported(trained, tmp_path) -> tuple[Path, Path]:
    """The same stage one; a stage two whose objects have other numbers; that order's dictionary as a file."""
    run, order = tmp_path / "run", [2, 0, 1]
    shutil.copytree(trained, run)
    for made in ("clusters.npz", "matching.json", "stage2", "predictions", "results"):
        shutil.rmtree(run / made) if (run / made).is_dir() else (run / made).unlink()
    two = load_stage(*open_run(None, trained), 2)
    with torch.no_grad():
        two.dictionary.copy_(two.dictionary[order].clone())
    save_weights(two, run / "stage2" / "train.safetensors", method="dsol", stage=2, imported_from="theirs.pth")
    np.save(tmp_path / "objects.npy", two.dictionary.numpy())
    return run, tmp_path / "objects.npy"


def metrics(run: Path) -> dict[str, float]:
    return {
        name: value.value
        for name, value in avloc.evaluate(run=run, sets=["multi"], resamples=0).sets["multi"].result.metrics.items()
    }


def test_with_the_authors_dictionary_their_maps_get_their_classes(trained, imported):
    run, dictionary = imported
    clustered = avloc.cluster(run=run, dictionary=dictionary)
    assert sum(clustered.sizes) == clustered.clips == 18
    avloc.match_clusters(run=run)
    assert metrics(run) == metrics(trained)
    np.testing.assert_array_equal(np.load(run / "clusters.npz")["dictionary"], np.load(dictionary))


def test_with_clusters_of_another_order_their_maps_have_no_classes(imported):
    run, _ = imported
    avloc.cluster(run=run)
    avloc.match_clusters(run=run)
    with pytest.raises(RunError, match=r"another object dictionary .* `avloc cluster --run .* --dictionary FILE.npy`"):
        avloc.evaluate(run=run, sets=["multi"], resamples=0)


def test_stage_two_may_be_trained_from_a_given_dictionary(imported):
    run, dictionary = imported
    shutil.rmtree(run / "stage2")
    avloc.cluster(run=run, dictionary=dictionary)
    avloc.train_stage2(run=run)
    np.testing.assert_array_equal(load_file(run / "stage2" / "train.safetensors")["dictionary"], np.load(dictionary))


def test_a_dictionary_that_does_not_fit_is_refused(imported, tmp_path):
    run, dictionary = imported
    np.save(tmp_path / "four.npy", np.zeros((4, 16), np.float32))
    np.save(tmp_path / "wide.npy", np.zeros((3, 17), np.float32))
    np.save(tmp_path / "names.npy", np.array([["a", "b"]]))
    (tmp_path / "none.npy").write_bytes(b"")
    for name, match in {
        "four.npy": "holds 4 objects, stage one has 3 clusters",
        "wide.npy": r"\(3, 17\), but the model's objects have 16 channels",
        "names.npy": "expected the object dictionary, floats",
        "none.npy": "not a .npy array",
        "missing.npy": "not a .npy array",
    }.items():
        with pytest.raises(AvlocError, match=match):
            avloc.cluster(run=run, dictionary=tmp_path / name)
    with pytest.raises(AvlocError, match="exclude each other"):
        avloc.cluster(run=run, as_trained=True, dictionary=dictionary)
    assert not (run / "clusters.npz").exists()


def test_clips_go_to_the_object_of_the_nearest_direction():
    dictionary = np.array([[2.0, 0.0], [0.0, 0.1]], np.float32)
    found = by_dictionary(np.array([[0.1, 0.0], [0.2, 9.0], [3.0, 2.9]], np.float32), dictionary)
    assert found.labels.tolist() == [0, 1, 0] and found.centres.tolist() == [[1.0, 0.0], [0.0, 1.0]]
