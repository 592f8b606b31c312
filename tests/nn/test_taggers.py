"""Pretrained ears: what they hear, how they stand in the place of a sound encoder, and what is refused."""

import copy
import csv
import os
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.views import LogMel, Waveform
from avloc.errors import AvlocError
from avloc.nn.panns import PannsNet
from avloc.nn.tagger import Tagger, TaggerNet
from avloc.nn.tags import Tags
from tests.engine.tiny import make_tiny_store, write_config
from tests.methods.pretrained import EAR, METHODS, VIEW, config, eyes

pytestmark = pytest.mark.slow

WEIGHTS = Path(avloc.__file__).parents[2] / "shared" / "weights"
YAMNET = WEIGHTS / "yamnet.tflite"
at_hand = pytest.mark.skipif(not YAMNET.exists(), reason="../shared/weights/yamnet.tflite is not here")
SMALL = {"tagger": "mobilenetv2", "weights": None, "output": "embedding"}  # 20 MB in each file of a run


def noise(count: int, samples: int) -> torch.Tensor:
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(0))


@at_hand
def test_yamnet_names_real_sounds():
    import soundfile
    import soxr

    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    with open(WEIGHTS / "yamnet_class_map.csv", encoding="utf-8") as file:
        names = [row["display_name"] for row in csv.DictReader(file)]
    ear = Tagger("yamnet", str(YAMNET)).build(1, Waveform(16_000))
    heard = {}
    for name in ("train.wav", "trumpet.ogg", "birds1.wav"):
        path = WEIGHTS.parent / "media" / name
        if not path.exists():
            pytest.skip("../shared/media is not here")
        samples, rate = soundfile.read(path, always_2d=True)
        sound = torch.from_numpy(soxr.resample(samples.mean(1), rate, 16_000)[: 5 * 16_000]).float()[None]
        heard[name] = [names[place] for place in ear(sound).flatten().topk(3).indices]
    assert "Train" in heard["train.wav"] and "Trumpet" in heard["trumpet.ogg"] and "Bird" in heard["birds1.wav"]


@at_hand
def test_the_library_s_greeting_is_not_on_stderr_and_its_complaints_are(capfd):
    from avloc.nn import yamnet

    Tagger("yamnet", str(YAMNET)).build()
    assert capfd.readouterr().err == ""
    with yamnet._without_greeting():
        os.write(2, b"INFO: hello\nERROR: no memory\n")
    assert capfd.readouterr().err == "ERROR: no memory\n"


@at_hand
def test_yamnet_hears_windows_of_a_second_every_half():
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    sound = noise(2, 16_000 * 3)
    each = Tagger("yamnet", str(YAMNET), windows="each").build()(sound)
    assert each.shape == (2, 521, 6, 1)  # the last window ends in zeros
    torch.testing.assert_close(
        each[:, :, 1, 0], Tagger("yamnet", str(YAMNET)).build()(sound[:, 7680 : 7680 + 15600])[..., 0, 0]
    )
    torch.testing.assert_close(Tagger("yamnet", str(YAMNET)).build()(sound)[:, :, 0], each.mean(2))
    torch.testing.assert_close(Tagger("yamnet", str(YAMNET), windows="max").build()(sound)[:, :, 0], each.amax(2))
    logits = Tagger("yamnet", str(YAMNET), output="logits", windows="each").build()(sound)
    torch.testing.assert_close(logits.sigmoid(), each.clamp(1e-4, 1 - 1e-4), rtol=1e-3, atol=1e-6)
    assert Tagger("yamnet", str(YAMNET)).build()(noise(1, 100)).shape == (1, 521, 1, 1)  # shorter than a window


class Loudness:
    """An interpreter of a file that also gives the embedding: every number of it is the window's mean, every score its peak."""

    def set_tensor(self, _place, window):
        self.window = window

    def invoke(self):
        pass

    def get_tensor(self, place):
        return (
            np.full((1, 521), self.window.max()) if place == 7 else np.full((1, 1024), self.window.mean(), np.float32)
        )


