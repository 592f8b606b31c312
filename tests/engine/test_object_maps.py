"""Class maps of a method that clusters no objects of its own accord."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save
from typer.testing import CliRunner

import avloc
from avloc.checked_weights import read_weights, with_checksum
from avloc.cli.app import app
from avloc.engine.experiment import load_method, method_names, open_run
from avloc.engine.object_maps import ObjectMaps
from avloc.engine.run import Run
from avloc.engine.stages import weights_id
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.methods.hard_way import HardWay
from avloc.methods.noprior import NoPrior
from avloc.nn.encoders import Backbone
from avloc.predictions import read_predictions
from avloc.verbs.run import steps_of
from tests.engine.tiny import (
    BACKBONE,
    CLASSES,
    MODEL,
    make_tiny_store,
    tiny_config,
    tiny_method,
    tiny_one_stage,
    write_config,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained, clustered and matched Hard Way."""
    folder = tmp_path_factory.mktemp("objects")
    config = tiny_one_stage(make_tiny_store(folder / "store"), "hard_way")
    for name in config["evaluate"]:
        config["evaluate"][name]["maps"] = "class"
    config["evaluate"]["multi"] = {**config["evaluate"]["multi"], "stage": 1}
    path = write_config(folder / "hard_way.yaml", config)
    avloc.train_stage1(path, folder / "run")
    return folder / "run"


def test_it_asks_for_clusters_and_then_has_a_map_for_each_class(run):
    with pytest.raises(AvlocError, match="avloc cluster --run"):
        avloc.evaluate(run=run, sets=["multi"], resamples=10)
    clustered = avloc.cluster(run=run)
    assert clustered.clusters == 3 and sum(clustered.sizes) == clustered.clips
    avloc.match_clusters(run=run)
    found = avloc.evaluate(run=run, sets=["multi", "solo"], resamples=10).sets
    result = found["multi"].result
    assert result.protocol.unit == "class" and "objects without sound" in found["multi"].comparisons
    told = result.extra["tells"]
    assert 0 <= told["ci95_by_video"][0] <= told["value"] <= told["ci95_by_video"][1] <= 1
    stored = read_predictions(found["multi"].predictions)
    assert stored.maps.shape[1] == 3 and (stored.maps >= 0).all() and stored.assignment.sum() == 3


def test_a_model_of_a_matched_run_has_maps_with_the_names_of_classes(run, tmp_path):
    avloc.cluster(run=run)
    with pytest.raises(AvlocError, match=r"matching\.json belongs to other clusters|has no matching\.json"):
        (run / "matching.json").unlink(missing_ok=True)
        avloc.load(run, classes=True)
    avloc.match_clusters(run=run)
    model = avloc.load(run, classes=True)
    assert model.classes is not None and set(CLASSES) == set(model.classes)
    picture = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    found = model.predict(image=picture, sound=np.sin(np.arange(4000) * 0.9).astype(np.float32), rate=4000)
    assert found.maps.shape[1] == 3 and found.classes == model.classes
    assert avloc.load(run).classes is None
    stored = avloc.predict(store=run.parent / "store", run=run, split="test", classes=True, out=tmp_path)
    assert read_predictions(stored.predictions).classes == model.classes
    assert stored.table.read_text().splitlines()[0].endswith(",class")


def test_class_maps_are_refused_without_a_run(run):
    with pytest.raises(AvlocError, match=r"class maps need the clusters of a run; give its folder"):
        avloc.load("motion", classes=True)
    with pytest.raises(AvlocError, match=r"--classes only works with --run"):
        avloc.predict(["clip.mp4"], weights="motion", classes=True)


def test_all_steps_of_such_a_run_include_clustering(run):
    experiment, where = open_run(None, run)
    steps = [step.command for step in steps_of(experiment, where, None, [], False)]
    assert steps == ["train-stage1", "cluster", "match-clusters", "evaluate"]


def test_more_clusters_than_classes_may_be_asked_for(run):
    assert avloc.cluster(run=run, clusters=5).clusters == 5
    with pytest.raises(AvlocError, match="clusters is 0; expected 1 or more"):
        avloc.cluster(run=run, clusters=0)


def test_a_run_that_can_be_evaluated_on_a_store_can_be_clustered_on_it(run, tmp_path, caplog):
    """Also where nothing but its weights tells that the store was once another: no cluster is remembered clip by clip."""
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "stores.json").unlink()
    for path in (tmp_path / "run" / "stage1").glob("*.safetensors"):
        _, about = read_weights(path, "", "")
        path.write_bytes(with_checksum(save(load_file(path), {**about, "data": "0" * 16})))
    with caplog.at_level("WARNING", "avloc.cluster"):
        assert avloc.cluster(run=tmp_path / "run").clusters == 3
    assert "was trained on another store (fingerprint 0000000000000000)" in caplog.text


