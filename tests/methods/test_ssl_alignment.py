"""SSL-Alignment: its terms by hand, its views and partners, and the authors' checkpoint."""

import math

import pytest
import torch
from torch.nn import functional as F

import avloc
from avloc.data.loader import Batch, Loader
from avloc.data.views import AugmentedFrameView, FrameView, LogStft
from avloc.data.waveforms import excerpt, random_excerpt
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.ssl_alignment import SslAlignment
from avloc.nn.encoders import Backbone
from avloc.nn.similarity import log_sure
from avloc.nn.tagger import Tagger
from tests.engine.tiny import RATE, make_tiny_store
from tests.methods.published_states import filled, resnet_state

SMALL = Backbone((4, 8), (1, 1), (1, 2))
KINDS = ("own", "augmented", "near")


def small(**options) -> SslAlignment:
    torch.manual_seed(0)
    return SslAlignment(visual=SMALL, audio=SMALL, **{"neighbours": 3} | options)


def batch_of(count: int = 3, same: bool = False) -> Batch:
    """Clips with all their views; `same`: each is the first one."""
    generator = torch.Generator().manual_seed(0)
    frames, sounds = (torch.randn(3, count, *shape, generator=generator) for shape in ((3, 32, 32), (1, 64, 40)))
    if same:
        frames, sounds = (values[:, :1].expand_as(values) for values in (frames, sounds))
    named = {"frame": 0, "view2": 1, "partner_frame": 2}
    heard = {"sound": 0, "sound2": 1, "partner_sound": 2}
    return Batch(**{k: frames[n] for k, n in named.items()}, **{k: sounds[n] for k, n in heard.items()})


