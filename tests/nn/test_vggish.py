import pytest
import torch

from avloc.errors import AvlocError
from avloc.nn.vggish import Vggish

NARROW = Vggish(widths=(2, 3), blocks=(1, 1), hidden=5, dim=4)


def test_names_and_shapes_are_torchvggishs():
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in Vggish().build().state_dict().items()}
    channels = {0: (64, 1), 3: (128, 64), 6: (256, 128), 8: (256, 256), 11: (512, 256), 13: (512, 512)}
    expected = {f"features.{n}.weight": (*both, 3, 3) for n, both in channels.items()}
    expected |= {f"features.{n}.bias": (both[0],) for n, both in channels.items()}
    linear = {0: (4096, 12288), 2: (4096, 4096), 4: (128, 4096)}
    expected |= {f"embeddings.{n}.weight": both for n, both in linear.items()}
    expected |= {f"embeddings.{n}.bias": both[:1] for n, both in linear.items()}
    assert shapes == expected


def test_patches_become_embeddings_that_are_not_negative():
    found = NARROW.build()(torch.randn(6, 1, 96, 64, generator=torch.Generator().manual_seed(0)))
    assert found.shape == (6, 4) and (found >= 0).all()


def test_the_features_are_flattened_time_first_channel_last():
    encoder = NARROW.build()
    patches = torch.randn(1, 1, 96, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = encoder.features(patches)[0]
        row = [features[c, t, m] for t in range(24) for m in range(16) for c in range(3)]
        torch.testing.assert_close(encoder(patches)[0], encoder.embeddings(torch.stack(row)))


def test_weights_are_read_from_a_file_with_whatever_else_is_in_it(tmp_path):
    state = NARROW.build().state_dict()
    torch.save({**state, "pproc.pca_means": torch.zeros(4)}, tmp_path / "vggish.pth")
    loaded = Vggish(
        NARROW.widths, NARROW.blocks, NARROW.hidden, NARROW.dim, weights=str(tmp_path / "vggish.pth")
    ).build()
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


def test_a_missing_file_and_another_network_are_one_line(tmp_path):
    with pytest.raises(
        AvlocError, match=r"^weights \S*vggish-10086976.pth: no such file; give torchvggish's[^\n]*null"
    ):
        Vggish(weights=str(tmp_path / "vggish-10086976.pth")).build()
    torch.save(Vggish((2, 3), (1, 1), hidden=6, dim=4).build().state_dict(), tmp_path / "other.pth")
    with pytest.raises(
        AvlocError, match=r"^audio weights \S*: embeddings.0.weight is \(6, 1152\); expected \(5, 1152\)"
    ):
        Vggish(NARROW.widths, NARROW.blocks, NARROW.hidden, NARROW.dim, weights=str(tmp_path / "other.pth")).build()