@pytest.mark.parametrize(
    ("method", "more", "phase"), [("fnac", {"dim": 8, "warmup": 1}, "train"), ("dsol", {}, "classify")]
)
def test_objects_are_those_of_the_weights_that_learnt_most(run, tmp_path, method, more, phase):
    """Not of a warm-up; of DSOL's classification, which goes on where its localization ended."""
    config = tiny_config(run.parent / "store")
    del config["stage2"]
    config["method"] = method
    if method == "fnac":
        config["stage1"]["model"] = {name: MODEL[name] for name in ("frame", "sound", "visual", "audio")} | more
    config["stage1"]["train"]["epochs"] = 2
    config["evaluate"] = {"solo": config["evaluate"]["solo"] | {"maps": "class"}}
    avloc.train_stage1(write_config(tmp_path / "c.yaml", config), tmp_path / "run")
    avloc.cluster(run=tmp_path / "run")
    found = np.load(tmp_path / "run" / "clusters.npz")
    assert str(found["weights"]) == weights_id(tmp_path / "run" / "stage1" / f"{phase}.safetensors")
    solo = avloc.evaluate(run=tmp_path / "run", resamples=10).sets["solo"]
    assert read_predictions(solo.predictions).maps.shape[1] == 3


WITH_CLASS_MAPS = [name for name in method_names() if load_method(name).STAGES[0].can("place_features")]


@pytest.mark.parametrize("method", WITH_CLASS_MAPS)
def test_every_method_with_features_per_position_has_class_maps_by_the_commands(method, run, tmp_path):
    store = make_tiny_store(tmp_path / "store", 16_000) if method == "sspl" else run.parent / "store"
    config = tiny_method(store, method)
    config["evaluate"] = {"multi": config["evaluate"]["multi"] | {"maps": "class"}}
    where = ["--run", str(tmp_path / "run")]
    train = f"train-stage1 --config {write_config(tmp_path / 'c.yaml', config)}"
    for command in (train, "cluster", "match-clusters", "evaluate --resamples 10"):
        done = CliRunner().invoke(app, [*command.split(), *where])
        assert done.exit_code == 0, (command, done.output)
    stored = read_predictions(tmp_path / "run" / "predictions" / "multi.h5")
    assert stored.maps.shape[1] == 3 and np.isfinite(stored.maps).all() and stored.assignment.sum() == 3
    assert set(avloc.load(tmp_path / "run", classes=True).classes) == set(CLASSES)
    result = json.loads((tmp_path / "run" / "results" / "multi.dsol-duet.json").read_text())
    assert "tells" in json.dumps(result)


def test_all_methods_with_one_stage_and_the_first_stage_of_dsol_have_class_maps():
    """The others have maps of the categories that they are trained with."""
    trained = {name for name in method_names() if load_method(name).STAGES[0].needs_training}
    assert trained - set(WITH_CLASS_MAPS) == {"coarse_to_fine", "coarse_to_fine_original"}
    assert all(load_method(name).STAGES[-1].of_classes for name in trained - set(WITH_CLASS_MAPS))


class Given(Localizer):
    """Its features and its map are those of the batch: frame (B, C, h, w), sound (B, 1, h, w)."""

    def locate(self, batch):
        return batch.sound

    def place_features(self, batch):
        return batch.frame


@pytest.mark.parametrize(
    ("levels", "objects"),
    [((0, 2, 4), (0.9 * 1 + 0.1 * 0, 0.1 * 1 + 0.9 * 0)), ((0, 4), (0.9 * 1 + 0.1 * 0.25, 0.1 * 1 + 0.9 * 0.25))],
)
def test_a_class_map_is_where_an_object_is_times_how_much_all_of_it_sounds(levels, objects):
    """Two places: the first shows cluster 0 with probability 3/4 and sounds fully, the second shows cluster 1 and is quiet."""
    temperature = 1 / np.log(
        3
    )  # cosines 1 and 0 become 3/4 and 1/4; their squares, 9/16 and 1/16, are weights of 0.9 and 0.1
    batch = avloc.Batch(frame=torch.eye(2).reshape(1, 2, 1, 2), sound=torch.tensor([[[[4.0, 1.0]]]]))
    maps = ObjectMaps(Given(), np.eye(2), np.eye(2), levels, temperature).locate(batch)
    expected = [[[0.75 * objects[0], 0.25 * 0.5 * objects[0]]], [[0.25 * objects[1], 0.75 * 0.5 * objects[1]]]]
    torch.testing.assert_close(maps[0], torch.tensor(expected, dtype=torch.float32))


