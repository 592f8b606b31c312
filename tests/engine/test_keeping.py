"""Features of frozen encoders are computed once, are those that the encoder gives, and never those of other weights."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.data.plans import Plan
from avloc.engine import keeping
from avloc.engine.experiment import read_experiment
from avloc.methods.base import Train
from tests.engine.running import torchrun
from tests.engine.tiny import RATE, make_tiny_store, write_config
from tests.methods.pretrained import VIEW, config, stage_one, weights_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_tiny_store(tmp_path_factory.mktemp("kept") / "store")


def settings(store, folder, method="ez_vsl", view=VIEW, **train):
    model = {**stage_one(method, folder), "frame": view}
    return write_config(folder / "c.yaml", config(method, store, model, **train))


def localizer_of(path):
    return read_experiment(path).build(1)


def counted(monkeypatch) -> list[int]:
    """Frames that pass through a backbone."""
    from avloc.nn import timm_models

    seen: list[int] = []
    whole = timm_models.grid
    monkeypatch.setattr(timm_models, "grid", lambda network, frames: seen.append(len(frames)) or whole(network, frames))
    return seen


def test_kept_features_are_what_the_encoder_gives(store, tmp_path):
    localizer = localizer_of(settings(store, tmp_path)).eval()
    split = avloc.Store.open(store).split("train")
    kept = keeping.keep_features(localizer, split, Train(), 0, True)
    assert kept.frames is not None and kept.sounds is None
    from avloc.data.loader import Loader

    plan = Plan(np.array([5, 0, 17]), np.array([1, 0, 1]))
    with torch.no_grad():
        direct, looked_up = (
            localizer.locate(next(iter(Loader(split, localizer, torch.device("cpu"), kept=given).of(plan, 3))))
            for given in (None, kept)
        )
    torch.testing.assert_close(direct, looked_up, rtol=1e-4, atol=1e-5)


def test_an_epoch_does_not_look_again(store, tmp_path, monkeypatch):
    seen = counted(monkeypatch)
    avloc.train_stage1(settings(store, tmp_path, epochs=1), tmp_path / "one")
    once = sum(seen)
    seen.clear()
    avloc.train_stage1(settings(store, tmp_path, epochs=4), tmp_path / "four")
    assert sum(seen) == once
    seen.clear()
    avloc.train_stage1(settings(store, tmp_path, epochs=4, keep="never"), tmp_path / "off")
    assert sum(seen) > once


def test_what_is_kept_beside_the_store_is_found_again_and_trains_the_same(store, tmp_path, monkeypatch):
    first = avloc.train_stage1(settings(store, tmp_path), tmp_path / "memory")
    beside = avloc.train_stage1(settings(store, tmp_path, keep="store"), tmp_path / "beside")
    files = sorted(store.parent.glob("store.features/*.npy"))
    assert len(files) == 2  # training and validation
    seen = counted(monkeypatch)
    again = avloc.train_stage1(settings(store, tmp_path, keep="store"), tmp_path / "again")
    assert sum(seen) < 40  # the size of the grid is tried, nothing else is looked at
    weights = [load_file(one.weights["train"]) for one in (first, beside, again)]
    assert all(torch.equal(weights[0][name], other[name]) for other in weights[1:] for name in other)


def test_features_of_other_weights_views_or_clips_are_never_used(store, tmp_path):
    split = avloc.Store.open(store).split("train")

    def rows(path, part=split):
        return keeping.keep_features(localizer_of(path), part, Train(keep="store"), 0, True).frames

    usual = rows(settings(store, tmp_path))
    other = write_config(tmp_path / "other.yaml", read_experiment(settings(store, tmp_path)).source.values)
    text = other.read_text().replace("efficientnet-0.pth", "efficientnet-1.pth")
    weights_file(tmp_path, 1)
    other.write_text(text)
    found = rows(other)
    assert found.digest != usual.digest and not np.array_equal(found.values, usual.values)
    seen = rows(settings(store, tmp_path, view={**VIEW, "mean": [0.4, 0.4, 0.4]}))
    assert seen.digest == usual.digest and not np.array_equal(seen.values, usual.values)
    assert rows(settings(store, tmp_path), avloc.Store.open(store).split("test")).values.shape[1] == 6


def test_a_run_is_not_resumed_with_an_encoder_of_other_weights(store, tmp_path):
    path = settings(store, tmp_path)
    avloc.train_stage1(path, tmp_path / "run")
    torch.save(torch.load(weights_file(tmp_path, 1), weights_only=True), tmp_path / "test_efficientnet-0.pth")
    with pytest.raises(avloc.AvlocError, match=r"was trained with eyes \w+, now it is \w+"):
        avloc.train_stage1(run=tmp_path / "run")


def test_damaged_files_are_computed_again(tmp_path):
    own = make_tiny_store(tmp_path / "store")  # without features of a training, whose memory format rounds differently
    localizer, split = localizer_of(settings(own, tmp_path)), avloc.Store.open(own).split("train")
    keep = lambda: keeping.keep_features(localizer, split, Train(keep="store"), 5, True).frames  # noqa: E731
    values = np.array(keep().values)
    for file in (tmp_path / "store.features").glob("*.npy"):
        file.write_bytes(file.read_bytes()[:200])
    assert np.array_equal(keep().values, values)


def test_random_views_are_kept_in_a_fixed_number_of_versions(store, tmp_path, caplog, monkeypatch):
    view = {"size": 32, "resize": 40}
    split = avloc.Store.open(store).split("train")
    localizer = localizer_of(settings(store, tmp_path, view=view))
    assert keeping.keep_features(localizer, split, Train(), 0, True).frames is None
    assert "set train.versions" in caplog.text
    assert keeping.keep_features(localizer, split, Train(), 0, False).frames is not None  # of validation
    rows = keeping.keep_features(localizer, split, Train(versions=3), 0, True).frames
    assert len(rows.values) == 4 and not np.array_equal(rows.values[1], rows.values[2])
    drawn = rows.draw(200, torch.Generator().manual_seed(0))
    assert set(drawn) == {1, 2, 3} and set(rows.draw(5, None)) == {0}
    seen = counted(monkeypatch)
    avloc.train_stage1(settings(store, tmp_path, view=view, versions=2, epochs=3), tmp_path / "run")
    assert sum(seen) < 3 * 64 + 64 + 40


@pytest.mark.parametrize("method", ["dsol", "sspl"])
def test_negatives_second_views_and_pseudo_labels_come_from_kept_features_too(method, tmp_path, monkeypatch):
    rate = 16_000 if method == "sspl" else RATE
    own = make_tiny_store(tmp_path / "store", rate)
    seen = counted(monkeypatch)
    path = settings(own, tmp_path, method, {"size": 32, "resize": 40}, versions=2)
    avloc.train_stage1(path, tmp_path / "run")
    assert sum(seen) <= 3 * 64 + 32 + 8


def test_an_interrupted_training_ends_as_an_uninterrupted_one(store, tmp_path, monkeypatch):
    from avloc.engine import trainer

    path = settings(store, tmp_path, view={"size": 32, "resize": 40}, versions=2, epochs=3)
    whole = avloc.train_stage1(path, tmp_path / "whole")
    kept, calls = trainer._keep, []

    def stop(*arguments):
        kept(*arguments)
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(trainer, "_keep", stop)
    with pytest.raises(KeyboardInterrupt):
        avloc.train_stage1(path, tmp_path / "stopped")
    resumed = avloc.train_stage1(run=tmp_path / "stopped")
    one, other = load_file(whole.weights["train"]), load_file(resumed.weights["train"])
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("keep", ["memory", "store"])
def test_two_processes_keep_the_same_features(keep, tmp_path):
    own = make_tiny_store(tmp_path / "store")
    path = settings(own, tmp_path, batch_size=3, keep=keep, epochs=1)
    torchrun("-m", "--", "avloc", "train-stage1", "--config", path, "--run", tmp_path / "run")
    left = load_file(tmp_path / "run" / "stage1" / "train.safetensors")
    before = torch.load(weights_file(tmp_path), weights_only=True)
    assert torch.equal(left["visual.network.bn1.running_mean"], before["bn1.running_mean"])
    assert all(torch.isfinite(value.float()).all() for value in left.values())


def test_evaluate_looks_at_each_frame_once_and_scores_the_same(store, tmp_path, monkeypatch):
    path = settings(store, tmp_path)
    avloc.train_stage1(path, tmp_path / "run")
    seen = counted(monkeypatch)
    kept = avloc.evaluate(run=tmp_path / "run", resamples=0).sets["solo"]
    assert sum(size > 1 for size in seen) == 1  # one batch holds all 12 frames
    avloc.train_stage1(settings(store, tmp_path, keep="never"), tmp_path / "never")
    seen.clear()
    anew = avloc.evaluate(run=tmp_path / "never", resamples=0).sets["solo"]
    assert sum(size > 1 for size in seen) == 2  # with the right and with the wrong sound
    for name in ("wrong sound", "saliency"):
        for metric, value in anew.comparisons[name].metrics.items():
            # on some processors another batch size rounds differently, and a pixel of 50,176 falls on the other side
            assert kept.comparisons[name].metrics[metric].value == pytest.approx(value.value, abs=5e-5)
    assert kept.result.metrics["iou"].value == pytest.approx(anew.result.metrics["iou"].value, abs=5e-5)


def test_a_stage_before_with_other_weights_looks_for_itself(store, tmp_path):
    path = settings(store, tmp_path)
    split = avloc.Store.open(store).split("test")
    one = localizer_of(path)
    kept = keeping.keep_features(one, split, Train(), 0, False)
    assert keeping.fits(kept, one)
    text = path.read_text().replace("efficientnet-0.pth", "efficientnet-1.pth")
    weights_file(tmp_path, 1)
    path.write_text(text)
    assert not keeping.fits(kept, localizer_of(path))
    assert keeping.fits(keeping.Kept(), localizer_of(path))
