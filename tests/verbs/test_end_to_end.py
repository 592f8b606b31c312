"""The whole pipeline through the command line, on real mp4 files: a small world of its own, and real media."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import avloc
from avloc.predictions import read_predictions
from tests.commands import error_of, invoke, printed, refused, shown
from tests.data.making import MEDIA, make_music

pytestmark = pytest.mark.slow

SMALL = {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]}
SOUND = {"n_fft": 512, "hop": 320, "mels": 24}


def command(*arguments: Any) -> list[str]:
    return [sys.executable, "-m", "avloc", *map(str, arguments)]


def settings(music: Path, mosaics: Path, **stage_one: Any) -> dict[str, Any]:
    train = {"epochs": 3, "batch_size": 10, "lr": 1e-3, "device": "cpu", "workers": 0}
    model = {
        "clusters": 8,
        "frame": {"size": 32, "resize": 36},
        "sound": SOUND,
        "visual": SMALL,
        "audio": SMALL,
        "dim": 8,
    }
    return {
        "method": "dsol",
        "seed": 1,
        "stage1": {
            "data": {"store": str(music), "train": "solo_training_1", "validation": "solo_validation"},
            "model": {**model, "class_iter": 1, **stage_one},
            "train": train,
        },
        "stage2": {"data": {"store": str(mosaics), "train": "train"}, "model": {}, "train": {**train, "epochs": 2}},
        "evaluate": {
            "solo": {"store": str(music), "split": "solo_testing", "protocol": "dsol-solo", "stage": 1},
            "mosaic": {"store": str(music), "split": "mosaic_testing", "protocol": "dsol-synthetic"},
        },
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("end-to-end")


@pytest.fixture(scope="module")
def done(place) -> dict[str, Any]:
    """Every command once, in order; what each printed."""
    world, music, mosaics, where = place / "world", place / "music", place / "mosaics", place / "run"
    found: dict[str, Any] = {"run": where}
    found["synthetic"] = printed("prepare", "synthetic", "--out", world, "--videos", 24)
    found["music"] = printed("prepare", "music", "--source", world, "--out", music, "--size", 64)
    found["mosaics"] = printed(
        "prepare", "music-synthetic", "--source", music, "--out", mosaics, "--size", 64,
        "--pool", "train=solo_training_1", "--count", "train=20",
    )  # fmt: skip
    config = place / "tiny.yaml"
    config.write_text(yaml.safe_dump(settings(music, mosaics)))
    found["train-stage1"] = printed("train-stage1", "--config", config, "--run", where)
    found["cluster"] = printed("cluster", "--run", where)
    found["match-clusters"] = printed("match-clusters", "--run", where)
    found["train-stage2"] = printed("train-stage2", "--run", where)
    found["evaluate"] = printed("evaluate", "--run", where, "--resamples", 50)
    found["visualize"] = printed("visualize", "--run", where, "--clips", 2)
    return found


def test_the_world_becomes_stores_of_clips(done):
    assert done["synthetic"]["videos"] == done["music"]["ok"] == 24 and done["music"]["failed"] == 0
    assert done["music"]["splits"]["solo_training_1"] == 4 * done["synthetic"]["counts"]["solo_training_1"]
    assert done["mosaics"]["splits"] == {"train": 20}


def test_each_stage_leaves_weights_and_a_log(done):
    for name, phases, epochs in (("train-stage1", {"localize", "classify"}, 5), ("train-stage2", {"train"}, 2)):
        trained = done[name]
        assert set(trained["weights"]) == phases and trained["epochs"] == epochs
        assert all(Path(path).exists() for path in trained["weights"].values())
        assert all(np.isfinite(entry["loss"]) for entry in trained["last"].values())


def test_clusters_are_counted_and_matched_to_classes(done):
    clips = done["music"]["splits"]["solo_training_1"]
    assert done["cluster"]["clusters"] == 8 and sum(done["cluster"]["sizes"]) == done["cluster"]["clips"] == clips
    assert 0 <= done["cluster"]["nmi"] <= 1
    matched = done["match-clusters"]["classes"]
    assert sorted(cluster for clusters in matched.values() for cluster in clusters) == list(range(8))
    assert set(matched) == set(done["synthetic"]["classes"])


def test_a_doubtful_match_fails_only_when_strict(done):
    doubts = done["match-clusters"]["doubts"]
    strict = invoke("match-clusters", "--run", done["run"], "--strict")
    assert strict.exit_code == (1 if doubts else 0)
    assert strict.stdout.count("please check") == len(doubts)


def test_results_stand_beside_rules_that_do_not_listen(done):
    sets = done["evaluate"]["sets"]
    assert set(sets) == {"solo", "mosaic"}
    assert set(sets["solo"]["metrics"]) >= {"iou@0.5", "auc"} and set(sets["mosaic"]["metrics"]) >= {
        "ciou@0.3",
        "auc",
        "nsa",
    }
    for name, deaf in (("solo", set()), ("mosaic", {"without sound", "stage one"})):
        assert (
            set(sets[name]["comparisons"]) >= {"wrong sound", "largest object", "saliency", "centre", "all ones"} | deaf
        )
        assert sets[name]["counts"]["evaluated"] > 0
        assert all(0 <= metric["value"] <= 1 for metric in sets[name]["metrics"].values())
    assert (done["run"] / "results" / "mosaic.dsol-synthetic.json").exists()


def test_predictions_hold_a_map_for_each_cluster_of_each_frame(done):
    found = read_predictions(done["run"] / "predictions" / "mosaic.h5")
    assert found.maps.shape[1] == 8 and np.isfinite(found.maps).all()
    np.testing.assert_allclose(found.maps.sum(1), 1, rtol=1e-4)
    assert len(found.ids) == len(set(found.ids)) == done["evaluate"]["sets"]["mosaic"]["counts"]["evaluated"]


def test_one_metric_may_be_asked_for(done):
    found = printed("evaluate", "--run", done["run"], "--sets", "mosaic", "--metric", "ciou", "--resamples", 20)
    assert set(found["sets"]) == {"mosaic"} and set(found["sets"]["mosaic"]["metrics"]) >= {"ciou@0.3"}
    assert all(name.startswith("ciou") for name in found["sets"]["mosaic"]["metrics"])
    (file,) = (done["run"] / "results").glob("mosaic.*.json")
    stored = json.loads(file.read_text())
    assert {"auc", "nsa"} <= set(stored["metrics"]), "what is stored keeps all of its metrics"
    assert "auc" in stored["comparisons"]["centre"]["metrics"]


def test_without_resamples_there_are_values_and_no_intervals(done, tmp_path):
    shutil.copytree(done["run"], tmp_path / "run")
    found = printed("evaluate", "--run", tmp_path / "run", "--sets", "solo", "--resamples", 0)["sets"]["solo"]
    assert all("ci95" not in metric for metric in found["metrics"].values())
    compared = found["comparisons"]["centre"]["difference"]["auc"]
    assert compared["ci95_by_video"] is None
    assert compared["value"] == pytest.approx(
        done["evaluate"]["sets"]["solo"]["comparisons"]["centre"]["difference"]["auc"]["value"]
    )


def test_a_page_is_drawn(done):
    page = Path(done["visualize"]["report"])
    assert page.exists() and "<audio" in page.read_text() and len(done["visualize"]["figures"]) > 3


def test_results_are_shown_as_tables_without_json(done):
    table = shown("evaluate", "--run", done["run"], "--sets", "solo", "--resamples", 20)
    assert all(word in table for word in ("iou@0.5", "wrong sound", "centre"))


def test_the_python_names_do_the_same(done):
    evaluated = avloc.evaluate(run=done["run"], sets=["solo"], resamples=50)
    told = done["evaluate"]["sets"]["solo"]["metrics"]
    assert {name: metric.value for name, metric in evaluated.sets["solo"].result.metrics.items()} == {
        name: metric["value"] for name, metric in told.items()
    }


# mistakes


def test_a_source_that_is_missing_or_empty(tmp_path):
    (tmp_path / "empty").mkdir()
    where = {**os.environ, "PYTHONPATH": str(Path(avloc.__file__).parents[1])}
    words = command("prepare", "music", "--source", tmp_path / "nowhere", "--out", tmp_path / "out")
    found = subprocess.run(words, capture_output=True, text=True, env=where, check=False)
    assert (found.returncode, found.stdout, len(found.stderr.splitlines())) == (2, "", 1)
    assert found.stderr.startswith("avloc: ") and "nowhere" in found.stderr
    assert "empty" in error_of("prepare", "music", "--source", tmp_path / "empty", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_text_file_named_mp4_is_counted_with_its_reason(tmp_path):
    music = make_music(tmp_path / "music", {"solo_training_1": ["cello", "flute"]}, truth=False)
    stems = music.lists["solo_training_1"]
    (music.root / "videos" / f"{stems[0]}.mp4").write_text("not a video")
    found = printed("prepare", "music", "--source", music.root, "--out", tmp_path / "out", "--size", 32, "--jobs", 1)
    assert (found["ok"], found["failed"], sum(found["reasons"].values())) == (1, 1, 1)
    (music.root / "videos" / f"{stems[1]}.mp4").write_text("neither")
    assert "none of 2" in refused("prepare", "music", "--source", music.root, "--out", tmp_path / "other", "--jobs", 1)


def test_a_store_that_is_not_there_names_the_command_that_writes_it(tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(settings(tmp_path / "music", tmp_path / "mosaics")))
    assert "`avloc prepare" in error_of("train-stage1", "--config", config, "--run", tmp_path / "run")


def test_a_store_of_another_rate_names_both(done, place, tmp_path):
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump(settings(place / "music", place / "mosaics", sound={**SOUND, "rate": 24000})))
    line = error_of("train-stage1", "--config", config, "--run", tmp_path / "run")
    assert "16000 Hz" in line and "24000 Hz" in line


def test_fewer_clusters_than_classes(done, place, tmp_path):
    config = tmp_path / "tiny.yaml"
    values = settings(place / "music", place / "mosaics", clusters=5)
    values["stage1"]["train"]["epochs"] = 2
    config.write_text(yaml.safe_dump(values))
    printed("train-stage1", "--config", config, "--run", tmp_path / "run")
    printed("cluster", "--run", tmp_path / "run")
    assert "5 clusters cannot cover 8 classes" in error_of("match-clusters", "--run", tmp_path / "run")


def test_a_run_without_clusters_names_the_command_that_writes_them(done, tmp_path):
    shutil.copytree(done["run"], tmp_path / "run")
    (tmp_path / "run" / "matching.json").unlink()
    assert "`avloc match-clusters --run" in error_of("evaluate", "--run", tmp_path / "run", "--sets", "mosaic")
    (tmp_path / "run" / "clusters.npz").unlink()
    for name in ("match-clusters", "train-stage2"):
        assert "`avloc cluster --run" in refused(name, "--run", tmp_path / "run")


def test_a_run_that_is_none_and_a_set_that_is_none(done, tmp_path):
    assert "is not a run" in error_of("cluster", "--run", tmp_path)
    assert "no test set 'quartet'" in refused("evaluate", "--run", done["run"], "--sets", "quartet")


def test_every_mistake_of_a_configuration_is_shown_at_once(tmp_path):
    values = settings(tmp_path / "music", tmp_path / "mosaics", cluster=3)
    values["stage2"]["train"]["epoch"] = 1
    values["evaluation"] = {}
    (tmp_path / "tiny.yaml").write_text(yaml.safe_dump(values))
    lines = refused("train-stage1", "--config", tmp_path / "tiny.yaml", "--run", tmp_path / "run").splitlines()
    assert len(lines) == 3 and all(line.startswith(f"avloc: {tmp_path / 'tiny.yaml'}:") for line in lines)
    assert any("did you mean 'clusters'" in line for line in lines)


@pytest.fixture
def training(done, place, tmp_path) -> Iterator[subprocess.Popen]:
    config = tmp_path / "tiny.yaml"
    values = settings(place / "music", place / "mosaics")
    values["stage1"]["train"]["epochs"] = 400
    config.write_text(yaml.safe_dump(values))
    where = {**os.environ, "PYTHONPATH": str(Path(avloc.__file__).parents[1])}
    process = subprocess.Popen(
        command("train-stage1", "--config", config, "--run", tmp_path / "run"), text=True, env=where,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    yield process
    process.kill()
    process.wait()


def test_ctrl_c_ends_in_one_line_that_says_how_to_go_on(training, tmp_path):
    log = tmp_path / "run" / "stage1" / "log.jsonl"
    for _ in range(2400):
        if log.exists() or training.poll() is not None:
            break
        time.sleep(0.05)
    assert log.exists(), "no epoch ended in time"
    training.send_signal(signal.SIGINT)
    out, err = training.communicate(timeout=30)
    assert training.returncode == 130, err
    lines = [line for line in err.splitlines() if line and not line.startswith("train-stage1: ")]
    assert out == "" and len(lines) == 1, err
    assert (
        lines[0].startswith("avloc: interrupted")
        and f"avloc train-stage1 --config {tmp_path / 'tiny.yaml'} --run {tmp_path / 'run'}" in lines[0]
    )
    assert list((tmp_path / "run" / "stage1").glob("state-*.pt")) and log.read_text().endswith("\n")
    assert not list((tmp_path / "run").rglob(".*"))


# real media


@pytest.fixture(scope="module")
def real(tmp_path_factory) -> Path:
    """A MUSIC folder of one real video of 13 s, listed as a cello, one of 1.1 s, and one that is listed and not there."""
    video = MEDIA / "nasa_13013.mp4"
    if not video.exists():
        pytest.skip(f"no real media at {MEDIA}")
    root = tmp_path_factory.mktemp("real") / "source"
    (root / "videos").mkdir(parents=True)
    shutil.copy(video, root / "videos" / "nasa_130130_0_1000.mp4")
    shutil.copy(MEDIA / "bento.mp4", root / "videos" / "bento_video_0_1000.mp4")
    names = {"cello": ["nasa_130130"], "flute": ["bento_video", "gone_video_"]}
    (root / "MUSIC_solo_videos.json").write_text(json.dumps({"version": 1.0, "videos": names}))
    stems = [f"{name}_0_1000" for every in names.values() for name in every]
    (root / "solo_training_1.txt").write_text("".join(f"{stem}.flac {stem}.mp4\n" for stem in stems))
    key = "nasa_130130_0_1000/frame_003/00097.jpg"
    boxes = [{"box": [80, 45, 160, 90], "normbox": [0.25, 0.25, 0.5, 0.5], "category_id": 1}]
    (root / "solotest.json").write_text(json.dumps({key: {"bbox": boxes, "wdith": 320, "height": 180}}))
    return root


def test_real_videos_become_clips_in_which_an_untrained_model_locates(real, tmp_path):
    import torch

    from avloc.data.loader import Loader
    from avloc.methods.dsol import StageOne
    from avloc.nn.encoders import Backbone

    found = printed("prepare", "music", "--source", real, "--out", tmp_path / "store", "--size", 64)
    assert (found["ok"], found["failed"]) == (2, 1) and found["splits"]["solo_training_1"] in (13, 14)
    assert set(found["reasons"]) == {"missing file"}
    store = avloc.Store.open(tmp_path / "store").split("solo_training_1")
    assert store.rate == 16000 and np.abs(store.all_sounds()).max() > 1000 and store.all_frames().std() > 10
    assert store.annotated.sum() == 1 and store.frame_keys[3][1].endswith("00097.jpg")
    small = Backbone(widths=(8, 16), blocks=(1, 1), strides=(1, 2))
    model = StageOne(clusters=3, frame=avloc.FrameView(64), visual=small, audio=small, dim=8).eval()
    with torch.no_grad():
        maps = torch.cat([model.locate(batch) for batch in Loader(store, model, torch.device("cpu")).in_order(5)])
    assert maps.shape == (len(store), 1, 8, 8) and torch.isfinite(maps).all() and maps.std() > 0
