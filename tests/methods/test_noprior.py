"""NoPrior: its rounds, groups and losses by hand, motion, mixtures, and the authors' checkpoint."""

import math

import numpy as np
import pytest
import torch

import avloc
from avloc.data.batch import Batch
from avloc.data.loader import Loader
from avloc.data.optical_flow import flow_pictures
from avloc.data.plans import Plan
from avloc.data.stacking import one_above_the_other
from avloc.data.views import FrameView, LogMel, LogStft
from avloc.engine.collect import joined
from avloc.errors import AvlocError, DataError
from avloc.methods.base import Train
from avloc.methods.noprior import NoPrior
from avloc.methods.noprior.network import FlowAttention
from avloc.methods.noprior.objects import background, distance, groups, identify, object_loss, object_maps
from avloc.nn.encoders import Backbone
from tests.engine.tiny import RATE, make_tiny_store
from tests.methods.published_states import filled, resnet_state

SMALL = Backbone((4, 8), (1, 1), (1, 2))
C = 512


def places_of(places: list, sound: list) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Features times similarity (1, 512, P), similarity (1, P) and background (1, 512); all other channels are 0."""
    seen = torch.zeros(1, C, len(places), dtype=torch.float64)
    seen[0, : len(places[0])] = torch.tensor(places, dtype=torch.float64).T
    heard = torch.zeros(C, dtype=torch.float64)
    heard[: len(sound)] = torch.tensor(sound, dtype=torch.float64)
    similarity = torch.einsum("bcp,c->bp", seen, heard)
    features = seen * similarity[:, None]
    return features, similarity, background(features, similarity, 0.40, 0.03)


def solved(places: list, sound: list):
    features, similarity, behind = places_of(places, sound)
    found = identify(features, similarity, behind)
    rows = found.rows[:, 0]
    return rows[:, : len(places[0])], behind[0], groups(rows, behind[0]), object_loss(rows, behind[0]).item(), found


def test_the_distance_of_a_place_from_itself_is_that_of_torch():
    features = torch.ones(1, C, 2, dtype=torch.float64)
    assert distance(features, features[:, :, 0])[0].tolist() == pytest.approx([2.2627e-05] * 2, rel=1e-4)


def test_places_are_taken_until_what_is_left_fits_no_more():
    rows, behind, objects, loss, found = solved([[1, 0], [0, 1], [0.5, 0.866025]], [1, 0])
    assert behind[:2].tolist() == pytest.approx([0.0028704, 0.0049717], abs=1e-6)
    assert rows.flatten().tolist() == pytest.approx([1, 0, 0.25, 0.433013], abs=1e-6)
    assert objects == [(0, [0])] and loss == pytest.approx(0.5, abs=1e-5)
    maps = object_maps(found, 0, behind[None])
    assert maps[0].tolist() == pytest.approx([0, -0.999999, -0.866025], abs=3e-5)


def test_a_background_that_is_nearly_nothing_still_calls_a_find_background():
    rows, behind, objects, loss, _ = solved([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0.6, 0.8, 0])
    assert behind[:3].tolist() == pytest.approx([0.0002542, 4e-7, 0], abs=1e-7)
    assert rows.tolist() == [pytest.approx([0, 0.8, 0]), pytest.approx([0.6, 0, 0])]
    assert objects == [(0, [0])] and loss == pytest.approx(1e-6, abs=1e-6)


def test_two_objects_have_a_map_each():
    rows, behind, objects, loss, found = solved([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.1, 0.974679]], [0.6, 0.8, 0])
    assert behind[:3].tolist() == pytest.approx([0.0101779, 0.004994, 0.048672], abs=1e-6)
    assert rows[2].tolist() == pytest.approx([0.04, 0.02, 0.194936], abs=1e-6)
    assert objects == [(0, [0]), (1, [1])] and loss == pytest.approx(0.109920, abs=1e-5)
    maps = object_maps(found, 0, behind[None])
    assert maps[0].tolist() == pytest.approx([-1, 0, -0.8, -0.804984], abs=3e-5)
    assert maps[1].tolist() == pytest.approx([0, -1, -0.6, -0.593295], abs=3e-5)


def test_one_find_without_others_costs_nothing():
    rows, behind, objects, loss, found = solved([[1, 0], [0.8, 0.6], [0, 1], [-0.6, 0.8]], [1, 0])
    assert behind[:2].tolist() == pytest.approx([0.09, -0.12], abs=1e-4)
    assert len(rows) == 1 and objects == [(0, [0])] and loss == 0
    assert object_maps(found, 0, behind[None])[0].tolist() == pytest.approx([0, -0.6, -1, -0.8], abs=1e-4)


def chain(between: dict) -> torch.Tensor:
    """Unit rows with these cosines."""
    table = torch.eye(3, dtype=torch.float64)
    for (one, other), value in between.items():
        table[one, other] = table[other, one] = value
    return torch.linalg.cholesky(table)


def test_finds_that_resemble_each_other_in_a_chain_are_one_object():
    rows = chain({(0, 1): 0.65, (1, 2): 0.65, (0, 2): 0.3})
    apart = torch.zeros(3, dtype=torch.float64)
    assert groups(rows, apart) == [(2, [0, 1, 2])]
    assert groups(rows, rows[1]) == [
        (0, [0]),
        (2, [2]),
    ]  # the one between them is background, and earlier than the last only
    rows = chain({(0, 1): 0.65, (0, 2): 0.65, (1, 2): 0.3})
    assert groups(rows, rows[0]) == [(2, [1, 2])]  # a background row before them joins two that are apart


def test_clips_that_have_ended_add_rows_of_zeros_that_count_among_the_others():
    one, similarity, behind = places_of([[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.2, 0.1, 0.974679]], [0.6, 0.8, 0])
    other, low, back = places_of([[1, 0, 0], [0.8, 0.6, 0], [0, 1, 0], [-0.6, 0.8, 0]], [1, 0, 0])
    both, levels = torch.cat([one, other]), torch.cat([similarity, low])
    found = identify(both, levels, torch.cat([behind, back]))
    assert found.rounds.tolist() == [3, 1] and found.rows.shape[:2] == (3, 2)
    assert (found.rows[1:, 1] == 0).all() and (found.rows[0, 1] != 0).any()
    assert object_loss(found.rows[:1, 1], back[0]) == 0 < object_loss(found.rows[:, 1], back[0])


@pytest.mark.parametrize("zeros", [0, 2])
def test_an_object_of_several_finds_is_drawn_to_their_mean_and_away_from_the_mean_of_all_others(zeros):
    rows, apart = chain({(0, 1): 0.65, (0, 2): 0.3, (1, 2): 0.3}), torch.tensor([0.0, 0.0, -0.1], dtype=torch.float64)
    rows = torch.cat([rows, torch.zeros(zeros, 3, dtype=torch.float64)])
    assert groups(rows, apart)[:2] == [(1, [0, 1]), (2, [2])]

    def pull(anchor, own, others):
        unit = [torch.nn.functional.normalize(part, dim=0) for part in (anchor, own, others + apart)]
        return 1 - unit[0] @ unit[1] + unit[0] @ unit[2]

    count = 1 + zeros  # rows of zeros are among the others, and objects without a loss
    first = pull(rows[1], (rows[0] + rows[1]) / 2, rows[2] / count)
    second = pull(rows[2], rows[2], (rows[0] + rows[1]) / (2 + zeros))
    torch.testing.assert_close(object_loss(rows, apart), first + second)


def test_without_queries_the_attention_is_the_mean_of_the_frame():
    attention = FlowAttention(16, 3)
    for parameter in attention.query.parameters():
        torch.nn.init.zeros_(parameter)
    frame = torch.randn(2, 16, 3, 4)
    expected = attention.value(frame).mean((2, 3), keepdim=True).expand(-1, -1, 3, 4)
    torch.testing.assert_close(attention(frame, torch.randn(2, 3, 3, 4)), expected)


def test_flow_pictures_hold_whole_pixels_of_motion_to_the_right_and_down_only(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (24, 24)).astype(np.uint8)
    first = torch.from_numpy(np.kron(noise, np.ones((4, 4), np.uint8))[None, :, :, None].repeat(3, 3))
    right = flow_pictures(first, first.roll(3, 2))[0, 32:64, 32:64]
    left = flow_pictures(first, first.roll(-3, 2))[0, 32:64, 32:64]
    assert right[..., 0].float().median() == 3 and right[..., 2].max() == 0
    assert left[..., 0].float().median() == 0
    moved = np.full((96, 96, 2), (-3.2, 2.6), np.float32)
    monkeypatch.setattr("cv2.calcOpticalFlowFarneback", lambda *_: moved)
    assert flow_pictures(first, first)[0, 0, 0].tolist() == [0, 3, 0]  # of whole pixels, none to the left
    assert flow_pictures(first, first, signed=True)[0, 0, 0].tolist() == [128 - 26, 128 + 21, 0]
    seen = small().motion(torch.full((1, 40, 40, 3), 3, dtype=torch.uint8))
    assert seen.mean().item() == pytest.approx(3 / 255, abs=1e-6)
    monkeypatch.undo()
    right, left = (
        flow_pictures(first, first.roll(by, 2), signed=True)[0, 32:64, 32:64, 0].float().median() for by in (3, -3)
    )
    assert right == 128 + 3 * 8 and left == 128 - 3 * 8  # with a sign, in eighths of a pixel


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> avloc.Store:
    return avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("noprior") / "store")).split("train")


def small(**options) -> NoPrior:
    torch.manual_seed(0)
    views = {
        "frame": FrameView(size=32, resize=36, augment=False),
        "sound": LogMel(rate=RATE, n_fft=128, hop=80, mels=16),
    }
    return NoPrior(**views | {"visual": SMALL, "audio": SMALL, "flow_encoder": SMALL, "frozen": False} | options)


def test_motion_is_cut_as_the_frame_is_and_refused_where_clips_have_one_frame(store):
    method = small()
    batch = next(Loader(store, method, torch.device("cpu")).training(4, 0, 0))
    assert batch.motion.shape == (4, 2, 32, 32)
    still = small(flow="none")
    same = next(Loader(store, still, torch.device("cpu")).training(4, 0, 0))
    assert same.motion is None and torch.equal(same.frame, batch.frame) and torch.equal(same.sound, batch.sound)

    class OneFrame:
        frames_per_clip, path = 1, "data/store"
        videos, labels, classes = store.videos, store.labels, store.classes

    with pytest.raises(DataError, match="data/store has one frame for each clip, so no optical flow"):
        Loader(OneFrame(), method, torch.device("cpu"))


def test_mixtures_put_frames_one_above_the_other_and_average_spectrograms(store):
    method = small(mixture=3)
    batch = next(Loader(store, method, torch.device("cpu")).training(7, 0, 0))
    mixed = method.mixed(batch)
    assert mixed.frame.shape == (2, 3, 96, 32) and mixed.motion.shape == (2, 2, 96, 32)
    torch.testing.assert_close(mixed.sound[1], (batch.sound[1] + batch.sound[3] + batch.sound[5]) / 3)
    assert torch.equal(mixed.frame[0, :, 32:64], batch.frame[2])
    assert set(method.loss(batch)) == {"contrast", "objects"}


def test_signed_flow_is_zero_where_nothing_moves_and_negative_to_the_left():
    view, still = small(flow="signed").motion, torch.full((1, 40, 40, 3), 128, dtype=torch.uint8)
    assert view(still)[:, :2].abs().max() < 1e-6 and view(still - 8)[:, :2].max() < -0.03
    assert small(flow="frames").motion(still).min() > 0.5
    assert small(flow="signed").signed_motion and not small().signed_motion


def test_mixtures_may_be_heard_as_their_mixed_waveforms_in_training_and_in_tests(store):
    method = small(mixture=3, mix="waveforms")
    batch = next(Loader(store, method, torch.device("cpu")).training(7, 0, 0))
    mixed = method.mixed(batch)
    torch.testing.assert_close(mixed.sound, method.sound(mixed.waveform))
    torch.testing.assert_close(mixed.waveform[1], (batch.waveform[1] + batch.waveform[3] + batch.waveform[5]) / 3)
    assert not torch.allclose(mixed.sound, one_above_the_other([batch, batch]).sound[:2])
    rows = [Plan(np.array([clip]), np.zeros(1, np.int64)) for clip in (0, 3)]
    plan = Plan(rows[0].clips, rows[0].picks, under=(rows[1],))
    (tested,) = Loader(store, method, torch.device("cpu")).of(plan, 1)
    (other,) = Loader(store, small(), torch.device("cpu")).of(plan, 1)
    torch.testing.assert_close(tested.sound, method.sound(other.waveform))
    assert torch.equal(tested.frame, other.frame) and not torch.allclose(tested.sound, other.sound)
    assert method.sound_encoder() is None  # features of single sounds cannot be those of mixed waveforms
    bare = Batch(batch.frame, batch.sound)
    with pytest.raises(DataError, match=r"model\.mix is waveforms, but the store holds spectrograms: set it to spectr"):
        method.mixed(bare)


def test_a_short_background_can_be_told_to_call_nothing_background():
    features, similarity, behind = places_of([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [0.6, 0.8, 0])
    found = identify(features, similarity, behind)
    rows = found.rows[:, 0]
    assert behind[0].norm() < 3e-4 and groups(rows, behind[0]) == [(0, [0])]
    assert groups(rows, behind[0], least=3e-4) == [(0, [0]), (1, [1])]
    assert object_loss(rows, behind[0], least=3e-4) != object_loss(rows, behind[0])
    assert len(object_maps(found, 0, behind, least=3e-4)) == 2 and len(object_maps(found, 0, behind)) == 1


@pytest.mark.parametrize(
    ("warmup", "expected"), [(0, [("train", 6)]), (2, [("warmup", 2), ("train", 4)]), (9, [("warmup", 6)])]
)
def test_a_warm_up_trains_the_contrast_only(store, warmup, expected):
    method = small(warmup=warmup)
    plan = method.phases(Train(epochs=6))
    assert [(phase.name, phase.epochs) for phase in plan] == expected
    assert len({id(optimizer) for phase in plan for optimizer in phase.optimizers}) == 1
    batch = next(Loader(store, method, torch.device("cpu")).training(5, 0, 0))
    terms = plan[0].objective(batch)
    assert set(terms) == ({"contrast"} if warmup else {"contrast", "objects"})
    torch.testing.assert_close(terms["contrast"], method.loss(batch)["contrast"])


def test_frozen_eyes_learn_nothing_and_their_norms_move_as_released_unless_told_not_to(store):
    batch = next(Loader(store, small(), torch.device("cpu")).training(5, 0, 0))
    for moving in (True, False):
        method = small(frozen=True, moving_norms=moving).train()
        before = method.visual.bn1.running_mean.clone()
        torch.stack(list(method.loss(batch).values())).sum().backward()
        assert method.visual.conv1.weight.grad is None and method.flow_encoder.conv1.weight.grad is not None
        assert torch.equal(before, method.visual.bn1.running_mean) != moving
        learning = method.phases(Train())[0].optimizers[0].param_groups[0]["params"]
        assert all(parameter.requires_grad for parameter in learning)


def test_a_ten_second_clip_is_heard_in_its_middle():
    view = LogStft(rate=22_050, seconds=3.0)
    sounds = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, 220_500)).astype(np.float32))
    assert view(sounds).shape == (1, 1, 257, 276)
    torch.testing.assert_close(view(sounds), view(sounds[:, 77_175:143_325]))
    silent, loud = torch.full((1, 1, 2, 2), -24 / 12), torch.zeros(1, 1, 2, 2)
    assert one_above_the_other([Batch(loud, silent), Batch(loud, loud)]).sound.unique().tolist() == [-1]


def test_clips_have_as_many_maps_as_objects_and_nan_for_the_rest(store):
    method = small(maps="objects").eval()
    batch = next(Loader(store, method, torch.device("cpu")).training(6, 0, 0))
    with torch.no_grad():
        maps = method.locate(batch)
    there = maps.isfinite().flatten(2)
    assert torch.equal(there.all(2), there.any(2)) and (maps[there.view_as(maps)] <= 0).all()
    wide, narrow = torch.zeros(2, 3, 1, 1), torch.ones(1, 1, 1, 1)
    assert joined([wide, narrow]).shape == (3, 3, 1, 1) and joined([wide, narrow])[2].isnan().sum() == 2


def test_the_authors_checkpoint_fills_the_stage(tmp_path):
    state = resnet_state("imgnet", 3) | resnet_state("audnet", 1) | resnet_state("flownet", 2)
    for part, channels in (("query", 64), ("key", 64), ("value", 512)):
        state[f"flowatt.{part}_conv.weight"] = filled((channels, 512, 1, 1), 1)
        state[f"flowatt.{part}_conv.bias"] = filled((channels,), 1)
    assert len(state) == 366
    torch.save({"state_dict": {f"model.{name}": value for name, value in state.items()}}, tmp_path / "last.ckpt")
    one = avloc.import_weights("noprior", 1, tmp_path / "last.ckpt")
    torch.testing.assert_close(one.attention.key.weight, state["flowatt.key_conv.weight"])
    torch.testing.assert_close(one.flow_encoder.conv1.weight, state["flownet.conv1.weight"])
    assert sum(value.numel() for value in one.parameters()) == 33_848_448
    assert math.isclose(22_671_936, sum(value.numel() for value in one.parameters() if value.requires_grad))
    with pytest.raises(AvlocError, match="noprior has 1 stage: there is no stage 2; give another --stage"):
        avloc.import_weights("noprior", 2, tmp_path / "last.ckpt")
