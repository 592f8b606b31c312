"""The authors' checkpoints: made up here with exactly their keys and shapes, read by avloc, computed independently."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.verbs.import_weights import import_into_run
from tests.methods import plain_dsol

SPECS = Path(__file__).resolve().parents[3] / "shared" / "specs"
STAGES = {1: "stage_one", 2: "stage_two"}


def published_state(variant: str, stage: int, clusters: int | None = None) -> dict[str, torch.Tensor]:
    """Their keys and shapes with values drawn from a seed, small enough that eighteen layers stay tame."""
    path = SPECS / f"dsol_state_keys_{variant}.json"
    if not path.exists():
        pytest.skip(f"the list of the authors' keys, {path.name}, is not there")
    generator = torch.Generator().manual_seed(stage)
    state = {}
    for name, shape in json.loads(path.read_text())[STAGES[stage]].items():
        if clusters and name.startswith(("v_class_layer.", "a_class_layer.")):
            shape = [clusters, *shape[1:]]
        state[name] = _made_up(name, torch.randn(shape, generator=generator))
    return state


def _made_up(name: str, values: torch.Tensor) -> torch.Tensor:
    if name.endswith("num_batches_tracked"):
        return torch.tensor(7)
    if name == "conv_av.weight":
        return torch.full_like(values, 3.5)
    if name == "obj_conv.weight":
        return torch.full_like(values, 0.1)
    if name.endswith("running_var") or (values.ndim == 1 and name.endswith("weight")):
        return 1 + 0.1 * values.abs()
    if name.endswith(("bias", "running_mean")):
        return 0.1 * values
    return values * (1 / values[0].numel()) ** 0.5


def saved(path: Path, state: dict[str, torch.Tensor], prefix: str = "") -> Path:
    torch.save({prefix + name: value for name, value in state.items()}, path)
    return path


@pytest.fixture(scope="module")
def batch() -> Batch:
    generator = torch.Generator().manual_seed(5)
    return Batch(
        torch.randn(2, 3, 224, 224, generator=generator), 5 * torch.randn(2, 1, 201, 64, generator=generator) - 40
    )


@pytest.mark.parametrize(("variant", "clusters"), [("music", None), ("music", 20), ("audioset", None)])
def test_stage_one_maps_are_those_of_the_published_forward(tmp_path, batch, variant, clusters):
    state = published_state(variant, 1, clusters)
    path = saved(tmp_path / "theirs.pth", state, "module." if variant == "audioset" else "")
    localizer = avloc.import_weights("dsol", 1, path)
    assert not localizer.training
    assert localizer.clusters == (clusters or {"music": 11, "audioset": 13}[variant])
    expected = plain_dsol.stage_one(state, batch.frame, batch.sound, variant == "audioset")
    assert expected["map"].std() > 0.02  # the made-up weights give maps with something in them
    with torch.no_grad():
        maps = localizer.locate(batch)
        sight, hearing = localizer.streams.see(batch.frame), localizer.streams.hear(batch.sound)
    assert maps.shape == (2, 1, 14, 14)
    for ours, theirs in (
        (maps, "map"),
        (maps.amax((1, 2, 3)), "score"),
        (sight.features, "features"),
        (hearing.vector, "vector"),
        (sight.logits, "frame_logits"),
        (hearing.logits, "sound_logits"),
    ):
        torch.testing.assert_close(ours, expected[theirs], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", ["music", "audioset"])
def test_stage_two_shows_a_map_for_each_object_of_the_dictionary(tmp_path, batch, variant):
    state = published_state(variant, 2)
    clusters = {"music": 11, "audioset": 13}[variant]
    dictionary = np.random.default_rng(0).normal(size=(clusters, 512)).astype(np.float32)
    np.save(tmp_path / "objects.npy", dictionary)
    path = saved(tmp_path / "theirs.pth", state, "module.")
    localizer = avloc.import_weights("dsol", 2, path, dictionary=tmp_path / "objects.npy")
    expected = plain_dsol.stage_two(
        state, batch.frame, batch.sound, torch.from_numpy(dictionary), variant == "audioset"
    )
    assert expected["shown"].std() > 0.01
    with torch.no_grad():
        torch.testing.assert_close(localizer.locate(batch), expected["shown"], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(localizer.sounding(batch), expected["map"], rtol=1e-4, atol=1e-4)


def test_without_a_dictionary_stage_two_gives_the_map_of_all_sounding_places(tmp_path, batch):
    state = published_state("music", 2)
    localizer = avloc.import_weights("dsol", 2, saved(tmp_path / "theirs.pth", state))
    expected = plain_dsol.stage_one(state, batch.frame, batch.sound)["map"]
    with torch.no_grad():
        torch.testing.assert_close(localizer.locate(batch), expected, rtol=1e-4, atol=1e-4)


def test_the_audioset_variant_shows_by_the_bias_of_the_fusion(tmp_path):
    music = avloc.import_weights("dsol", 1, saved(tmp_path / "music.pth", published_state("music", 1)))
    audioset = avloc.import_weights("dsol", 1, saved(tmp_path / "audioset.pth", published_state("audioset", 1)))
    assert music.streams.cosine and not audioset.streams.cosine
    assert (
        music.frame.std != (1.0, 1.0, 1.0)
        and audioset.frame.mean == (0.0, 0.0, 0.0)
        and audioset.frame.std == (1.0, 1.0, 1.0)
    )
    assert (music.streams.scale.bias is None) and (audioset.streams.scale.bias is not None)


def test_heads_that_their_code_never_used_are_left_out(tmp_path):
    state = published_state("audioset", 1)
    for name in ("v_class_layer.module.weight", "a_class_layer.module.weight"):
        state[name] = torch.full((13, 512), 9.0)
    localizer = avloc.import_weights("dsol", 1, saved(tmp_path / "theirs.pth", state, "module."))
    torch.testing.assert_close(localizer.streams.sound_head.weight, state["a_class_layer.weight"], rtol=0, atol=0)


@pytest.mark.parametrize("stage", [1, 2])
def test_a_checkpoint_of_the_other_stage_is_refused_in_one_line(tmp_path, stage):
    path = saved(tmp_path / "theirs.pth", published_state("music", 3 - stage))
    with pytest.raises(AvlocError, match=f"is from stage {3 - stage}.*--stage {3 - stage}") as found:
        avloc.import_weights("dsol", stage, path)
    assert "\n" not in str(found.value) and str(path) in str(found.value)


def test_what_is_missing_unknown_or_of_another_shape_is_named(tmp_path):
    state = published_state("music", 1)
    del state["conv_v_1.bias"]
    state["conv_w.weight"] = torch.zeros(2)
    state["fc_a_2.bias"] = torch.zeros(3)
    with pytest.raises(AvlocError) as found:
        avloc.import_weights("dsol", 1, saved(tmp_path / "theirs.pth", state))
    for words in (
        "frame_projection.0.bias is missing",
        "conv_w.weight is unknown",
        "is (3,), not (128,)",
        "(3 in all)",
    ):
        assert words in str(found.value)


class Malicious:
    def __reduce__(self):
        return (print, ("executed",))


@pytest.mark.parametrize("what", ["missing", "text", "list", "code"])
def test_what_is_no_checkpoint_is_refused_and_nothing_in_it_is_executed(tmp_path, capsys, what):
    path = tmp_path / "theirs.pth"
    if what == "text":
        path.write_text("not weights")
    elif what == "list":
        torch.save([1, 2], path)
    elif what == "code":
        torch.save({"a_class_layer.weight": Malicious()}, path)
    with pytest.raises(AvlocError, match=str(path)) as found:
        avloc.import_weights("dsol", 1, path)
    assert "\n" not in str(found.value)
    assert "executed" not in capsys.readouterr().out


def test_weights_in_a_run_are_those_of_the_file(tmp_path, batch):
    from avloc.engine.experiment import open_run
    from avloc.engine.stages import load_stage

    state = published_state("music", 1, clusters=7)
    imported = import_into_run("dsol", 1, saved(tmp_path / "theirs.pth", state), tmp_path / "run")
    assert (imported.method, imported.stage, imported.clusters) == ("dsol", 1, 7) and imported.weights.exists()
    experiment, run = open_run(None, tmp_path / "run")
    localizer = load_stage(experiment, run, 1)
    with torch.no_grad():
        expected = plain_dsol.stage_one(state, batch.frame, batch.sound)["map"]
        torch.testing.assert_close(localizer.locate(batch), expected, rtol=1e-4, atol=1e-4)
    with pytest.raises(AvlocError, match="exists already"):
        import_into_run("dsol", 1, tmp_path / "theirs.pth", tmp_path / "run")


def test_a_stage_two_in_a_run_can_be_loaded_to_be_evaluated(tmp_path, batch):
    from avloc.engine.experiment import open_run
    from avloc.engine.stages import load_stage

    state = published_state("audioset", 2)
    dictionary = np.random.default_rng(0).random((13, 512)).astype(np.float32)
    np.save(tmp_path / "objects.npy", dictionary)
    import_into_run("dsol", 2, saved(tmp_path / "theirs.pth", state), tmp_path / "run", tmp_path / "objects.npy")
    localizer = load_stage(*open_run(None, tmp_path / "run"), 2)
    expected = plain_dsol.stage_two(state, batch.frame, batch.sound, torch.from_numpy(dictionary), audioset=True)
    with torch.no_grad():
        torch.testing.assert_close(localizer.locate(batch), expected["shown"], rtol=1e-3, atol=1e-4)
