"""Hard Way, EZ-VSL and visual context: their losses against plain loops, their maps, the authors' checkpoints."""

import math

import pytest
import torch
from torch.nn import functional as F

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.methods import ez_vsl, hard_way, visual_context
from avloc.methods.ez_vsl import EzVsl
from avloc.methods.hard_way import HardWay
from avloc.methods.visual_context import VisualContext
from avloc.nn.encoders import Backbone

SMALL = Backbone((4, 8), (1, 1), (1, 2))
B = 4


def cell_maps(seed: int, low: float = -0.2, high: float = 0.95) -> torch.Tensor:
    """Cosines (B, B, 3, 3) as a trained model might give them."""
    return low + (high - low) * torch.rand(B, B, 3, 3, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        frame=torch.randn(B, 3, 48, 48, generator=generator), sound=torch.randn(B, 1, 64, 40, generator=generator)
    )


def small(method, **options):
    torch.manual_seed(0)
    return method(visual=SMALL, audio=SMALL, **options).eval()


def logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def plain_logits(similarity: torch.Tensor, tri_map: bool, hard: bool, self_factor: float | None) -> list[list[float]]:
    """Section 4 of the method in loops over cells."""
    rows = []
    for i in range(B):
        own = similarity[i, i].flatten().tolist()
        sure = [logistic((a - 0.65) / 0.03) for a in own]
        ground = [1 - logistic((a - 0.40) / 0.03) for a in own] if tri_map else [1 - m for m in sure]
        positive = sum(m * a for m, a in zip(sure, own, strict=True)) / sum(sure)
        row = [positive]
        for j in range(B):
            cells = similarity[i, j].flatten().tolist()
            weights = [logistic((a - 0.65) / 0.03) for a in cells]
            easy = sum(w * a for w, a in zip(weights, cells, strict=True)) / sum(weights)
            row.append(easy if i != j else (-math.inf if self_factor is None else self_factor * easy))
        if hard:
            row.append(sum(m * a for m, a in zip(ground, own, strict=True)) / sum(ground))
        rows.append([value / 0.07 for value in row])
    return rows


@pytest.mark.parametrize("tri_map", [True, False])
@pytest.mark.parametrize("hard", [True, False])
@pytest.mark.parametrize(("own_pair", "factor"), [("excluded", None), ("published", -99.0)])
def test_tri_map_logits_are_those_of_the_formulas(tri_map, hard, own_pair, factor):
    method = small(HardWay, tri_map=tri_map, hard_negatives=hard, own_pair=own_pair)
    similarity = cell_maps(1)
    found = method.logits(similarity)
    assert found.shape == (B, B + 1 + hard)
    torch.testing.assert_close(
        found, torch.tensor(plain_logits(similarity, tri_map, hard, factor)), rtol=1e-4, atol=1e-4
    )


def test_a_published_own_pair_explodes_when_its_score_is_negative_and_an_excluded_one_does_not():
    similarity = cell_maps(2, low=-0.9, high=-0.5)
    published = small(HardWay, own_pair="published").logits(similarity)
    excluded = small(HardWay).logits(similarity)
    zeros = torch.zeros(B, dtype=torch.long)
    assert torch.nn.functional.cross_entropy(published, zeros) > 500
    assert torch.nn.functional.cross_entropy(excluded, zeros) < 10


