"""What a model of one's own needs: frozen first layers kept, sounds varied before frozen ears, noise as negatives."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import avloc
from avloc.data.loader import Batch, Loader
from avloc.data.nothing import LEVELS, nothing
from avloc.data.plans import Plan
from avloc.data.sound_variation import Variation
from avloc.data.views import FrameView, Waveform
from avloc.engine import keeping
from avloc.engine.experiment import read_experiment
from avloc.methods.base import Train
from avloc.methods.ez_vsl import EzVsl
from avloc.methods.hard_way import HardWay
from avloc.nn.encoders import Backbone
from avloc.nn.tagger import Tagger
from avloc.nn.timm_encoder import Timm
from tests.engine.tiny import make_tiny_store, write_config
from tests.methods.pretrained import VIEW, config, eyes
from tests.prepare.composing import composed, make_world

RATE = 16_000  # at which the made ear hears


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_tiny_store(tmp_path_factory.mktemp("own") / "store", RATE)


def settings(store, folder, frozen=-2, vary=None, **train):
    model = {
        "dim": 8,
        "frame": VIEW,
        "visual": eyes(folder, frozen=frozen),
        "audio": {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]},
        "sound": {"rate": RATE, "n_fft": 512, "hop": 320, "mels": 16, **({} if vary is None else {"vary": vary})},
        "noise_negatives": 4,
    }
    return write_config(folder / "c.yaml", config("ez_vsl", store, model, epochs=1, **train))


# frozen first layers


def test_what_frozen_first_layers_see_is_kept_and_gives_the_same_maps(store, tmp_path):
    localizer = read_experiment(settings(store, tmp_path)).build(1).eval()
    split = avloc.Store.open(store).split("train")
    kept = keeping.keep_features(localizer, split, Train(), 0, True)
    assert localizer.visual.keeps and not localizer.visual.frozen and kept.sounds is None
    assert kept.frames is not None and kept.frames.values.shape[3] == localizer.visual.kept_channels
    plan = Plan(np.array([5, 0, 17]), np.array([1, 0, 1]))
    with torch.no_grad():
        direct, looked_up = (
            localizer.locate(next(iter(Loader(split, localizer, torch.device("cpu"), kept=given).of(plan, 3))))
            for given in (None, kept)
        )
    torch.testing.assert_close(direct, looked_up, rtol=1e-4, atol=1e-5)


def test_layers_that_are_kept_stay_and_the_others_learn_as_without_keeping(store, tmp_path):
    first = avloc.train_stage1(settings(store, tmp_path), tmp_path / "kept")
    other = avloc.train_stage1(settings(store, tmp_path, keep="never"), tmp_path / "never")
    kept, never = (load_file(one.weights["train"]) for one in (first, other))
    start = read_experiment(tmp_path / "c.yaml").build(1)
    frozen = {f"visual.network.{name}" for name in start.visual.kept_state()}
    assert frozen and all(torch.equal(kept[name], start.state_dict()[name]) for name in frozen)
    free = [name for name in kept if name.startswith("visual.network.") and name not in frozen and "weight" in name]
    assert free and any(not torch.equal(kept[name], start.state_dict()[name]) for name in free)
    for name in kept:
        torch.testing.assert_close(kept[name], never[name], rtol=1e-2, atol=1e-4)


def test_a_step_never_runs_the_frozen_layers_again(store, tmp_path, monkeypatch):
    from avloc.nn import timm_steps

    ran = []
    run = timm_steps.run
    monkeypatch.setattr(
        timm_steps, "run", lambda network, steps, x: ran.append((steps, len(x))) or run(network, steps, x)
    )
    avloc.train_stage1(settings(store, tmp_path), tmp_path / "run")
    frozen = [count for steps, count in ran if "conv_stem" in steps]
    clips = sum(len(avloc.Store.open(store).split(name)) for name in ("train", "validation"))
    assert sum(frozen) < 2 * clips + 4 * keeping.BATCH  # every frame once, batches filled up
    assert any("conv_stem" not in steps for steps, _ in ran)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_steps_give_what_the_whole_network_gives(name):
    view = FrameView(size=64, resize=64, crop=False, augment=False)
    torch.manual_seed(0)
    net = Timm(name, None, None, 2).build(3, view).eval()
    frames = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert net.keeps and net.kept_channels == net.features(frames).shape[1]
        torch.testing.assert_close(net(frames), net._grid(frames), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(net(net.features(frames)), net(frames), rtol=1e-5, atol=1e-6)


def test_a_transformer_has_no_such_steps_and_works_without(caplog):
    view = FrameView(size=64, resize=64, crop=False, augment=False)
    net = Timm("test_vit", None, None, 1).build(3, view)
    assert not net.keeps and net(torch.randn(1, 3, 64, 64)).shape[0] == 1


# sounds of nothing


def test_a_quarter_of_the_sounds_of_nothing_is_silence_the_others_have_drawn_levels():
    made = nothing(400, RATE, torch.Generator().manual_seed(0))
    levels = made.square().mean(1).sqrt()
    assert int((levels == 0).sum()) == 100 and made.abs().max() <= 1
    loud = 20 * torch.log10(levels[levels > 0])
    assert LEVELS[0] - 0.1 < loud.min() and loud.max() < LEVELS[1] + 0.1 and loud.max() - loud.min() > 30


@pytest.mark.parametrize("method", [EzVsl, HardWay])
def test_a_frame_that_fits_noise_better_than_its_own_sound_is_taught_otherwise(method):
    torch.manual_seed(0)
    sides = {"visual": Backbone((8, 8), (1, 1), (1, 2)), "audio": Backbone((8, 8), (1, 1), (1, 2))}
    localizer = method(**sides, noise_negatives=3)
    assert localizer.needs.noises == 3 and method(**sides).needs.noises == 0
    batch = Batch(torch.randn(4, 3, 32, 32), torch.randn(4, 1, 33, 20))
    noisy = Batch(batch.frame, batch.sound, noise=batch.sound[:3])
    localizer.eval()
    plain, more = (sum(localizer.loss(given).values()) for given in (batch, noisy))
    assert more > plain + 0.05  # three more sounds that fit as well as the clips' own


def test_training_batches_have_sounds_of_nothing_and_others_have_none(store):
    split = avloc.Store.open(store).split("train")
    localizer = EzVsl(
        FrameView(size=32, resize=32), Waveform(RATE), Backbone((8,), (1,), (1,)), Tagger("cnn14_16k", None), 8,
        noise_negatives=4,
    )  # fmt: skip
    loader = Loader(split, localizer, torch.device("cpu"))
    once, again = (next(iter(loader.training(6, 0, 0))) for _ in range(2))
    assert once.noise is not None and once.noise.shape == (4, RATE) and torch.equal(once.noise, again.noise)
    assert once.sounds.shape == (10, RATE)
    assert next(iter(loader.in_order(6))).noise is None
    other = next(iter(loader.training(6, 0, 1)))
    assert not torch.equal(once.noise, other.noise)


# frozen ears


def test_varied_sounds_go_through_frozen_ears_once_and_noise_with_them(store):
    split = avloc.Store.open(store).split("train")
    torch.manual_seed(0)
    vary = Variation(mix=(0.0, 10.0), noise=(5.0, 20.0), share=1.0)
    ear = Tagger("mobilenetv2", None)
    localizer = EzVsl(
        FrameView(size=32, resize=32),
        Waveform(32_000, vary=vary),
        Backbone((8,), (1,), (1,)),
        ear,
        8,
        noise_negatives=2,
    )
    heard = []
    localizer.audio.network.forward = lambda sounds: heard.append(len(sounds)) or _tags(sounds)
    train = Train(versions=2)
    kept = keeping.keep_features(localizer, split, train, 0, True)
    assert kept.sounds is not None and len(kept.sounds.values) == 3
    assert kept.noises is not None and len(kept.noises) == keeping.NOISES
    plain, *versions = kept.sounds.values
    assert not any(np.allclose(plain, one) for one in versions) and not np.allclose(*versions)
    same = keeping.keep_features(localizer, split, train, 0, True)
    assert np.array_equal(same.sounds.values, kept.sounds.values) and torch.equal(same.noises, kept.noises)
    batch = next(iter(Loader(split, localizer, torch.device("cpu"), kept=kept).training(6, 0, 0)))
    assert batch.noise is not None and batch.noise.shape[1:] == batch.sound.shape[1:] and len(batch.noise) == 2
    validation = keeping.keep_features(localizer, split, train, 0, False)
    assert len(validation.sounds.values) == 1 and validation.noises is None


def _tags(sounds):
    from avloc.nn.tags import Tags

    spectrum = torch.fft.rfft(sounds).abs()[:, :527].unsqueeze(1)
    return Tags(spectrum / (1 + spectrum), None)


# all of it


def test_two_folders_become_a_model_and_a_card(tmp_path):
    """The commands of docs/own_model.md on drawn photographs and tones, with small eyes and ears."""
    world = make_world(tmp_path)
    store = composed(world, tmp_path / "composed", train_anew=True).store
    model = {
        "dim": 8,
        "frame": VIEW,
        "visual": eyes(tmp_path, frozen=-1),
        "audio": {"widths": [8, 16], "blocks": [1, 1], "strides": [1, 2]},
        "sound": {"rate": 8000, "n_fft": 256, "hop": 160, "mels": 16, "vary": {"mix": [3, 20], "noise": [5, 30]}},
        "noise_negatives": 4,
    }
    settings = {
        "method": "ez_vsl",
        "stage1": {
            "data": {"store": str(store), "train": "train_whole+train_solo"},
            "model": model,
            "train": {"epochs": 1, "batch_size": 8, "device": "cpu", "workers": 0},
        },
        "evaluate": {
            "absent": {"store": str(store), "split": "test_solo+test_pair+test_absent", "protocol": "avloc"},
        },
    }
    avloc.train_stage1(write_config(tmp_path / "own.yaml", settings), tmp_path / "run")
    found = avloc.evaluate(run=tmp_path / "run", resamples=20).sets["absent"].result.extra["negative_sound"]
    assert {"silence", "noise", "other"} <= set(found)
    text = (tmp_path / "run" / "card.md").read_text()
    assert "| class | clips | photographs | recordings |" in text and "composed pictures and sounds" in text
    assert f"| absent | silence | {found['silence']['clips']} | {found['silence']['auroc']:.3f} |" in text
    assert "are few for training" in text and "eyes: test_efficientnet, pretrained (frozen: -1)" in text