def test_without_sound_a_class_map_is_what_each_place_shows():
    torch.manual_seed(0)
    stage = HardWay(visual=Backbone(**BACKBONE), audio=Backbone(**BACKBONE)).eval()
    batch = avloc.Batch(frame=torch.randn(2, 3, 32, 32), sound=torch.randn(2, 1, 40, 40))
    with torch.no_grad():
        maps = ObjectMaps(stage, np.eye(4, 16), np.eye(4, 16), (0, 0.5, 1), 0.1)
        torch.testing.assert_close(maps.look(batch).sum(1), torch.ones(2, *stage.locate(batch).shape[2:]))
        places = stage.place_features(batch)
        assert torch.equal(maps.look(batch).argmax(1), places[:, :4].argmax(1))


def test_a_clip_whose_method_found_nothing_has_silent_class_maps():
    """Two clips: the first has two maps of two places, of which the second map is NaN; the second has none."""
    nan = float("nan")
    frame = torch.eye(2).reshape(1, 2, 1, 2).expand(2, -1, -1, -1)
    sound = torch.tensor([[[[4.0, 0.0]], [[nan, nan]]], [[[nan, nan]], [[nan, nan]]]])
    found = Given().object_features(avloc.Batch(frame=frame, sound=sound))
    assert torch.equal(found["objects"][0], torch.tensor([1.0, 0.0])) and found["objects"].isfinite().all()
    assert found["levels"][0].tolist() == [0.0, 0.0, 4.0] and found["levels"][1].isnan().all()
    maps = ObjectMaps(Given(), np.eye(2), np.eye(2), (0, 2, 4), 0.1).locate(avloc.Batch(frame=frame, sound=sound))
    assert maps[0, 0, 0, 0] > 0.5 and not maps[1].any()


def test_maps_that_differ_in_number_can_be_clustered_too(run, tmp_path):
    config = tiny_method(run.parent / "store", "noprior")
    config["stage1"]["model"]["maps"] = "objects"
    config["evaluate"] = {"multi": config["evaluate"]["multi"] | {"maps": "class"}}
    avloc.train_stage1(write_config(tmp_path / "c.yaml", config), tmp_path / "run")
    assert avloc.cluster(run=tmp_path / "run").clusters == 3
    assert np.isfinite(np.load(tmp_path / "run" / "clusters.npz")["levels"]).all()
    avloc.match_clusters(run=tmp_path / "run")
    found = avloc.evaluate(run=tmp_path / "run", resamples=10).sets["multi"]
    assert np.isfinite(read_predictions(found.predictions).maps).all()


def test_a_method_that_finds_nothing_in_any_clip_has_nothing_to_cluster(run, tmp_path, monkeypatch):
    shutil.copytree(run, tmp_path / "run")
    monkeypatch.setattr(HardWay, "locate", lambda self, batch: torch.full((len(batch), 1, 4, 4), torch.nan))
    with pytest.raises(AvlocError, match="hard_way finds no object in any training clip: nothing to cluster"):
        avloc.cluster(run=tmp_path / "run")


def test_class_maps_see_move_and_hear_as_their_stage_does():
    stage = NoPrior(flow="signed", mix="waveforms", visual=Backbone(**BACKBONE), audio=Backbone(**BACKBONE))
    maps = ObjectMaps(stage, np.eye(4, 16), np.eye(4, 16), (0, 0.5, 1), 0.1)
    for name in ("frame", "sound", "motion", "signed_motion", "mixes_waveforms", "needs"):
        assert getattr(maps, name) == getattr(stage, name) != getattr(Given(), name, None), name


def test_the_clusters_of_the_training_itself_give_class_maps_too(tmp_path):
    settings = tiny_config(make_tiny_store(tmp_path / "store"), class_iter=1)
    settings["cluster"] = {"as_trained": True}
    settings["evaluate"]["solo"]["maps"] = "class"
    run = tmp_path / "run"
    avloc.train_stage1(write_config(tmp_path / "c.yaml", settings), run)
    assert avloc.cluster(run=run).agreement == 1.0
    avloc.match_clusters(run=run)
    assert "solo" in avloc.evaluate(run=run, sets=["solo"], resamples=10).sets
    found = dict(Run(run).load_clusters())
    levels = found.pop("levels")
    Run(run).save_clusters(**found)
    with pytest.raises(
        AvlocError, match=r"is of an earlier version, without the levels that class maps need; `avloc clu"
    ):
        avloc.evaluate(run=run, sets=["solo"], resamples=10)
    avloc.cluster(run=run)
    assert np.array_equal(Run(run).load_clusters()["levels"], levels)
