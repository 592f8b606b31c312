"""The authors' checkpoints of coarse-to-fine's original version, read and computed."""

import math

import pytest
import torch
from torch import Tensor

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.methods.coarse_to_fine_original import StageOne, StageTwo, arguments_of, import_state
from tests.methods import plain_coarse_to_fine as plain
from tests.methods.published_states import coarse_to_fine_keys

FLICKR, AUDIOSET = "original_flickr_ave_framework", "original_audioset_framework"
COUNTS = {FLICKR: (700, 7), AUDIOSET: (435, 15)}


@pytest.fixture(scope="module")
def keys() -> dict:
    return coarse_to_fine_keys()


def own_name(name: str) -> str:
    """The same for every copy of a parameter."""
    name = name.replace("avalign.model.", "discrim.", 1) if name.startswith("avalign.") else name
    return name.replace("discrim.spa_conv.", "visual.layer5.", 1)


def filled(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    """Values by a formula of the parameter's number, scaled so that features stay near one; copies are equal."""
    state: dict[str, Tensor] = {}
    for number, name in enumerate(sorted({own_name(name) for name in shapes})):
        shape = next(shape for other, shape in shapes.items() if own_name(other) == name)
        values = torch.sin(torch.arange(math.prod(shape), dtype=torch.float32) * (0.37 + number % 7) + number).view(
            shape
        )
        if name.endswith("num_batches_tracked"):
            values = torch.zeros(shape, dtype=torch.long)
        elif name.endswith("running_var"):
            values = 1 + 0.2 * values
        elif len(shape) > 1:
            values = values * (2.0 / math.prod(shape[1:])) ** 0.5
        elif name.endswith("weight"):
            values = 1 + 0.1 * values
        else:
            values = 0.1 * values
        state[name] = values
    return {name: state[own_name(name)] for name in shapes}


@pytest.fixture(scope="module", params=[FLICKR, AUDIOSET])
def published(request, keys) -> tuple[str, dict[str, Tensor]]:
    return request.param, filled(keys[request.param])


def imported(state: dict[str, Tensor], stage: int, **options) -> StageOne | StageTwo:
    one, two = arguments_of(state)
    first = StageOne(**{**one, **options})
    return import_state(state, stage, first, StageTwo(**two) if stage == 2 else None).eval()


def clip() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(1, 3, 96, 96, generator=generator), torch.randn(1, 1, 51, 64, generator=generator)


def test_the_authors_checkpoint_gives_the_published_maps(published):
    name, state = published
    assert (len(state), len(state["visual.fc.bias"])) == COUNTS[name]
    arguments = arguments_of(state)[0]
    assert (arguments["classes"], arguments["variant"]) == (COUNTS[name][1], "labels" if name == FLICKR else "tags")
    stage = imported(state, 2)
    frame, sound = clip()
    with torch.no_grad():
        x = stage.coarse.streams.audio.features(sound)
        torch.testing.assert_close(x, plain.sound_features(state, sound[:, 0]), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(
            stage.coarse.streams.audio.rest(x).clip, plain.likely(state, x), rtol=1e-3, atol=1e-4
        )
        seen = stage.coarse.streams.visual(frame)
        below = plain.bottom(state, frame)
        torch.testing.assert_close(seen.matched, plain.layer(state, "visual.layer5", below, 1), rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(seen.top, plain.layer(state, "visual.layer4", below, 1), rtol=1e-3, atol=1e-4)
        found = stage.locate(Batch(frame, sound))[0]
        if name == FLICKR:
            expected = plain.flickr_map(state, frame[0], sound[0, 0])[None]
        else:
            p = plain.likely(state, plain.sound_features(state, sound[:, 0]))[0]
            expected = p[:, None, None] * plain.audioset_maps(state, frame[0], sound[0, 0])
    assert found.shape == expected.shape and expected.max() > 0 and expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-3)


def test_the_published_shapes(published):
    """256 pixels and 5 seconds come to 16 x 16 places, 63 x 2 times and bands, and 15 times of the matching head."""
    name, state = published
    first = imported(state, 1)
    streams = first.streams
    frame, sound = torch.zeros(1, 3, 256, 256), torch.zeros(1, 1, 251, 64)
    with torch.no_grad():
        seen, heard = streams.visual(frame), streams.hear(sound)
        assert seen.bottom.shape == (1, 256, 16, 16) and seen.top.shape == seen.matched.shape == (1, 512, 16, 16)
        assert heard.features.shape == (1, 512, 63, 2)
        assert streams.match.temp_conv(heard.features).shape == (1, 512, 15, 1)
        assert streams.match.sounds(heard.features, 4, True).shape == (1, 4, 512)
    assert seen.logits.shape == heard.likely.shape == (1, COUNTS[name][1])
    distinct = {own_name(key) for key in state if not key.startswith("prior_")}
    own = {name for name, _ in first.named_parameters()}
    tracked = ("running_mean", "running_var", "num_batches_tracked")
    assert len(own) == len([key for key in distinct if not key.endswith(tracked)])


def test_a_whole_checkpoint_file_is_read(published, tmp_path):
    _, state = published
    wrapper = {"epoch": 60, "state_dict": state, "loss": 0.5, "optimizer": {}, "accuracy": 1.5}
    torch.save(wrapper, tmp_path / "model_joint.pth.tar")
    stage = avloc.import_weights("coarse_to_fine_original", 2, tmp_path / "model_joint.pth.tar")
    assert torch.equal(stage.coarse.streams.match.temp_conv[4].weight, state["avalign.model.temp_conv.4.weight"])
    assert torch.equal(stage.coarse.streams.visual.layer5[0].conv1.weight, state["visual.layer5.0.conv1.weight"])


def test_of_copies_that_differ_the_last_counts_and_it_is_said(keys, caplog):
    state = filled(keys[AUDIOSET])
    state["avalign.model.spa_conv.0.bn1.bias"] = state["avalign.model.spa_conv.0.bn1.bias"] + 1
    first = imported(state, 1)
    assert torch.equal(first.streams.visual.layer5[0].bn1.bias, state["avalign.model.spa_conv.0.bn1.bias"])
    assert "2 copies of parameters in the checkpoint differ" in caplog.text


def test_what_is_no_such_checkpoint_is_refused(keys):
    with pytest.raises(AvlocError, match=r"not a checkpoint of coarse-to-fine \(original\)"):
        arguments_of({"class_a.weight": torch.zeros(7, 512, 1, 1)})
    state = filled(keys[AUDIOSET])
    del state["audio.outputlayer.bias"]
    with pytest.raises(AvlocError, match=r"does not fit .*streams\.audio\.outputlayer\.bias is missing"):
        imported(state, 1)
