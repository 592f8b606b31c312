"""Class maps of a method that clusters no objects of its own accord."""

import shutil

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import avloc
from avloc.engine.object_maps import ObjectMaps
from avloc.errors import AvlocError
from avloc.methods.hard_way import HardWay
from avloc.predictions import read_predictions
from tests.engine.tiny import BACKBONE, MODEL, make_tiny_store, tiny_config, write_config


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A trained, clustered and matched Hard Way."""
    folder = tmp_path_factory.mktemp("objects")
    config = tiny_config(make_tiny_store(folder / "store"))
    del config["stage2"]
    config["method"] = "hard_way"
    names = ("frame", "sound", "visual", "audio")
    config["stage1"]["model"] = {name: MODEL[name] for name in names}
    config["stage1"]["train"]["epochs"] = 1
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


def test_more_clusters_than_classes_may_be_asked_for(run):
    assert avloc.cluster(run=run, clusters=5).clusters == 5
    with pytest.raises(AvlocError, match="clusters is 0; expected 1 or more"):
        avloc.cluster(run=run, clusters=0)


def test_a_run_that_can_be_evaluated_on_a_store_can_be_clustered_on_it(run, tmp_path, caplog):
    """Also where nothing but its weights tells that the store was once another: no cluster is remembered clip by clip."""
    shutil.copytree(run, tmp_path / "run")
    (tmp_path / "run" / "stores.json").unlink()
    for path in (tmp_path / "run" / "stage1").glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            about = file.metadata()
        save_file(load_file(path), path, {**about, "data": "0" * 16})
    with caplog.at_level("WARNING", "avloc.cluster"):
        assert avloc.cluster(run=tmp_path / "run").clusters == 3
    assert "was trained on another store (fingerprint 0000000000000000)" in caplog.text


def test_a_class_map_is_the_sounding_map_divided_among_the_objects():
    torch.manual_seed(0)
    stage = HardWay(visual=avloc.nn.encoders.Backbone(**BACKBONE), audio=avloc.nn.encoders.Backbone(**BACKBONE)).eval()
    batch = avloc.Batch(frame=torch.randn(2, 3, 32, 32), sound=torch.randn(2, 1, 40, 40))
    with torch.no_grad():
        own = stage.locate(batch)
        low, high = float(own.min()), float(own.max())
        maps = ObjectMaps(stage, np.eye(4, 16), np.eye(4, 16), (low, high), 0.1)
        torch.testing.assert_close(maps.locate(batch).sum(1, keepdim=True), (own - low) / (high - low))
        torch.testing.assert_close(maps.look(batch).sum(1), torch.ones(2, *own.shape[2:]))
        places = stage.place_features(batch)
        assert torch.equal(maps.look(batch).argmax(1), places[:, :4].argmax(1))
