"""The authors' four files: made up here with their keys, narrow, read by avloc, computed independently."""

import math
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.verbs.import_weights import import_into_run
from tests.methods import plain_sspl

WIDTH, DIM, HIDDEN, INNER, HEAD = 6, 5, 9, 4, 8  # channels, embedding, hidden of VGGish, bottleneck, projection
FRAME = {0: (4, 3), 2: (4, 4), 5: (WIDTH, 4), 7: (WIDTH, WIDTH)}
SOUND = {0: (2, 1), 3: (3, 2), 5: (3, 3)}
POOLS = {"frame": (4,), "sound": (2, 7)}
NORM = ("weight", "bias", "running_mean", "running_var")


def shapes(cycles: int) -> dict[str, dict[str, tuple[int, ...]]]:
    frame: dict[str, tuple[int, ...]] = {}
    for n, both in FRAME.items():
        frame |= {f"feat_extractor.{n}.weight": (*both, 3, 3), f"feat_extractor.{n}.bias": both[:1]}
    sound: dict[str, tuple[int, ...]] = {}
    for n, both in SOUND.items():
        sound |= {f"features.{n}.weight": (*both, 3, 3), f"features.{n}.bias": both[:1]}
    linear = {"embeddings.0": (HIDDEN, 24 * 16 * 3), "embeddings.2": (HIDDEN, HIDDEN), "embeddings.4": (DIM, HIDDEN)}
    linear |= {"fc.0": (WIDTH, DIM), "fc.2": (WIDTH, WIDTH)}
    for name, both in linear.items():
        sound |= {f"{name}.weight": both, f"{name}.bias": both[:1]}
    head: dict[str, tuple[int, ...]] = {
        "projector.layer1.0.weight": (HEAD, WIDTH), "projector.layer2.0.weight": (HEAD, HEAD),
        "projector.layer3.0.weight": (HEAD, HEAD), "predictor.layer1.0.weight": (INNER, HEAD),
        "predictor.layer2.weight": (HEAD, INNER), "predictor.layer2.bias": (HEAD,),
    }  # fmt: skip
    for name, size in (("projector.layer1", HEAD), ("projector.layer2", HEAD), ("predictor.layer1", INNER)):
        head |= {f"{name}.1.{part}": (size,) for part in NORM} | {f"{name}.1.num_batches_tracked": ()}
    head |= {f"projector.layer3.1.{part}": (HEAD,) for part in NORM[2:]} | {
        "projector.layer3.1.num_batches_tracked": ()
    }
    files = {"frame": frame, "sound": sound, "ssl_head": head}
    if cycles:
        square = (WIDTH, WIDTH, 3, 3)
        pcm: dict[str, tuple[int, ...]] = {
            "PredProcess.0.weight": (DIM, WIDTH, 1, 1), "PredProcess.0.bias": (DIM,),
            "PredProcess.1.conv2d.weight": square, "PredProcess.2.conv2d.weight": square,
            "ErrorProcess.0.weight": (DIM, WIDTH, 1, 1), "ErrorProcess.1.weight": square,
            "ErrorProcess.2.convtrans2d.weight": square, "ErrorProcess.3.weight": (WIDTH, WIDTH, 1, 1),
            "ErrorProcess.3.bias": (WIDTH,),
        }  # fmt: skip
        pcm |= {f"{rate}.{n}": (1, WIDTH, 1, 1) for rate in ("a0", "b0") for n in range(3)}
        for group, count in (("BNPred", 2), ("BNError", 3), ("BNPred_step", 2 * cycles), ("BNError_step", 3 * cycles)):
            pcm |= {f"{group}.{n}.{part}": (WIDTH,) for n in range(count) for part in NORM}
            pcm |= {f"{group}.{n}.num_batches_tracked": () for n in range(count)}
        files["pcm"] = pcm
    return files


def by_formula(name: str, shape: tuple[int, ...]) -> Tensor:
    """Values from the name and the place alone: waves, small enough that the layers stay tame."""
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    count = math.prod(shape)
    start = sum((place + 1) * ord(letter) for place, letter in enumerate(name)) % 97
    wave = torch.sin(0.7 * torch.arange(count, dtype=torch.float64) ** 1.1 + start).float().view(shape)
    if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
        return 1 + 0.2 * wave.abs()
    if name[:2] in ("a0", "b0"):
        return 0.6 + 0.5 * wave
    return 0.2 * wave if len(shape) == 1 else wave * (2 / (count / shape[0])) ** 0.5


def written(folder: Path, cycles: int, wrapped: bool = True) -> dict[str, Tensor]:
    """The files in `folder`, all but the frame's with the wrapper's prefix, and all their entries with a file's prefix."""
    folder.mkdir()
    every = {}
    for file, entries in shapes(cycles).items():
        state = {name: by_formula(name, shape) for name, shape in entries.items()}
        prefix = "module." if wrapped and file != "frame" else ""
        torch.save({prefix + name: value for name, value in state.items()}, folder / f"{file}_best.pth")
        every |= {f"{'head' if file == 'ssl_head' else file}.{name}": value for name, value in state.items()}
    return every


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(5)
    frames = torch.randn(2, 2, 3, 12, 12, generator=generator)
    return Batch(frames[0], 2 * torch.randn(2, 3, 1, 96, 64, generator=generator) - 2, view2=frames[1])