def test_a_file_of_yamnet_with_an_embedding_gives_it_window_by_window(tmp_path, monkeypatch):
    from avloc.nn import yamnet

    (tmp_path / "both.tflite").write_bytes(b"scores and embedding")
    monkeypatch.setattr(yamnet, "_opened", lambda content, where: (Loudness(), 3, {521: 7, 1024: 8}))
    sound = noise(2, 15600 + 7680)
    whole = Tagger("yamnet", str(tmp_path / "both.tflite"), output="embedding", windows="each")
    heard = whole.build()(sound)
    assert heard.shape == (2, 1024, 2, 1)
    for window in range(2):
        mean = sound[:, window * 7680 : window * 7680 + 15600].mean(1)
        torch.testing.assert_close(heard[:, 5, window, 0], mean)
    ear = Tagger("yamnet", str(tmp_path / "both.tflite"), output="embedding", project=6).build()
    assert ear.kept_channels == 1024 and ear.channels == 6 and ear(sound).shape == (2, 6, 1, 1)
    scores = Tagger("yamnet", str(tmp_path / "both.tflite"), windows="max").build()(sound)
    torch.testing.assert_close(scores[:, 0, 0, 0], sound.amax(1))


@at_hand
def test_weights_of_a_run_hold_yamnet_itself(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    ear = Tagger("yamnet", str(YAMNET)).build()
    other = Tagger("yamnet", None).build()
    other.load_state_dict(ear.state_dict())
    sound = noise(1, 16_000)
    assert torch.equal(other(sound), ear(sound)) and torch.equal(copy.deepcopy(ear)(sound), ear(sound))


def test_levels_are_log_odds_and_nothing_for_what_is_not_heard():
    scores = torch.tensor([[[0.0, 1e-5, 0.5, 0.99]]])
    network = Made(scores)
    levels, logits = (
        TaggerNet(network, Tagger("cnn14_16k", None, output=kind), False) for kind in ("levels", "logits")
    )
    heard = levels.features(torch.zeros(1, 8))[0, :, 0, 0]
    expected = torch.tensor([0.0, 0.0, 9.2102, 13.8054])  # ln 9999, and ln 99 more
    torch.testing.assert_close(heard, expected, rtol=0, atol=1e-3)
    apart = heard - logits.features(torch.zeros(1, 8))[0, :, 0, 0]
    torch.testing.assert_close(apart, apart[:1].expand(4), rtol=0, atol=1e-5)


class Made(torch.nn.Module):
    """A tagger that says what it was told to say."""

    rate, classes, embedding = 16_000, 4, 2

    def __init__(self, scores: torch.Tensor):
        super().__init__()
        self.scores = scores

    def forward(self, sound: torch.Tensor) -> Tags:
        return Tags(self.scores, None)


def test_panns_take_the_published_names_and_shapes(tmp_path):
    """84 entries of CNN14 and 324 of MobileNetV2, constants of the spectrogram included; run beside the authors' code, scores
    and embeddings of the same weights differed by less than 2e-7."""
    counts = {"cnn14": 84, "mobilenetv2": 324}
    for kind, count in counts.items():
        state = PannsNet(kind, None).state_dict()
        constants = {"spectrogram_extractor.stft.conv_real.weight": torch.zeros(513, 1, 1024)}
        constants |= {"spectrogram_extractor.stft.conv_imag.weight": torch.zeros(513, 1, 1024)}
        constants |= {"logmel_extractor.melW": torch.zeros(513, 64)}
        assert len(state) + len(constants) == count
        torch.save({"iteration": 1, "model": {**constants, **state}}, tmp_path / f"{kind}.pth")
        found = PannsNet(kind, str(tmp_path / f"{kind}.pth")).state_dict()
        assert all(torch.equal(found[name], state[name]) for name in state)
    with pytest.raises(AvlocError, match=r"for cnn14: conv_block1.* is missing.*for another network"):
        PannsNet("cnn14", str(tmp_path / "mobilenetv2.pth"))


def test_panns_hear_a_clip_whole_and_may_learn():
    sound = noise(2, 32_000)
    ear = Tagger("mobilenetv2", None, output="embedding", project=8).build(1, Waveform(32_000)).train()
    assert ear(sound).shape == (2, 8, 1, 1) and not any(p.requires_grad for p in ear.network.parameters())
    assert torch.equal(ear(sound), ear(sound))
    free = Tagger("mobilenetv2", None, frozen=False).build(1, Waveform(32_000)).train()
    free(sound).sum().backward()
    assert all(parameter.grad is not None for parameter in free.network.parameters())


@pytest.mark.parametrize(
    ("settings", "view", "message"),
    [
        (Tagger("yamnet", "nowhere.tflite"), None, r"audio weights nowhere\.tflite: No such file"),
        (Tagger("yamnet", None, frozen=False), None, r"cannot be trained"),
        (Tagger("mobilenetv2", None), LogMel(), r"needs waveforms.*model\.sound to \{waveform: 32000\}"),
        (Tagger("mobilenetv2", None), Waveform(16_000), r"sound\.waveform is 16000 Hz, but mobilenetv2 needs 32000 Hz"),
        (Tagger("vggish", None), None, r"has no classes: set it to embedding"),
        (
            Tagger("cnn14", "yamnet"),
            None,
            r"weights yamnet: not PANNs' published state dict of cnn14|yamnet\.tflite is missing",
        ),
    ],
)
def test_ears_that_do_not_fit_are_refused_in_a_line(settings, view, message, monkeypatch, tmp_path):
    monkeypatch.setenv("AVLOC_WEIGHTS", str(tmp_path))
    with pytest.raises(AvlocError, match=message) as refused:
        settings.build(1, view)
    assert "\n" not in str(refused.value)


def test_files_that_are_no_yamnet_are_refused(tmp_path):
    pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed")
    (tmp_path / "a.tflite").write_bytes(b"no model at all" * 100)
    with pytest.raises(AvlocError, match=r"a\.tflite: not YAMNet's \.tflite"):
        Tagger("yamnet", str(tmp_path / "a.tflite")).build()


def test_without_the_runtime_yamnet_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.tflite").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(AvlocError, match=r"ai-edge-litert is not installed.*pip install 'avloc\[real\]'"):
        Tagger("yamnet", str(tmp_path / "a.tflite")).build()


def test_networks_of_spectrograms_refuse_waveforms():
    from avloc.nn.encoders import Backbone

    with pytest.raises(AvlocError, match="sound is a waveform"):
        Backbone(widths=(8, 16), blocks=(1, 1), strides=(1, 2)).build(1, Waveform(16_000))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_tiny_store(tmp_path_factory.mktemp("ears") / "store", 32_000)


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_method_hears_by_a_tagger_and_its_features_are_kept(method, store, tmp_path, monkeypatch):
    heard: list[int] = []
    whole = PannsNet.forward
    monkeypatch.setattr(PannsNet, "forward", lambda self, sound: heard.append(len(sound)) or whole(self, sound))
    model = {
        **METHODS[method][0],
        "frame": VIEW,
        "visual": eyes(tmp_path),
        "audio": SMALL,
        "sound": {"waveform": 32_000},
    }
    if method in ("hard_way", "visual_context", "ssl_alignment", "noprior"):
        model["visual"] = {**model["visual"], "project": 8}
        model["audio"] = {**SMALL, "project": 8}
    trained = avloc.train_stage1(
        write_config(tmp_path / "c.yaml", config(method, store, model, epochs=2)), tmp_path / "run"
    )
    assert sum(heard) <= 4 * 32 + 2  # training and validation once, whatever the epochs
    found = avloc.evaluate(run=trained.run, resamples=0)
    assert np.isfinite(next(iter(found.sets["solo"].result.metrics.values())).value)


def test_the_audio_encoder_stays_free_to_be_a_network_of_spectrograms(store, tmp_path):
    model = {
        "dim": 8,
        "frame": VIEW,
        "visual": eyes(tmp_path),
        "audio": EAR,
        "sound": {"rate": 32_000, "n_fft": 800, "mels": 16},
    }
    assert (
        avloc.train_stage1(write_config(tmp_path / "c.yaml", config("ez_vsl", store, model)), tmp_path / "run").epochs
        == 2
    )