def with_cosines(rows: list, places: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit frames (B, A, 1, places) and sounds (A, A) with these inner products, a list of places or one number each."""
    table = torch.tensor(rows, dtype=torch.float64).reshape(len(rows), -1, 1, places)
    return table, torch.eye(table.shape[1], dtype=torch.float64)


def test_a_frame_fits_a_sound_by_the_places_that_are_sure():
    fit = small().fit_of_places
    assert fit(*with_cosines([[[0.8, 0.5]]], 2)).item() == pytest.approx(0.797992, abs=1e-6)
    assert fit(*with_cosines([[[0.3, 0.3]]], 2)).item() == pytest.approx(0.3, abs=1e-9)
    sure = log_sure(torch.tensor([0.65, 0.65 + 0.03 * math.log(3)], dtype=torch.float64), 0.65, 0.03).exp()
    assert sure.tolist() == pytest.approx([0.5, 0.75])


def test_frames_pick_sounds_and_sounds_pick_frames_only_when_asked():
    similarity = torch.tensor([[0.8, 0.5], [0.9, 0.6]], dtype=torch.float64)
    rows = (math.log1p(math.exp(-0.3 / 0.07)) + math.log1p(math.exp(0.3 / 0.07))) / 2
    assert rows == pytest.approx(2.156527, abs=1e-6)
    assert small()._contrast(similarity).item() == pytest.approx(2.156527, abs=1e-6)
    assert small(both_ways=True)._contrast(similarity).item() == pytest.approx(2.156527 + 0.929116, abs=1e-6)


@pytest.mark.parametrize(("count", "expected"), [(1, 0.0), (2, 12.476649), (16, 49.906597)])
def test_clips_that_are_all_alike_cost_the_logarithm_of_their_number_in_each_of_eighteen_terms(count, expected):
    terms = small().eval().loss(batch_of(count, same=True))
    assert set(terms) == {f"{kind}_{x}_{y}" for kind in ("places", "whole") for x in KINDS for y in KINDS}
    assert sum(term.item() for term in terms.values()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("gone", "whole", "expected"),
    [
        ((), False, 9),
        (("partner_frame", "partner_sound"), True, 8),
        (("partner_frame", "partner_sound", "view2", "sound2"), True, 2),
        (("view2",), True, 12),
    ],
)
def test_views_that_are_not_there_have_no_terms(gone, whole, expected):
    batch = batch_of()
    for name in gone:
        setattr(batch, name, None)
    assert len(small(whole=whole).loss(batch)) == expected


def test_whole_vectors_that_are_alike_have_a_logit_of_one_by_the_temperature():
    class Alike(SslAlignment):
        def _contrast(self, similarity):
            return similarity.diagonal().min() / self.temperature

    method = Alike(visual=SMALL, audio=SMALL, near=False).eval()
    method.audio, method.sound_projection = method.visual, method.frame_projection
    frames = batch_of().frame
    terms = method.loss(Batch(frame=frames, sound=frames))
    assert terms["whole_own_own"].item() == pytest.approx(14.2857, abs=1e-3)
    assert terms["places_own_own"].item() < 14.2857


def test_each_view_passes_through_the_networks_by_itself():
    method = small().train()
    method.loss(batch_of())
    assert method.visual.bn1.num_batches_tracked == 3 and method.audio.bn1.num_batches_tracked == 3


def test_every_parameter_learns_and_whole_frames_fit_as_their_projections_do():
    method = small()
    torch.stack(list(method.loss(batch_of()).values())).sum().backward()
    assert all(parameter.grad is not None for parameter in method.parameters())
    batch = batch_of()
    with torch.no_grad():
        frame, sound = method.eval().see(batch.frame), method.hear(batch.sound)
        torch.testing.assert_close(method.fits(batch), F.cosine_similarity(frame.whole, sound.whole))
        assert small(whole=False).fits(batch).shape == (3,)


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> avloc.Store:
    return avloc.Store.open(make_tiny_store(tmp_path_factory.mktemp("alignment") / "store")).split("train")


def listening(**options) -> SslAlignment:
    view = {"frame2": AugmentedFrameView(size=24, resize=28), "sound2": LogStft(rate=RATE, seconds=0.5, part="random")}
    own = {"frame": FrameView(size=24, resize=28), "sound": LogStft(rate=RATE, seconds=0.5)}
    return small(**own | view | options)


def test_training_hears_partners_of_the_lists_from_the_second_phase_on(store):
    method = listening(warmup=1)
    loader = Loader(store, method, torch.device("cpu"))
    before = next(loader.training(6, seed=0, epoch=0))
    assert before.partner_frame is None and before.view2 is not None and before.sound2 is not None
    assert before.sound2.shape == before.sound.shape and not torch.equal(before.sound2, before.sound)
    plan = method.phases(Train(epochs=4))
    assert [(phase.name, phase.epochs, phase.before is None) for phase in plan] == [
        ("warmup", 1, True),
        ("train", 3, False),
    ]

    def collect(function, split="train"):
        found = [function(batch) for batch in loader.in_order(6)]
        return {name: torch.cat([rows[name] for rows in found]) for name in found[0]}

    with torch.no_grad():
        plan[1].before(collect)
    lists = method.memory["frame_partners"]
    assert lists.shape == (len(store), 3) and (lists >= 0).all()
    videos = list(store.videos)
    assert all(videos[other] != videos[clip] for clip, row in enumerate(lists.tolist()) for other in row)
    after = next(loader.training(6, seed=0, epoch=0))
    assert after.partner_frame.shape == after.frame.shape and after.partner_sound.shape == after.sound.shape
    assert torch.equal(after.index, before.index) and torch.equal(after.frame, before.frame)  # nothing else moved
    assert len(method.loss(after)) == 18
    still = next(loader.in_order(6, seed=0))
    assert still.view2 is None and still.partner_frame is None and len(method.loss(still)) == 2


def test_pretrained_guides_find_similar_clips_and_do_not_learn(store):
    ears = Tagger("mobilenetv2", weights=None)
    method = listening(frame_guide=SMALL, sound=LogStft(rate=32000), sound2=None, sound_guide=ears)
    learning = {id(p) for group in method.phases(Train())[0].optimizers[0].param_groups for p in group["params"]}
    guides = [*method.frame_guide.parameters(), *method.sound_guide.parameters()]
    assert not any(id(parameter) in learning for parameter in guides)
    assert not method.train().sound_guide.training and method.needs.waveform
    rows = method._to_compare(
        Batch(torch.zeros(2, 3, 24, 24), torch.zeros(2, 1, 257, 9), torch.zeros(2, 32000), video=torch.arange(2))
    )
    assert rows["frame"].shape == (2, 8) and rows["sound"].ndim == 2
    with pytest.raises(AvlocError, match="one of frame_guide and sound_guide is set; give both, or neither"):
        listening(frame_guide=SMALL)


def test_a_ten_second_clip_is_heard_from_any_of_its_samples_in_training_and_in_its_middle_in_tests():
    view = LogStft(seconds=3.0, overlap=353, part="random")
    ramp = torch.linspace(-1, 1, 160_000).expand(4, -1)
    assert view(ramp).shape == (4, 1, 257, 299)
    torch.testing.assert_close(view(ramp), LogStft(seconds=3.0, overlap=353)(ramp))
    assert not torch.equal(view(ramp, torch.Generator().manual_seed(0)), view(ramp))
    numbers = torch.arange(160_000.0).expand(3000, -1)
    starts = random_excerpt(numbers, 48_000, torch.Generator().manual_seed(0))[:, 0]
    assert 0 <= starts.min() < 200 and 111_800 < starts.max() <= 111_999
    assert excerpt(numbers[:1], 48_000, "middle")[0, [0, -1]].tolist() == [56_000, 103_999]


def state_of(projections: bool) -> dict[str, torch.Tensor]:
    state = resnet_state("imgnet", 3) | resnet_state("audnet", 1)
    state["audnet.conv1_a.weight"] = state.pop("audnet.conv1.weight")
    for network, layers in (
        ("imgnet", {"conv1_a": 1, "conv1_flow": 6}),
        ("audnet", {"conv1": 3, "conv1_flow": 6}),
    ):
        state |= {f"{network}.{layer}.weight": filled((64, channels, 7, 7), 1) for layer, channels in layers.items()}
        state |= {f"{network}.fc.weight": filled((1000, 512), 1), f"{network}.fc.bias": filled((1000,), 1)}
    if projections:
        for part in ("img", "aud"):
            state |= {f"{part}_proj.weight": filled((512, 512), 1), f"{part}_proj.bias": filled((512,), 2)}
        state |= {"vision_fc1.weight": filled((512, 1024, 1, 1), 1), "vision_fc1.bias": filled((512,), 1)}
        state |= {"conv3.weight": filled((1, 1, 1, 1), 1), "conv3.bias": filled((1,), 1)}
        state |= {f"norm3.{name}": filled((1,), 1) for name in ("weight", "bias", "running_mean", "running_var")}
        state["norm3.num_batches_tracked"] = torch.tensor(7)
    return state


@pytest.mark.parametrize(("projections", "entries"), [(True, 261), (False, 248)])
def test_the_authors_checkpoint_fills_the_stage_with_and_without_projections(projections, entries, tmp_path):
    state = state_of(projections)
    assert len(state) == entries
    torch.save({"epoch": 3, "model_state_dict": state}, tmp_path / "model.pth.tar")
    one = avloc.import_weights("ssl_alignment", 1, tmp_path / "model.pth.tar")
    torch.testing.assert_close(one.audio.conv1.weight, state["audnet.conv1_a.weight"])
    assert (one.sound_projection is None) != projections
    if projections:
        torch.testing.assert_close(one.sound_projection.weight, state["aud_proj.weight"])