@pytest.mark.parametrize(("cycles", "wrapped"), [(4, True), (2, False), (0, True)])
def test_maps_and_loss_are_those_of_the_published_forward(tmp_path, batch, cycles, wrapped):
    state = written(tmp_path / "theirs", cycles, wrapped)
    localizer = avloc.import_weights("sspl", 1, tmp_path / "theirs")
    assert not localizer.training and (localizer.pcm.cycles if localizer.pcm else 0) == cycles
    sound, query = plain_sspl.sound_features(state, batch.sound, POOLS["sound"])
    maps, heads = [], []
    for view in (batch.frame, batch.view2):
        seen = plain_sspl.frame_features(state, view, POOLS["frame"])
        seen = plain_sspl.pcm(state, seen, sound, cycles)[-1] if cycles else seen
        maps.append(plain_sspl.similarity(seen, query))
        heads.append(plain_sspl.head(state, plain_sspl.pooled(seen, maps[-1])))
    assert maps[0].std() > 0.02  # the made-up weights give maps with something in them
    with torch.no_grad():
        torch.testing.assert_close(localizer.locate(batch)[:, 0], maps[0], rtol=1e-4, atol=1e-5)
        (z1, p1), (z2, p2) = heads
        torch.testing.assert_close(
            localizer.loss(batch)["prediction"], plain_sspl.loss(p1, p2, z1, z2), rtol=1e-4, atol=1e-5
        )


def test_a_run_of_imported_weights_has_a_configuration_that_fits_them(tmp_path, batch):
    from avloc.engine.experiment import read_experiment
    from avloc.engine.run import Run
    from avloc.engine.stages import load_stage

    written(tmp_path / "theirs", 3)
    imported = import_into_run("sspl", 1, tmp_path / "theirs", tmp_path / "run")
    assert imported.weights == tmp_path / "run" / "stage1" / "train.safetensors"
    model = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["stage1"]["model"]
    assert model["visual"].items() >= {"widths": [4, 6], "blocks": [2, 2]}.items()
    assert model["audio"].items() >= {"widths": [2, 3], "blocks": [1, 2], "hidden": 9, "dim": 5}.items()
    assert model.items() >= {"pcm_cycles": 3, "head_width": 8, "head_bottleneck": 4}.items()
    loaded = load_stage(read_experiment(tmp_path / "run" / "config.yaml"), Run(tmp_path / "run"), 1)
    with torch.no_grad():
        expected = avloc.import_weights("sspl", 1, tmp_path / "theirs").locate(batch)
        assert torch.equal(loaded.locate(batch), expected)


def test_files_that_lack_something_or_do_not_fit_are_one_line(tmp_path):
    folder = tmp_path / "theirs"
    written(folder, 2)
    pcm = torch.load(folder / "pcm_best.pth", weights_only=True)
    torch.save({**pcm, "module.a0.1": torch.zeros(1, 3, 1, 1)}, folder / "pcm_best.pth")
    with pytest.raises(
        AvlocError, match=r"does not fit SSPL: pcm.error_rates.1 is \(1, 3, 1, 1\), not \(1, 6, 1, 1\)[^\n]*$"
    ):
        avloc.import_weights("sspl", 1, folder)
    del pcm["module.PredProcess.0.bias"]
    torch.save(pcm, folder / "pcm_best.pth")
    with pytest.raises(AvlocError, match=r"does not fit SSPL: pcm.predict.0.bias is missing[^\n]*$"):
        avloc.import_weights("sspl", 1, folder)
    (folder / "frame_best.pth").unlink()
    with pytest.raises(AvlocError, match=r"^\S*theirs: no frame_best.pth here; give the folder[^\n]*$"):
        avloc.import_weights("sspl", 1, folder)
    with pytest.raises(AvlocError, match=r"sound_best.pth: no frame_best.pth here; give the folder[^\n]*$"):
        avloc.import_weights("sspl", 1, folder / "sound_best.pth")


def test_the_published_sizes_are_read_off_the_published_shapes():
    from avloc.methods.sspl import Sspl, arguments_of
    from avloc.methods.sspl.published import NAMES

    with torch.device("meta"):
        whole = Sspl()
    state = {}
    for name, value in whole.state_dict().items():
        theirs, ours = next(pair for pair in NAMES.items() if name.startswith(pair[1]))
        state[theirs + name.removeprefix(ours)] = value
    (found,) = arguments_of(state)
    assert found == {
        "visual": {"widths": [64, 128, 256, 512, 512], "blocks": [2, 2, 3, 3, 3]},
        "audio": {"widths": [64, 128, 256, 512], "blocks": [1, 1, 2, 2], "hidden": 4096, "dim": 128},
        "pcm_cycles": 4, "head_width": 2048, "head_bottleneck": 512,
    }  # fmt: skip
