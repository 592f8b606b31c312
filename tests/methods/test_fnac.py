"""FNAC: its four terms by hand, its warm-up, its masks, and the authors' checkpoint."""

import math

import numpy as np
import pytest
import torch

import avloc
from avloc.data.loader import Batch
from avloc.data.log_stft import LogStft
from avloc.data.spectra import masked
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.fnac import Fnac
from avloc.nn.encoders import Backbone
from tests.methods.published_states import filled, resnet_state

SMALL = Backbone((4, 8), (1, 1), (1, 2))


def small(**options) -> Fnac:
    torch.manual_seed(0)
    return Fnac(visual=SMALL, audio=SMALL, **{"dim": 6, "tau": 0.1, "frame_dropout": 0.0} | options)


class Given(Fnac):
    """Its features are those of the batch: frames (B, C, h, w) and sounds (B, C)."""

    def see(self, batch: Batch) -> torch.Tensor:
        return batch.frame

    def hear(self, batch: Batch) -> torch.Tensor:
        return batch.sound


def given(places: list, sounds: list) -> Batch:
    """places: of each clip, a vector a place."""
    frames = torch.tensor(places, dtype=torch.float64).movedim(1, 2)[:, :, None]
    return Batch(frame=frames, sound=torch.tensor(sounds, dtype=torch.float64))


def terms_of(batch: Batch, tau: float = 1.0, **options) -> dict[str, float]:
    method = Given(visual=SMALL, audio=SMALL, tau=tau, **options)
    return {name: term.item() for name, term in method.loss(batch).items()}


def test_two_clips_of_one_place_have_the_terms_worked_out_by_hand():
    terms = terms_of(given([[[1, 0]], [[0, 1]]], [[1, 0], [0, 1]]))
    assert terms["frames"] + terms["sounds"] == pytest.approx(0.626523, abs=1e-6)
    assert terms["sound_neighbours"] == terms["frame_neighbours"] == 0.0
    assert terms["foregrounds"] == pytest.approx(23.1059, abs=1e-4)
    assert sum(terms.values()) == pytest.approx(23.732381, abs=1e-5)


def test_two_clips_of_two_places_have_the_terms_worked_out_by_hand():
    terms = terms_of(given([[[1, 0], [0, 1]], [[0, 1], [0, 1]]], [[1, 0], [0, 1]]))
    assert terms["frames"] + terms["sounds"] == pytest.approx(1.006409, abs=1e-6)
    assert terms["sound_neighbours"] == pytest.approx(11.5529, abs=1e-4)
    assert terms["foregrounds"] == pytest.approx(19.9970, abs=1e-4)
    assert terms["frame_neighbours"] == pytest.approx(5.4300, abs=1e-4)
    assert sum(terms.values()) == pytest.approx(37.986333, abs=1e-4)


def test_clips_that_are_all_alike_have_only_the_contrast():
    terms = terms_of(given([[[1, 0]]] * 4, [[1, 0]] * 4), tau=0.03)
    assert terms["frames"] + terms["sounds"] == pytest.approx(2 * math.log(4), rel=1e-6)
    assert terms["sound_neighbours"] == terms["foregrounds"] == terms["frame_neighbours"] == 0.0


def test_a_term_is_largest_where_rows_have_nothing_in_common():
    terms = terms_of(given([[[0, 1]], [[1, 0]]], [[1, 0], [0, 1]]), tau=0.001)  # each frame is the other's sound
    assert terms["sound_neighbours"] == pytest.approx(100 * 2 / 2)  # 2 / B times the weight


@pytest.mark.parametrize(("values", "places"), [((1, 0.6, 0), 1), ((1, 0.60002, 0), 2), ((0.5, 0.5, 0.5), 0)])
def test_the_foreground_exceeds_the_threshold_of_the_scaled_map(values, places):
    frames, maps = torch.ones(1, 2, 1, 3, dtype=torch.float64), torch.tensor([[values]], dtype=torch.float64)
    assert small().fronts(frames, maps).tolist() == [pytest.approx([places / 3] * 2)]


def test_gradients_flow_into_the_targets_unless_they_are_detached():
    def gradient_of(name: str, what: str, **options) -> float:
        batch = given([[[1, 0], [0.6, 0.8]], [[0, 1], [0.8, 0.6]]], [[0.8, 0.6], [0, 1]])
        for part in (batch.frame, batch.sound):
            part.requires_grad_()
        Given(visual=SMALL, audio=SMALL, tau=1.0, **options).loss(batch)[name].backward()
        found = getattr(batch, what).grad
        return 0.0 if found is None else found.abs().sum().item()

    assert gradient_of("foregrounds", "sound") > 0 and gradient_of("frame_neighbours", "sound") > 0
    assert gradient_of("sound_neighbours", "frame") > 0
    free, held = gradient_of("sound_neighbours", "sound"), gradient_of("sound_neighbours", "sound", detach=True)
    assert free != held and held > 0  # through the scores of the pairs, which are no target