@pytest.mark.parametrize("level", [0.0, 0.99, 1.0])
def test_masks_that_vanish_leave_a_finite_loss_and_gradient(level):
    similarity = torch.full((B, B, 3, 3), level, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(small(HardWay).logits(similarity), torch.zeros(B, dtype=torch.long))
    loss.backward()
    assert math.isfinite(loss.item()) and similarity.grad.isfinite().all()


@pytest.mark.parametrize(("pool", "expected"), [("mean", 0.25), ("max", 1.0)])
def test_easy_negatives_may_be_pooled_by_mean_or_maximum(pool, expected):
    similarity = torch.zeros(2, 2, 2, 2)
    similarity[0, 1, 0, 0] = 1.0
    found = small(HardWay, easy_pool=pool).logits(similarity)
    assert found[0, 2].item() == pytest.approx(expected / 0.07)


def test_ez_vsl_contrasts_best_places_both_ways(batch):
    method = small(EzVsl, dim=6, tau=0.1)
    with torch.no_grad():
        frames, sounds, terms = method.see(batch), method.hear(batch), method.loss(batch)
    scores = [
        [max((frames[i, :, y, x] @ sounds[j]).item() for y in range(6) for x in range(6)) / 0.1 for j in range(B)]
        for i in range(B)
    ]
    frame = sum(math.log(sum(math.exp(s) for s in scores[i])) - scores[i][i] for i in range(B)) / B
    sound = sum(math.log(sum(math.exp(scores[j][i]) for j in range(B))) - scores[i][i] for i in range(B)) / B
    assert terms["frames"].item() == pytest.approx(frame, rel=1e-4)
    assert terms["sounds"].item() == pytest.approx(sound, rel=1e-4)


@pytest.mark.parametrize("guided_at", ["frame", "map"])
def test_ez_vsl_maps_are_guided_by_objects_where_there_is_an_encoder_of_them(batch, guided_at):
    plain, guided = small(EzVsl, dim=6), small(EzVsl, dim=6, objects=SMALL, alpha=0.4, guided_at=guided_at)
    guided.load_state_dict(plain.state_dict(), strict=False)
    with torch.no_grad():
        alone, objects, both = plain.locate(batch), guided.look(batch), guided.locate(batch)
    assert plain.look(batch) is None and objects.min() >= 0

    def scaled(maps):
        return torch.stack([(one - one.min()) / (one.max() - one.min()) for one in maps])

    if guided_at == "frame":
        alone, objects = (
            F.interpolate(one, batch.frame.shape[2:], mode="bilinear", align_corners=True) for one in (alone, objects)
        )
    torch.testing.assert_close(both, 0.4 * scaled(alone) + 0.6 * scaled(objects))
    assert not any(parameter.requires_grad for parameter in guided.objects.parameters())
    assert not guided.train().objects.training


def plain_visual_context(method: VisualContext, batch: Batch) -> dict[str, float]:
    """Sections 3 and 4 of the method, clip by clip."""
    features, heard = method.visual(batch.frame), method.audio(batch.sound).amax((2, 3))
    heard = heard / heard.norm(dim=1, keepdim=True)
    kernel = method.reason.weight[:, :, 0, 0]
    location = discrimination = divergence = 0.0
    for i in range(B):
        cells = features[i].flatten(1)  # (C, cells)
        unit = cells / cells.norm(dim=0).clamp(min=1e-12)
        scores = torch.stack([(method.scale * (unit.T @ heard[j])).max() for j in range(B)])
        location += scores.logsumexp(0) - scores[i]
        maps = kernel @ cells  # (K, cells)
        nodes = maps @ cells.T  # (K, C)
        alike = (nodes / nodes.norm(dim=1, keepdim=True)) @ heard[i]
        order = alike.argsort(descending=True)
        p, q = alike[order[: method.foreground]].mean(), alike[order[-method.background :]].mean()
        discrimination += (1 + (q - p).exp()).log()
        first = maps[order[: method.foreground]].mean(0).softmax(0)
        second = (method.scale * (unit.T @ heard[i])).softmax(0)
        middle = (first + second) / 2
        divergence += 0.5 * ((first * (first / middle).log()).sum() + (second * (second / middle).log()).sum())
    return {
        "localization": location.item() / B,
        "discrimination": 0.1 * discrimination.item() / B,
        "divergence": 0.1 * divergence.item() / B,
    }


def test_visual_context_minimises_the_three_losses_of_the_paper(batch):
    method = small(VisualContext, nodes=6, foreground=2, background=3, scale=4.0)
    with torch.no_grad():
        found = {name: term.item() for name, term in method.loss(batch).items()}
        expected = plain_visual_context(method, batch)
    assert found == pytest.approx(expected, rel=1e-4)


def test_the_base_model_learns_by_localization_alone_and_has_no_map_without_sound(batch):
    method = small(VisualContext, reasoning=False)
    assert set(method.loss(batch)) == {"localization"} and method.look(batch) is None


def test_purely_visual_maps_are_the_mean_of_the_nodes_asked_for(batch):
    every, two = (
        small(VisualContext, nodes=4, foreground=2, background=2),
        small(VisualContext, nodes=4, foreground=2, background=2, deaf_nodes=(0, 3)),
    )
    with torch.no_grad():
        maps = every.reason(every.visual(batch.frame))
        torch.testing.assert_close(every.look(batch), maps.mean(1, keepdim=True))
        torch.testing.assert_close(two.look(batch), maps[:, [0, 3]].mean(1, keepdim=True))


def test_nodes_that_are_not_there_are_refused():
    with pytest.raises(AvlocError, match="deaf_nodes names node 4: the reasoning module has 4 nodes"):
        small(VisualContext, nodes=4, foreground=2, background=2, deaf_nodes=(4,))
    with pytest.raises(AvlocError, match="foreground 8, background 8: the reasoning module has 4 nodes"):
        small(VisualContext, nodes=4)


def published_state(method: str) -> dict[str, torch.Tensor]:
    """A state dict with the authors' names and shapes, filled by a formula; a stride changes no shape."""
    from torchvision.models import resnet18

    shapes = {name: tuple(value.shape) for name, value in resnet18().state_dict().items()}
    state: dict[str, tuple[int, ...]] = {}
    for network in ("imgnet", "audnet"):
        if method == "ez_vsl":
            own = {name: shape for name, shape in shapes.items() if not name.startswith("fc.")}
            own["conv1.weight"] = (64, 3 if network == "imgnet" else 1, 7, 7)
        else:
            own = shapes | {"conv1_a.weight": (64, 1, 7, 7), "conv1_flow.weight": (64, 6, 7, 7)}
        state |= {f"{network}.{name}": shape for name, shape in own.items()}
    if method == "ez_vsl":
        state |= {"img_proj.weight": (512, 512, 1, 1), "img_proj.bias": (512,)}
        state |= {"aud_proj.weight": (512, 512), "aud_proj.bias": (512,)}
    if method == "visual_context":
        state |= {"scale": (1,), "gluenet.conv_proj.weight": (16, 512, 1, 1)}
    return {f"module.{name}": filled(name, shape, number) for number, (name, shape) in enumerate(state.items())}


def filled(name: str, shape: tuple[int, ...], number: int) -> torch.Tensor:
    if "num_batches" in name:
        return torch.tensor(7)
    values = torch.sin(torch.arange(math.prod(shape), dtype=torch.float32) * 0.7 + number).reshape(shape)
    return values.abs() + 0.5 if len(shape) == 1 else values / math.prod(shape[1:]) ** 0.5


@pytest.mark.parametrize(
    ("method", "entries", "wrapper"),
    [("hard_way", 248, "model_state_dict"), ("visual_context", 250, None), ("ez_vsl", 244, "model")],
)
def test_the_authors_checkpoints_fill_our_stages(tmp_path, method, entries, wrapper):
    state = published_state(method)
    assert len(state) == entries
    path = tmp_path / "theirs.pth"
    torch.save({wrapper: state} if wrapper else state, path)
    one = avloc.import_weights(method, 1, path)
    torch.testing.assert_close(one.visual.conv1.weight, state["module.imgnet.conv1.weight"])
    stem = "conv1" if method == "ez_vsl" else "conv1_a"
    torch.testing.assert_close(one.audio.conv1.weight, state[f"module.audnet.{stem}.weight"])
    block = "layer4.1.bn2.running_var"
    torch.testing.assert_close(one.audio.state_dict()[block], state[f"module.audnet.{block}"])
    frame, sound = torch.randn(1, 3, 64, 64), torch.randn(1, 1, 257, 100)
    with torch.no_grad():
        maps = one.locate(Batch(frame=frame, sound=sound))
    assert maps.shape == (1, 1, *((2, 2) if method == "ez_vsl" else (4, 4))) and maps.isfinite().all()


def test_visual_contexts_contrast_knows_the_sign_of_nodes_that_the_mean_cancels(batch):
    """Two nodes, each the negative of the other: the one that fits the sound is foreground, the other background."""
    method = small(VisualContext, nodes=2, foreground=1, background=1, feature_dropout=0.0, deaf="contrast").train()
    assert "contrast" in method.state_dict() and not method.contrast.any()
    with torch.no_grad():
        row = method.hear(batch).mean(0)[:, None, None]  # a place counts by how well it fits the sounds
        method.reason.weight.copy_(torch.stack([row, -row]))
        seen = method.visual(batch.frame)
        fits = torch.einsum(
            "bchw,bc->b", torch.einsum("bchw,cij->bhw", seen, row).unsqueeze(1) * seen, method.hear(batch)
        )
        before = method.look(batch)
        method.loss(batch)
    wins = (fits > 0).float().mean().item()
    expected = 0.01 * (2 * wins - 1)
    torch.testing.assert_close(method.contrast, torch.tensor([expected, -expected]))
    assert not before.any() and (expected == 0 or method.look(batch).any())
    own = torch.einsum("bchw,cij->bhw", seen, row)[:, None]
    torch.testing.assert_close(method.look(batch), 2 * expected * own, rtol=1e-4, atol=1e-6)
    kept = method.contrast.clone()
    method.eval().loss(batch)  # a validation batch teaches nothing
    assert torch.equal(method.contrast, kept)


def test_visual_contexts_mean_of_nodes_is_kept_as_it_was_and_needs_no_further_weights():
    assert "contrast" not in small(VisualContext, nodes=4, foreground=2, background=2).state_dict()
    with pytest.raises(AvlocError, match="deaf is 'contrast', which weights all nodes"):
        small(VisualContext, nodes=4, foreground=2, background=2, deaf_nodes=(0,), deaf="contrast")


@pytest.mark.parametrize("method", ["hard_way", "visual_context", "ez_vsl"])
def test_a_checkpoint_of_something_else_is_refused_in_a_line(tmp_path, method):
    path = tmp_path / "other.pth"
    torch.save({"fc.weight": torch.zeros(2)}, path)
    with pytest.raises(AvlocError, match=r"not a checkpoint of .*: it has no .*; give the authors' \.pth file"):
        avloc.import_weights(method, 1, path)


@pytest.mark.parametrize("module", [hard_way, visual_context, ez_vsl])
def test_a_misfit_is_named(module):
    method = module.__name__.rpartition(".")[2]
    state = {name.removeprefix("module."): value for name, value in published_state(method).items()}
    state["imgnet.conv1.weight"] = torch.zeros(3)
    with pytest.raises(AvlocError, match=r"visual\.conv1\.weight is \(3,\), not \(64, 3, 7, 7\) \(1 in all\)"):
        module.import_state(state, 1, module.STAGES[0]())
