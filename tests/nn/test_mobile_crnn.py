import json
from pathlib import Path

import pytest
import torch

from avloc.errors import AvlocError
from avloc.nn.mobile_crnn import MobileCrnn, linear_softmax, read_tagger

KEYS = Path(__file__).resolve().parents[3] / "shared" / "specs" / "coarse_to_fine_state_keys.json"
NARROW = MobileCrnn(widths=(2, 3, 4, 5), expand=2, hidden=3)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_names_and_shapes_are_published():
    if not KEYS.exists():
        pytest.skip("the list of published entries is not here")
    published = json.loads(KEYS.read_text())["original_flickr_ave_framework"]
    with torch.device("meta"):
        shapes = {name: list(value.shape) for name, value in MobileCrnn().build(527).state_dict().items()}
    prefix = "prior_a."
    assert shapes == {name.removeprefix(prefix): s for name, s in published.items() if name.startswith(prefix)}


@pytest.mark.parametrize(("frames", "steps"), [(251, 63), (201, 50), (501, 125)])
def test_a_step_is_about_four_frames(frames, steps):
    network = MobileCrnn().build(7).eval()
    with torch.no_grad():
        features = network.features(noise(1, 1, frames, 64))
        found = network.rest(features)
    assert features.shape == (1, 512, steps, 2)
    assert found.steps.shape == (1, steps, 7) and found.clip.shape == (1, 7)


def test_bands_and_widths_are_free():
    network = MobileCrnn(widths=(2, 3, 4, 5), expand=2, hidden=3, bands=96).build(4).eval()
    assert network.channels == 5 and network(noise(2, 1, 50, 96)).clip.shape == (2, 4)


def test_the_recurrent_layer_hears_channels_of_a_step_band_after_band():
    network = NARROW.build(4).eval()
    features = noise(2, 5, 6, 2)
    with torch.no_grad():
        rows = torch.stack(
            [torch.stack([features[:, c, t, f] for c in range(5) for f in range(2)], 1) for t in range(6)]
        )
        series = network.gru.rnn(rows.transpose(0, 1))[0]
        torch.testing.assert_close(network.rest(features).steps, network.outputlayer(series).sigmoid())


def test_probabilities_are_pooled_over_time_each_weighted_by_itself():
    steps = torch.rand(2, 9, 3, generator=torch.Generator().manual_seed(1)).clamp(min=1e-7)
    for clip in range(2):
        for label in range(3):
            values = steps[clip, :, label].tolist()
            expected = sum(value * value for value in values) / sum(values)
            assert linear_softmax(steps)[clip, label].item() == pytest.approx(expected, rel=1e-5)
    network = NARROW.build(4).eval()
    with torch.no_grad():
        found = network(noise(2, 1, 40, 64))
        torch.testing.assert_close(found.clip, linear_softmax(found.steps))
        network.outputlayer.bias.fill_(-100)
        quiet = network(noise(2, 1, 40, 64))
    assert (quiet.steps == 1e-7).all() and (quiet.clip >= 1e-7).all()


def test_weights_are_read_with_or_without_the_last_layer(tmp_path):
    state = NARROW.build(4).state_dict()
    torch.save({f"module.{name}": value for name, value in state.items()}, tmp_path / "tagger.pth")
    settings = MobileCrnn(NARROW.widths, NARROW.expand, NARROW.hidden, weights=str(tmp_path / "tagger.pth"))
    whole = settings.build(4, head=True).state_dict()
    assert all(torch.equal(whole[name], value) for name, value in state.items())
    other = settings.build(6).state_dict()
    assert other["outputlayer.weight"].shape == (6, 6)
    assert all(torch.equal(other[name], value) for name, value in state.items() if not name.startswith("outputlayer"))
    with pytest.raises(AvlocError, match=r"audio weights \S*: outputlayer.weight is \(4, 6\); expected \(6, 6\)"):
        settings.build(6, head=True)
    with pytest.raises(AvlocError, match=r"no such file; give the audio tagger's mobilecrnn_v2.pth"):
        MobileCrnn(weights=str(tmp_path / "none.pth")).build(4)


def test_a_tagger_of_any_width_is_read_off_its_file(tmp_path):
    settings = MobileCrnn(widths=(2, 3, 4, 5), expand=2, hidden=3, bands=96)
    torch.save(settings.build(7).state_dict(), tmp_path / "tagger.pth")
    tagger = read_tagger(str(tmp_path / "tagger.pth"))
    assert not tagger.training and tagger(noise(1, 1, 40, 96)).clip.shape == (1, 7)
    torch.save({"fc.weight": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(AvlocError, match=r"not the audio tagger's mobilecrnn_v2.pth \(no features.0.1.bias\)$"):
        read_tagger(str(tmp_path / "other.pth"))