@pytest.mark.parametrize(
    ("epochs", "expected"), [(30, [("warmup", 5), ("train", 25)]), (4, [("warmup", 4)]), (5, [("warmup", 5)])]
)
def test_the_warm_up_trains_the_contrast_only_and_shares_its_optimizer(epochs, expected):
    method = small()
    plan = method.phases(Train(epochs=epochs))
    assert [(phase.name, phase.epochs) for phase in plan] == expected
    assert len({id(optimizer) for phase in plan for optimizer in phase.optimizers}) == 1
    batch = Batch(frame=torch.randn(3, 3, 48, 48), sound=torch.randn(3, 1, 64, 40))
    assert set(plan[0].objective(batch)) == {"frames", "sounds"}
    assert set(method.loss(batch)) == {"frames", "sounds", "sound_neighbours", "foregrounds", "frame_neighbours"}
    torch.stack(list(method.loss(batch).values())).sum().backward()
    assert all(parameter.grad is not None for parameter in method.parameters())


def test_dropout_hides_nine_tenths_in_training_and_nothing_in_a_map():
    method = small(frame_dropout=0.9)
    batch = Batch(frame=torch.randn(2, 3, 48, 48), sound=torch.randn(2, 1, 64, 40))
    kept = method.train().frame_dropout(torch.ones(100_000))
    assert kept.unique().tolist() == pytest.approx([0.0, 10.0]) and (kept > 0).float().mean() == pytest.approx(
        0.1, abs=0.005
    )
    with torch.no_grad():
        assert torch.equal(method.eval().locate(batch), method.locate(batch))


def test_masks_cover_up_to_their_width_with_zeros_and_are_of_the_training_view_only():
    view = LogStft(seconds=3.0, masks=(9, 9), mask_starts="swapped")
    sounds = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (400, 48_000)).astype(np.float32))
    still, shown = view(sounds[:4]), view(sounds, torch.Generator().manual_seed(0))[:, 0]
    assert still.shape == (4, 1, 257, 200) and (still != 0).all()
    rows, columns = (shown == 0).all(2), (shown == 0).all(1)  # (B, 257), (B, 200)
    assert rows.sum(1).max() == 9 and columns.sum(1).max() == 9
    assert not rows[:, 209:].any()  # starts are drawn below 200, the number of times
    assert (rows.sum(1) == 0).float().mean() == pytest.approx(0.1, abs=0.05)  # a width of 0
    assert (columns.sum(1) == 0).float().mean() == pytest.approx(
        1 - 0.9 * 200 / 257, abs=0.07
    )  # or a start past the end
    both = (shown == 0).sum((1, 2))
    wide, long = rows.sum(1), columns.sum(1)
    assert torch.equal(both, wide * 200 + long * 257 - wide * long)


def test_a_mask_that_starts_on_its_own_axis_is_always_within_it():
    log = torch.ones(500, 20, 30)
    found = masked(log, 1, 5, 20, torch.Generator().manual_seed(0))
    rows = (found == 0).all(2)
    assert (rows.sum(1) == 0).float().mean() == pytest.approx(1 / 6, abs=0.05)
    assert {1, 2, 3, 4, 5} <= set(rows.sum(1).tolist()) and torch.equal(found == 0, rows[:, :, None].expand_as(found))


def test_the_authors_checkpoint_fills_the_stage_and_is_named_by_the_user(tmp_path):
    state = resnet_state("imgnet", 3) | resnet_state("audnet", 1)
    for part, shape in (("img", (512, 512, 1, 1)), ("aud", (512, 512))):
        state |= {f"{part}_proj.weight": filled(shape, 1), f"{part}_proj.bias": filled((512,), 2)}
    assert len(state) == 244
    torch.save({"model": state}, tmp_path / "best.pth")
    one = avloc.import_weights("fnac", 1, tmp_path / "best.pth")
    torch.testing.assert_close(one.sound_projection.weight, state["aud_proj.weight"])
    assert sum(value.numel() for value in one.parameters()) == 22_872_064
    torch.save({"model": {"img_proj.weight": torch.zeros(2)}}, tmp_path / "other.pth")
    with pytest.raises(AvlocError, match=r"not a checkpoint of FNAC: it has no aud_proj.weight"):
        avloc.import_weights("fnac", 1, tmp_path / "other.pth")
