"""Coarse-to-fine against the formulas of its specification, and the authors' checkpoints."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

import avloc
from avloc.data.loader import Batch
from avloc.errors import AvlocError
from avloc.methods.coarse_to_fine import StageOne, StageTwo, arguments_of, import_state
from avloc.methods.coarse_to_fine.network import Stream
from avloc.nn.encoders import Backbone
from tests.methods.published_states import coarse_to_fine_keys

SMALL = Backbone(widths=(4, 6), blocks=(1, 1), strides=(1, 2))
B, C = 4, 3


def one(**options) -> StageOne:
    torch.manual_seed(0)
    return StageOne(**{"classes": C, "visual": SMALL, "audio": SMALL, **options})


def two(first: StageOne | None = None, **options) -> StageTwo:
    torch.manual_seed(1)
    stage = StageTwo(**{"dim": 5, "hidden": 7, **options})
    stage.start_from(first or one())
    return stage


@pytest.fixture
def batch() -> Batch:
    generator = torch.Generator().manual_seed(2)
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    frame = torch.randn(B, 3, 32, 32, generator=generator)
    return Batch(frame, torch.randn(B, 1, 40, 24, generator=generator), video=torch.arange(B), labels=labels)


def stream(seed: int, places: tuple[int, int]) -> Stream:
    generator = torch.Generator().manual_seed(seed)
    activation = torch.randn(B, C, *places, generator=generator)
    activation[0, 1] = -1  # a category that is active nowhere
    features = torch.randn(B, 6, *places, generator=generator)
    return Stream(features, 2 * torch.randn(B, C, generator=generator), activation.relu())


# stage one


def test_correspondence_is_the_published_head_on_every_pair(batch):
    first = one().eval()
    seen, heard = first.streams.see(batch.frame), first.streams.hear(batch.sound)
    v, a = seen.features.mean((2, 3)), heard.features.mean((2, 3))
    logits = first.streams.correspondence(v, a)
    for i in range(B):
        for j in range(B):
            torch.testing.assert_close(logits[i, j], first.streams.avc(torch.cat([a[i], v[j]])), rtol=1e-5, atol=1e-6)


def test_losses_of_stage_one(batch):
    first = one().eval()
    seen, heard = first.streams.see(batch.frame), first.streams.hear(batch.sound)
    found = first.loss(batch)
    for name, part in (("frame_class", seen), ("sound_class", heard)):
        total = 0.0
        for row, truth in zip(part.logits.tolist(), batch.labels.tolist(), strict=True):
            for logit, there in zip(row, truth, strict=True):
                likely = 1 / (1 + math.exp(-logit))
                total -= math.log(likely if there else 1 - likely)
        assert found[name].item() == pytest.approx(total / (B * C), rel=1e-5)
    logits = first.streams.correspondence(seen.features.mean((2, 3)), heard.features.mean((2, 3)))
    own, foreign = [], []
    for i in range(B):
        for j in range(B):
            value = F.cross_entropy(logits[i, j][None], torch.tensor([int(i == j)])).item()
            (own if i == j else foreign).append(value)
    assert found["correspondence"].item() == pytest.approx(0.5 * np.mean(own) + 0.5 * np.mean(foreign), rel=1e-5)


def test_class_logits_are_the_heads_of_mean_features(batch):
    streams = one().eval().streams
    seen = streams.see(batch.frame)
    mean = seen.features.mean((2, 3))
    torch.testing.assert_close(seen.logits, mean @ streams.class_v.weight[:, :, 0, 0].T, rtol=1e-4, atol=1e-5)
    assert (seen.activation >= 0).all()


def test_clips_of_one_video_are_no_negatives_and_a_batch_of_one_is_finite(batch):
    first = one().eval()
    batch.video = torch.zeros(B, dtype=torch.long)
    seen, heard = first.streams.see(batch.frame), first.streams.hear(batch.sound)
    logits = first.streams.correspondence(seen.features.mean((2, 3)), heard.features.mean((2, 3)))
    own = torch.stack([-logits[i, i].log_softmax(0)[1] for i in range(B)]).mean()
    torch.testing.assert_close(first.loss(batch)["correspondence"], own)
    single = Batch(batch.frame[:1], batch.sound[:1], video=batch.video[:1], labels=batch.labels[:1])
    assert all(torch.isfinite(term) for term in first.loss(single).values())


def test_pseudo_labels_come_before_tags_and_must_fit(batch):
    first = one()
    assert first.targets(batch)[0].tolist() == batch.labels.float().tolist()
    batch.sound_scores, batch.frame_scores = torch.full((B, C), 0.25), torch.full((B, C), 0.75)
    sound, frame = first.targets(batch)
    assert (sound == 0.25).all() and (frame == 0.75).all()
    with pytest.raises(AvlocError, match=r"the labels have 3 classes, the model 7; set model.classes to 3"):
        one(classes=7).targets(batch)


# maps


def plain_fusion(maps: Tensor, logits: Tensor, twice: bool) -> Tensor:
    out = []
    for clip in range(len(maps)):
        likely = [1 / (1 + math.exp(-value)) for value in logits[clip].tolist()]
        likely = [1 / (1 + math.exp(-value)) for value in likely] if twice else likely
        best = max(range(C), key=lambda c: likely[c])
        chosen = [c for c in range(C) if likely[c] > 0.3 or c == best]
        fused = sum(likely[c] * maps[clip, c] for c in chosen) / sum(likely[c] for c in chosen)
        out.append(fused / fused.max())
    return torch.stack(out)[:, None]


@pytest.mark.parametrize("twice", [False, True], ids=["one sigmoid", "two sigmoids"])
def test_the_fused_map(twice):
    maps, logits = torch.rand(B, C, 3, 4), torch.tensor([[-3.0, -2, -4], [2, -0.5, -3], [0.1, 0.2, 0.3], [5, -5, 5]])
    found = one(double_sigmoid=twice).shown(maps, logits)
    torch.testing.assert_close(found, plain_fusion(maps, logits, twice))


def test_maps_of_classes_are_those_of_the_categories_heard():
    maps, logits = torch.rand(2, C, 3, 4), torch.tensor([[3.0, -3, 0.5], [-4, -3, -5]])
    found = one(maps="classes").shown(maps, logits)
    likely = logits.sigmoid()
    torch.testing.assert_close(found[0, 0], likely[0, 0] * maps[0, 0])
    assert not found[0, 1].any() and not found[1, 0].any() and not found[1, 2].any()
    torch.testing.assert_close(found[1, 1], likely[1, 1] * maps[1, 1])


def test_a_map_of_zeros_stays_finite():
    assert not one().shown(torch.zeros(1, C, 2, 2), torch.zeros(1, C)).any()


# stage two


def plain_disentangled(part: Stream, project: torch.nn.Module) -> list[list[Tensor]]:
    out = []
    for n in range(B):
        row = []
        for c in range(C):
            weight = part.activation[n, c].double()
            vector = (part.features[n].double() * weight).mean((1, 2)) / (weight.sum() + 1e-10)
            row.append(F.normalize(project(vector.float()[None, :, None])[0, :, 0], dim=0))
        out.append(row)
    return out


def test_the_alignment_loss():
    stage = two()
    seen, heard = stream(3, (4, 4)), stream(4, (5, 2))
    with torch.no_grad():
        v, a = plain_disentangled(seen, stage.project_v), plain_disentangled(heard, stage.project_a)
    assert a[0][1].abs().max() == 0
    near = far = 0.0
    near_count = far_count = 0.0
    for i in range(B * C):
        for j in range(B * C):
            (n, c), (m, d) = divmod(i, C), divmod(j, C)
            squared = 2 - 2 * float(a[n][c] @ v[m][d])
            counted = float(heard.logits[n, c].sigmoid() > 0.3) * float(seen.logits[m, d].sigmoid() > 0.3)
            if i == j:
                near, near_count = near + squared * counted, near_count + counted
            else:
                far += max(0.0, 1.4 - math.sqrt(max(squared, 0.0))) ** 2 * counted
                far_count += counted
    extra = (B * C) ** 2 * 1e-10
    expected = near / (near_count + extra) + far / (far_count + extra)
    assert stage.alignment(seen, heard).item() == pytest.approx(expected, rel=1e-5)


def test_the_activation_learns_nothing_from_the_alignment(batch):
    stage = two(confidence=0.0)
    seen, heard = stage.coarse.streams.see(batch.frame), stage.coarse.streams.hear(batch.sound)
    stage.alignment(seen, heard).backward()
    assert stage.coarse.streams.class_v.weight.grad is None and stage.project_v[0].weight.grad.abs().sum() > 0
    assert all(torch.isfinite(p.grad).all() for p in stage.parameters() if p.grad is not None)


def test_equal_embeddings_have_finite_gradients():
    """The root of a distance of zero has none, even where nothing asks for it."""
    stage = two(confidence=0.0)
    seen = stream(3, (4, 4))
    stage.project_a = stage.project_v
    features = seen.features.requires_grad_()
    same = Stream(features, seen.logits, seen.activation)
    stage.alignment(same, same).backward()
    assert torch.isfinite(features.grad).all()


def test_the_localization_map(batch):
    stage = two(one(maps="classes")).eval()
    with torch.no_grad():
        found = stage.locate(batch)
        streams = stage.coarse.streams
        heard, features = streams.hear(batch.sound), streams.visual(batch.frame)
        sources = plain_disentangled(heard, stage.project_a)
        likely = heard.logits.sigmoid()
        for n in range(B):
            for c in range(C):
                there = likely[n, c] > 0.3 or c == int(likely[n].argmax())
                for y in range(features.shape[2]):
                    for x in range(features.shape[3]):
                        place = F.normalize(stage.project_v(features[n, :, y, x][None, :, None])[0, :, 0], dim=0)
                        expected = float(likely[n, c] * (sources[n][c] @ place).relu()) if there else 0.0
                        assert found[n, c, y, x].item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


# checkpoints


@pytest.fixture(scope="module")
def keys() -> dict:
    return coarse_to_fine_keys()


def filled(shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    """Values by a formula, small enough to stay finite; norms stay norms."""
    state = {}
    for number, (name, shape) in enumerate(sorted(shapes.items())):
        count = math.prod(shape)
        values = torch.sin(torch.arange(count, dtype=torch.float32) * 0.37 + number).reshape(shape) * 0.05
        if "running_var" in name or (("bn" in name or "downsample.1" in name) and name.endswith("weight")):
            values = values + 1
        state[name] = torch.zeros(shape, dtype=torch.long) if name.endswith("num_batches_tracked") else values
    return state


def reference(state: dict[str, Tensor], modal: str, images: Tensor) -> Tensor:
    """Features of the authors' ResNet-18, written out: stem of the modality, four stages, the last of stride 1."""

    def conv(x: Tensor, name: str, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, state[f"{modal}.{name}.weight"], stride=stride, padding=padding)

    def norm(x: Tensor, name: str) -> Tensor:
        part = [state[f"{modal}.{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *part)

    x = norm(conv(images, "conv1" if modal == "vision" else "conv1_a", 2, 3), "bn1").relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for stage, stride in ((1, 1), (2, 2), (3, 2), (4, 1)):
        for block in (0, 1):
            name, step = f"layer{stage}.{block}", stride if block == 0 else 1
            y = norm(conv(x, f"{name}.conv1", step, 1), f"{name}.bn1").relu()
            y = norm(conv(y, f"{name}.conv2", 1, 1), f"{name}.bn2")
            if f"{modal}.{name}.downsample.0.weight" in state:
                x = norm(conv(x, f"{name}.downsample.0", step, 0), f"{name}.downsample.1")
            x = (x + y).relu()
    return x


@pytest.mark.parametrize(("number", "name"), [(1, "simplified_MTask"), (2, "simplified_Align_and_Location")])
def test_the_authors_checkpoint_is_read_and_computed(keys, number, name):
    state = filled(keys[name])
    assert len(state) == {1: 252, 2: 256}[number]
    arguments = arguments_of(state)
    assert arguments[0] == {"classes": 7}
    first = StageOne(**arguments[0])
    stage = import_state(state, number, first, StageTwo(**arguments[1]) if number == 2 else None).eval()
    streams = (stage if number == 1 else stage.coarse).streams
    generator = torch.Generator().manual_seed(0)
    frame, sound = torch.randn(1, 3, 256, 256, generator=generator), torch.randn(1, 1, 251, 64, generator=generator)
    with torch.no_grad():
        seen, heard = streams.see(frame), streams.hear(sound)
        assert seen.features.shape == (1, 512, 16, 16) and heard.features.shape == (1, 512, 16, 4)
        torch.testing.assert_close(seen.features, reference(state, "vision", frame), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(heard.features, reference(state, "audio", sound), rtol=1e-4, atol=1e-5)
        maps = stage.locate(Batch(frame, sound))
    assert maps.shape == (1, 1, 16, 16) and torch.isfinite(maps).all()
    if number == 2:
        assert torch.equal(stage.project_a[2].weight, state["project_a.2.weight"])


def test_a_checkpoint_of_the_other_stage_is_refused(keys):
    state = filled(keys["simplified_MTask"])
    with pytest.raises(AvlocError, match=r"this checkpoint is from stage 1 .*import it with --stage 1"):
        import_state(state, 2, StageOne(), StageTwo())
    with pytest.raises(AvlocError, match="not a checkpoint of coarse-to-fine"):
        arguments_of({"weight": torch.zeros(1)})


def test_the_module_is_public():
    assert issubclass(StageOne, avloc.Localizer) and issubclass(StageTwo, avloc.Localizer)


# ours


def test_the_contrast_of_places_sets_a_sound_against_frames_without_its_category(batch):
    stage = two(places=1.0, place_pool=0.3).eval()
    seen, heard = stage.coarse.streams.see(batch.frame), stage.coarse.streams.hear(batch.sound)
    found = stage.contrast_of_places(batch, seen, heard)
    sources = plain_disentangled(heard, stage.project_a)
    places = F.normalize(stage.project_v(seen.features.flatten(2)), dim=1)
    own, foreign = [], []
    for sound in range(B):
        category = int(heard.logits[sound].argmax())
        for frame in range(B):
            alike = (sources[sound][category] @ places[frame]).sort(descending=True).values
            score = alike[: max(1, round(0.3 * len(alike)))].mean()
            logit = stage.agreement(score[None]).squeeze()
            if sound == frame:
                own.append(F.softplus(-logit))
            elif not batch.labels[frame, category]:
                foreign.append(F.softplus(logit))
    expected = 0.5 * torch.stack(own).mean() + (0.5 * torch.stack(foreign).mean() if foreign else 0)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_an_activated_map_is_dark_where_the_category_is_not_active(batch):
    first = one(maps="classes")
    plain, activated = two(first).eval(), two(first, activated=True).eval()
    with torch.no_grad():
        maps, found = plain.locate(batch), activated.locate(batch)
        active = plain.coarse.streams.see(batch.frame).activation
    assert not found[active == 0].any() and (found <= maps + 1e-6).all() and not torch.equal(found, maps)
