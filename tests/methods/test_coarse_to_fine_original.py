"""The original version of coarse-to-fine against the formulas of its specification, written out in loops."""

import math

import pytest
import torch
from torch import Tensor, nn

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel
from avloc.errors import AvlocError
from avloc.methods.base import Train
from avloc.methods.coarse_to_fine_original import StageOne, StageTwo, maps
from avloc.methods.coarse_to_fine_original.losses import (
    Pairs,
    aligned,
    confident_pairs,
    matched,
    named,
    strangers,
    tagged_pairs,
)
from avloc.methods.coarse_to_fine_original.moment import sure
from avloc.methods.coarse_to_fine_original.network import MatchHead
from avloc.nn.encoders import Backbone
from avloc.nn.mobile_crnn import MobileCrnn
from tests.methods import plain_coarse_to_fine as plain

B, C, T = 4, 3, 51
SMALL = {
    "classes": C, "visual": Backbone((4, 6, 8), (1, 1, 1), (1, 2, 1)), "audio": MobileCrnn((4, 6, 6, 8), 2, 5), "dim": 7,
    "frame": FrameView(size=32, resize=32, crop=False, augment=False), "sound": LogMel(rate=4000, n_fft=256, hop=80),
}  # fmt: skip


def one(**options) -> StageOne:
    torch.manual_seed(0)
    return StageOne(**{**SMALL, **options})


def two(first: StageOne | None = None, **options) -> StageTwo:
    torch.manual_seed(1)
    stage = StageTwo(**options)
    stage.start_from(first or one())
    return stage


def batch_of(frames: int = 1, count: int = B) -> Batch:
    generator = torch.Generator().manual_seed(2)
    labels = torch.tensor([[1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)[:count]
    every = torch.randn(count, frames, 3, 32, 32, generator=generator)
    waveform = torch.randn(count, 4000, generator=generator) * 0.1
    sound = torch.randn(count, 1, T, 64, generator=generator)
    return Batch(every[:, 0], sound, waveform, video=torch.arange(count), labels=labels, frames=every)


# pairs


def test_the_stranger_of_a_clip_is_its_neighbour_when_it_shows_one_frame():
    found = strangers(torch.tensor([7, 8, 9, 9, 4]), 1)
    assert found.clip[:, 0].tolist() == [1, 0, 3, 2, 4] and not found.frame.any()
    assert found.there[:, 0].tolist() == [True, True, False, False, False]  # of one video, and the odd last clip


def test_strangers_of_several_frames_are_drawn_in_the_published_order():
    torch.manual_seed(5)
    found = strangers(torch.tensor([0, 1, 2, 2]), 3)
    torch.manual_seed(5)
    for own in range(4):
        clips = torch.randint(0, 3, (3,)).tolist()
        clips = [clip + 1 if clip >= own else clip for clip in clips]
        assert found.clip[own].tolist() == clips and own not in clips
        assert found.frame[own].tolist() == torch.randperm(3).tolist()
        assert found.there[own].tolist() == [{own, clip} != {2, 3} for clip in clips]


def rows(pairs: Pairs) -> list[tuple[int, ...]]:
    return sorted(zip(*(part.tolist() for part in (*pairs.heard, *pairs.seen)), strict=True))


def test_pairs_by_tags():
    tags = torch.tensor([[1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0], [1, 1, 1]]).bool()
    positive, negative = tagged_pairs(tags, torch.arange(5), 2)
    near, far = [], []
    for i in range(5):
        j = i + 1 if i % 2 == 0 else i - 1
        for c in range(3):
            for frame in range(2):
                if tags[i, c]:
                    near.append((i, c, i, frame, c))
                if tags[i, c] and j < 5:
                    far += [(i, c, j, frame, d) for d in range(3) if tags[j, d] and d != c]
    assert rows(positive) == sorted(near) and rows(negative) == sorted(far) and len(far) == 12


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("one_negative", [True, False], ids=["at least one", "as published"])
def test_pairs_by_confidence(frames, one_negative):
    generator = torch.Generator().manual_seed(0)
    sound, frame = torch.rand(4, 3, generator=generator), torch.rand(4, frames, 3, generator=generator)
    torch.manual_seed(9)
    positive, negative = confident_pairs(sound, frame, torch.arange(4), one_negative=one_negative)
    torch.manual_seed(9)
    near, far = [], []
    for i in range(4):
        for c in range(3):
            if sound[i, c] > 0.3:
                near += [(i, c, i, f, c) for f in range(frames) if frame[i, f, c] > 0.3]
                count = int(sound[i, c] * frames)
                count = max(count, 1) if one_negative else count
                chosen = torch.randperm(frames)[:count].tolist()
                far += [(i, c, i ^ 1, f, int(d)) for f, d in zip(chosen, torch.randint(0, 3, (count,)), strict=True)]
    assert rows(positive) == sorted(near) and near
    assert rows(negative) == sorted(far) and bool(far) == (one_negative or frames > 1)


def test_the_likeliest_category_counts_only_where_that_is_asked_for():
    sound, frame = torch.tensor([[0.1, 0.2, 0.05], [0.1, 0.1, 0.9]]), torch.ones(2, 1, 3)
    plain_pairs, _ = confident_pairs(sound, frame, torch.arange(2))
    asked, _ = confident_pairs(sound, frame, torch.arange(2), likeliest=True)
    assert rows(plain_pairs) == [(1, 2, 1, 0, 2)] and rows(asked) == [(0, 1, 0, 0, 1), (1, 2, 1, 0, 2)]


# losses


def test_the_loss_of_named_categories():
    generator = torch.Generator().manual_seed(0)
    likely, target = torch.rand(2, 3, 4, generator=generator), torch.rand(2, 3, 4, generator=generator)
    pairs = zip(likely.flatten().tolist(), target.flatten().tolist(), strict=True)
    assert named(likely, target).item() == pytest.approx(
        sum(plain.cross_entropy(*pair) for pair in pairs) / 6, rel=1e-5
    )


def test_the_loss_of_matching():
    generator = torch.Generator().manual_seed(0)
    own, foreign = (torch.randn(4, 2, 2, generator=generator) for _ in range(2))
    mask = torch.tensor([[1.0, 0], [1, 1], [0, 0], [1, 0]])
    found = matched(own, foreign, mask, mask).item()
    assert found == pytest.approx(plain.match_loss(own, foreign, mask), rel=1e-5)
    none = torch.zeros_like(mask)
    assert matched(own, foreign, none, none) == 0  # nothing sure and nobody else is no division by zero


def test_which_moments_are_sure():
    labels = torch.tensor([[[0.2, 0.5], [0.3, 0.1]], [[0.9, 0.1], [0.85, 0.2]]])
    assert sure(labels).tolist() == [[1, 0], [1, 1]]  # cuts 0.5 and 0.8
    assert sure(torch.tensor([[[0.9, 0.1]], [[0.61, 0.2]], [[0.59, 0.3]]])).tolist() == [[1], [1], [0]]  # cut 0.6
    assert sure(torch.tensor([[[0.4, 0.1]], [[0.3, 0.2]]])).tolist() == [[1], [0]]  # cut 0.4, the highest of the batch


def transforms() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(3)
    head = MatchHead(8, 8, 7)
    return head.transform_a, head.transform_v


def test_the_loss_of_alignment():
    """Positive and negative pairs are normalised apart, by their own means and variances."""
    generator = torch.Generator().manual_seed(0)
    sounds, sights = torch.randn(B, C, 8, generator=generator), torch.randn(B, 2, C, 8, generator=generator)
    pairs = tagged_pairs(batch_of().labels, torch.arange(B), 2)
    a, v = transforms()

    def projected(net: nn.Module, rows_: list[Tensor]) -> Tensor:
        return plain.batch_norm(net[2](net[0](torch.stack(rows_)).relu()))

    expected = 0.0
    for part, near in zip(pairs, (True, False), strict=True):
        left = projected(a, [sounds[n, c] for n, c, *_ in rows(part)])
        right = projected(v, [sights[m, f, d] for _, _, m, f, d in rows(part)])
        values = [((x - y) ** 2).mean().item() for x, y in zip(left, right, strict=True)]
        expected += sum(values if near else [max(0, 2 - value) for value in values]) / len(values)
    assert aligned(*pairs, sounds, sights, (a, v), 2.0).item() == pytest.approx(expected, rel=1e-4)


def test_no_pairs_cost_nothing():
    none = Pairs(*(tuple(torch.zeros(0, dtype=torch.long) for _ in range(n)) for n in (2, 3)))
    assert aligned(none, none, torch.zeros(B, C, 8), torch.zeros(B, 1, C, 8), transforms(), 2.0) == 0


# evidence


def test_the_sound_of_a_category_is_where_its_gradient_says():
    streams = one().eval().streams
    x = streams.audio.features(batch_of().sound).detach()
    found = maps.sound_cams(streams.audio, x)
    for c in range(C):
        inputs = x.clone().requires_grad_()
        p = streams.audio.rest(inputs).clip[:, c].sum()
        p.backward()
        weights = inputs.grad.sum((2, 3))
        for n in range(B):
            expected = sum(weights[n, d] * x[n, d] for d in range(x.shape[1]))
            torch.testing.assert_close(found[n, c], expected, rtol=1e-4, atol=1e-6)
    cut = float(found.median())
    sources = maps.heard(streams.match, x, found, cut)
    for n in range(B):
        for c in range(C):
            mask = (found[n, c] > cut).float()
            alone = streams.match.temp_conv((x[n] * mask)[None])[0].amax((1, 2))
            torch.testing.assert_close(sources.vectors[n, c], alone, rtol=1e-4, atol=1e-6)
            assert sources.ratio[n, c].item() == pytest.approx(mask.mean().item())
    assert 0 < sources.ratio.mean() < 1


def test_grad_cam_works_where_gradients_are_off():
    streams = one().eval().streams
    sound = batch_of().sound
    with torch.inference_mode():
        features = streams.audio.features(sound)
        off = maps.sound_cams(streams.audio, features)
    torch.testing.assert_close(off, maps.sound_cams(streams.audio, streams.audio.features(sound)))
    assert all(parameter.grad is None for parameter in streams.parameters())


def test_the_look_of_a_category_is_a_weighted_mean():
    generator = torch.Generator().manual_seed(0)
    matched_, cams = torch.randn(2, 5, 3, 4, generator=generator), torch.rand(2, C, 3, 4, generator=generator)
    cams[0, 1] = 0
    found = maps.seen(matched_, cams)
    for n in range(2):
        for c in range(C):
            expected, weight = torch.zeros(5), 0.0
            for y in range(3):
                for x in range(4):
                    expected += matched_[n, :, y, x] * cams[n, c, y, x]
                    weight += float(cams[n, c, y, x]) + 1e-10
            torch.testing.assert_close(found[n, c], expected / weight, rtol=1e-4, atol=1e-5)
    assert not found[0, 1].any()


def test_class_activation_is_the_classifier_on_places_less_a_tenth():
    visual = one().eval().streams.visual
    seen = visual(batch_of().frame)
    cams = maps.frame_cams(visual, seen.top, 0.1)
    for place in ((0, 0), (1, 2)):
        expected = (seen.top[1, :, place[0], place[1]] @ visual.fc.weight.T - 0.1).relu()
        torch.testing.assert_close(cams[1, :, place[0], place[1]], expected.detach(), rtol=1e-4, atol=1e-6)
    assert not cams.requires_grad
    torch.testing.assert_close(seen.logits, visual.fc(seen.top.mean((2, 3))))


def test_proposals_are_cut_out_of_the_features_before_the_last_stage():
    visual = one().eval().streams.visual
    bottom = visual.trunk.bottom(batch_of().frame)
    whole = torch.tensor([0.0, 0, 1, 1]).expand(B, 2, 4)
    from torchvision.ops import roi_align

    found = visual.of_proposals(bottom, whole)
    boxes = torch.tensor([[n, 0, 0, bottom.shape[3], bottom.shape[2]] for n in range(B)]).float()
    parts = roi_align(bottom, boxes, 6, sampling_ratio=-1)
    expected = visual.fc(visual.trunk.layer3(parts).amax((2, 3)))
    torch.testing.assert_close(found[:, 0], expected)
    torch.testing.assert_close(found[:, 1], expected)


# whole stages


@pytest.mark.parametrize("variant", ["labels", "tags"])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_terms_of_both_stages_and_their_weights(variant, frames):
    stage = two(one(variant=variant, frames=frames), sound_cut=0.0).eval()
    batch = batch_of(frames)
    batch.sound_scores, batch.frame_scores = (None, None) if variant == "tags" else (torch.rand(B, C), torch.rand(B, C))
    first = stage.coarse
    moment = first.sense(batch)
    taught = first.taught(batch, moment)
    torch.manual_seed(4)
    coarse = first.loss(batch)
    torch.manual_seed(4)
    fine = stage.loss(batch)
    sound = sum(
        plain.cross_entropy(p, y)
        for p, y in zip(moment.heard.likely.flatten().tolist(), taught.sound.flatten().tolist(), strict=True)
    )
    frame = sum(
        plain.cross_entropy(1 / (1 + math.exp(-v)), y)
        for v, y in zip(moment.seen.logits.flatten().tolist(), taught.frame.flatten().tolist(), strict=True)
    )
    assert coarse["sound_class"].item() == pytest.approx(sound / B / (C if variant == "tags" else 1), rel=1e-4)
    assert fine["sound_class"].item() == pytest.approx(sound / B / C, rel=1e-4)
    assert fine["frame_class"].item() == coarse["frame_class"].item() == pytest.approx(frame / B / frames / C, rel=1e-4)
    torch.manual_seed(4)
    own, foreign = plain_match_logits(first, moment, variant)
    mask = taught.sure if variant == "labels" else torch.ones(B, frames)
    assert coarse["match"].item() == pytest.approx(plain.match_loss(own, foreign, mask), rel=1e-4)
    assert set(fine) - set(coarse) == {"alignment"} and fine["alignment"] > 0
    assert set(stage.loss(batch)) == {"sound_class", "frame_class", "match", "alignment"}


def plain_match_logits(first: StageOne, moment, variant: str) -> tuple[Tensor, Tensor]:
    head, frames = first.streams.match, moment.frames
    series = head.temp_conv(moment.heard.features)  # (B, D, T'', 1)
    length = series.shape[2]
    looks = moment.seen.matched.flatten(2).amax(2).view(B, frames, -1)
    own, foreign = torch.zeros(B, frames, 2), torch.zeros(B, frames, 2)
    for n in range(B):
        clips, order = [n ^ 1], [0]
        if frames > 1:
            clips = torch.randint(0, B - 1, (frames,)).tolist()
            clips, order = [clip + (clip >= n) for clip in clips], torch.randperm(frames).tolist()
        for f in range(frames):
            start, stop = f * length // frames, -(-(f + 1) * length // frames)
            part = series[n, :, start:stop] if variant == "labels" else series[n]
            sound = part.flatten(1).amax(1)
            own[n, f] = head.discrim(torch.cat([sound, looks[n, f]]))
            foreign[n, f] = head.discrim(torch.cat([sound, looks[clips[f], order[f]]]))
    return own.detach(), foreign.detach()


def test_stage_two_may_follow_the_other_variant():
    first, batch = one(), batch_of()
    own, other, tags = two(first, sound_cut=0.0), two(first, variant="tags", sound_cut=0.0), one(variant="tags")
    assert first.variant == own.coarse.variant == "labels" and other.coarse.variant == "tags"
    tags.load_state_dict(first.state_dict())
    assert torch.equal(other.eval().locate(batch), two(tags, sound_cut=0.0).eval().locate(batch))
    assert not torch.allclose(own.eval().locate(batch), other.locate(batch))


def test_modes_leave_out_matching():
    batch = batch_of()
    assert set(one(mode="cls").loss(batch)) == {"sound_class", "frame_class"}
    assert set(two(mode="cam", sound_cut=0.0).loss(batch)) == {"sound_class", "frame_class", "alignment"}


def test_a_sample_of_one_clip_has_nobody_to_be_told_from():
    first, batch = one(mix=1).eval(), batch_of()
    own, foreign, _ = first.match_logits(batch, first.sense(batch))
    assert foreign is None
    assert first.loss(batch)["match"].item() == pytest.approx(-own.log_softmax(2)[..., 1].mean().item(), rel=1e-5)
    assert one(mix=1, variant="tags").eval().match_logits(batch, first.sense(batch))[1] is not None


def test_what_learns_and_which_norms_stay():
    stage = two(one())
    stage.train()
    streams = stage.coarse.streams
    still = [name for name, parameter in streams.named_parameters() if not parameter.requires_grad]
    assert {name.split(".")[0] + "." + name.split(".")[1] + "." + name.split(".")[2] for name in still} == {
        "visual.trunk.conv1", "visual.trunk.bn1", "visual.trunk.layer1", "audio.features.0",
    }  # fmt: skip
    norms = nn.BatchNorm1d | nn.BatchNorm2d
    moving = {name for name, module in streams.named_modules() if isinstance(module, norms) and module.training}
    assert moving and all(name.startswith(("visual.layer5.", "match.")) for name in moving)
    free = two(one(freeze_stem=False, freeze_norms=False)).train()
    assert all(parameter.requires_grad for parameter in free.parameters())
    assert all(module.training for module in free.modules())


def test_rates_of_backbone_and_heads():
    train = Train(lr=1e-3, optimizer="sgd")
    (phase,) = one().phases(train)
    assert [group["lr"] for group in phase.optimizers[0].param_groups] == [1e-3]  # as the release does
    stage = two(one(backbone_rate=0.1))
    (phase,) = stage.phases(train)
    heads, rest = phase.optimizers[0].param_groups
    assert heads["lr"] == pytest.approx(1e-3) and rest["lr"] == pytest.approx(1e-4)
    streams = stage.coarse.streams
    parts = (streams.match, streams.visual.layer5, streams.visual.fc, streams.audio.outputlayer)
    own = {id(parameter) for part in parts for parameter in part.parameters()}
    assert {id(p) for p in heads["params"]} == own
    assert {id(p) for p in rest["params"]} == {id(p) for p in stage.parameters() if p.requires_grad} - own


def test_layer5_starts_as_a_copy_of_pretrained_weights_and_else_on_its_own(tmp_path):
    visual = one().streams.visual
    assert not torch.equal(visual.layer5[0].conv1.weight, visual.trunk.layer3[0].conv1.weight)
    torch.save(visual.trunk.state_dict(), tmp_path / "w.pth")
    loaded = one(visual=Backbone((4, 6, 8), (1, 1, 1), (1, 2, 1), weights=str(tmp_path / "w.pth"))).streams.visual
    for name, value in loaded.layer5.state_dict().items():
        assert torch.equal(value, visual.trunk.layer3.state_dict()[name])


def test_a_window_of_frames_brings_its_part_of_the_sound():
    first, batch = one(frames=2), batch_of(4)
    assert first.needs.every_frame and not one().needs.every_frame
    still = first.eval().sense(batch)
    assert torch.equal(still.images, batch.frames[:, :2])
    assert torch.equal(still.sounds, first.sound(batch.waveform[:, :2000]))
    torch.manual_seed(8)
    drawn = first.train().sense(batch)
    torch.manual_seed(8)
    for n, start in enumerate(torch.randint(0, 3, (B, 1)).flatten().tolist()):
        assert torch.equal(drawn.images[n], batch.frames[n, start : start + 2])
        part = batch.waveform[n : n + 1, start * 1000 : start * 1000 + 2000]
        torch.testing.assert_close(drawn.sounds[n : n + 1], first.sound(part))
    with pytest.raises(AvlocError, match="clips have 4 frames, the model needs 5"):
        one(frames=5).sense(batch)


# maps


def test_the_maps_of_flickr():
    generator = torch.Generator().manual_seed(0)
    a, v = torch.randn(2, C, 7, generator=generator), torch.randn(2, 7, 3, 4, generator=generator)
    found = maps.nearest(a, v, 10.0)
    for n in range(2):
        for c in range(C):
            d = [sum((a[n, c] - v[n, :, y, x]) ** 2) / 7 for y in range(3) for x in range(4)]
            weights = [math.exp(-10 * float(value)) for value in d]
            expected = torch.tensor([w / sum(weights) for w in weights])
            torch.testing.assert_close(found[n, c].flatten(), expected / expected.max(), rtol=1e-4, atol=1e-6)


def test_the_maps_of_audioset():
    generator = torch.Generator().manual_seed(0)
    a, v = torch.randn(2, C, 7, generator=generator), torch.randn(2, 7, 3, 4, generator=generator)
    cams = torch.rand(2, 5, 3, 4, generator=generator)
    cams[1] = 0
    found = maps.nearest_active(a, v, cams.amax(1, keepdim=True), 1.0)
    own = maps.nearest_active(a, v, cams[:, :C], 2.0)
    for c in range(C):
        d = [float(((a[0, c] - v[0, :, y, x]) ** 2).mean()) for y in range(3) for x in range(4)]
        scores = [
            math.exp(-value) / sum(math.exp(-o) for o in d) * float(cams[0].amax(0).flatten()[k])
            for k, value in enumerate(d)
        ]
        expected = torch.tensor([s / (max(scores) + 1e-10) for s in scores])
        torch.testing.assert_close(found[0, c].flatten(), expected, rtol=1e-4, atol=1e-6)
        alone = torch.tensor([math.exp(-2 * value) for value in d]) * cams[0, c].flatten()
        torch.testing.assert_close(own[0, c].flatten(), alone / alone.max(), rtol=1e-4, atol=1e-6)
    assert not found[1].any()  # active nowhere


def test_categories_count_that_are_heard_somewhere_and_one_always():
    assert maps.active(torch.tensor([[0.0, 0.2, 0.1], [0.0, 0.0, 0.0]])).tolist() == [
        [False, True, True],
        [True, False, False],
    ]
    both, weights = torch.tensor([[[[1.0, 0.0]], [[0.0, 1.0]]]]), torch.tensor([[0.6, 0.2]])
    assert maps.fused(both, weights).flatten().tolist() == pytest.approx([0.75, 0.25])


@pytest.mark.parametrize("variant", ["labels", "tags"])
def test_the_baseline_of_correspondence_is_grad_cam_of_the_match(variant):
    first, batch = one(variant=variant, maps="match").eval(), batch_of()
    streams = first.streams
    with torch.no_grad():
        found = first.locate(batch)
        sounds = streams.match.temp_conv(streams.hear(batch.sound).features).amax((2, 3))
        y = streams.visual(batch.frame).matched
    hidden, last = streams.match.discrim[0], streams.match.discrim[2]
    for n in range(B):
        before = hidden(torch.cat([sounds[n], y[n].amax((1, 2))]))
        weights = (last.weight[1] * (before > 0)) @ hidden.weight[:, sounds.shape[1] :]  # of the logit by each channel
        cam = sum(weights[d] * y[n, d] for d in range(y.shape[1])).detach()
        expected = cam.clamp(0, 1) if variant == "labels" else cam.relu() / (cam.relu().max() + 1e-10)
        torch.testing.assert_close(found[n, 0], expected, rtol=1e-4, atol=1e-6)


def test_class_activation_is_weighted_by_what_is_heard_or_seen():
    first, batch = one(maps="classes").eval(), batch_of()
    seen, heard = first.streams.visual(batch.frame), first.streams.hear(batch.sound)
    cam = torch.einsum("cd,bdhw->bchw", first.streams.visual.fc.weight, seen.top)
    for found, likely in ((first.locate(batch), heard.likely), (first.look(batch), seen.logits.sigmoid())):
        for n in range(B):
            for c in range(C):
                there = likely[n, c] > 0.3 or c == int(likely[n].argmax())
                torch.testing.assert_close(
                    found[n, c], cam[n, c] * (likely[n, c] if there else 0), rtol=1e-4, atol=1e-6
                )


@pytest.mark.parametrize("variant", ["labels", "tags"])
def test_the_maps_of_stage_two_are_those_of_its_projections(variant):
    stage = two(one(variant=variant), maps="classes", sound_cut=0.0).eval()
    batch = batch_of()
    streams = stage.coarse.streams
    with torch.no_grad():
        found, heard, seen = stage.locate(batch), streams.hear(batch.sound), streams.visual(batch.frame)
        sources = stage._sources(heard.features)
        cams = maps.frame_cams(streams.visual, seen.top, 0.1)
        for n in range(B):
            a = streams.match.transform_a(sources.vectors[n])[None]
            v = streams.match.transform_v(seen.matched[n].flatten(1).T).T.unflatten(1, seen.matched.shape[2:])[None]
            active = cams[n : n + 1].amax(1, keepdim=True)
            expected = maps.nearest(a, v, 10.0) if variant == "labels" else maps.nearest_active(a, v, active, 1.0)
            for c in range(C):
                counts = variant == "tags" or bool(maps.active(sources.ratio)[n, c])
                weight = float(heard.likely[n, c]) if counts else 0.0
                torch.testing.assert_close(found[n, c], weight * expected[0, c], rtol=1e-3, atol=1e-6)
        both = two(one(variant=variant), sound_cut=0.0).eval().locate(batch)
    weights = found.amax((2, 3)) if variant == "labels" else heard.likely
    torch.testing.assert_close(
        both, found.sum(1, keepdim=True) / weights.sum(1)[:, None, None, None], rtol=1e-4, atol=1e-6
    )


def test_a_category_may_be_sought_where_it_is_active_itself():
    stage, batch = (
        two(one(variant="tags"), maps="classes", sound_cut=0.0, frame_cut=0.0, activation="own").eval(),
        batch_of(),
    )
    cams = maps.frame_cams(stage.coarse.streams.visual, stage.coarse.streams.visual(batch.frame).top, 0.0)
    found = stage.locate(batch)
    assert (found > 0).any() and not found[cams == 0].any()
    stage.activation = "any"
    assert stage.locate(batch)[cams == 0].any()


# what the release does otherwise


def test_audiosets_test_may_project_places_by_the_sounds_projection_and_take_batch_statistics():
    first, batch = one(variant="tags"), batch_of()
    plain_maps = two(first, maps="classes", sound_cut=0.0).eval().locate(batch)
    same = two(first, maps="classes", sound_cut=0.0, test_transform="a").eval()
    assert not torch.allclose(same.locate(batch), plain_maps)
    same.coarse.streams.match.transform_v = same.coarse.streams.match.transform_a
    published = two(first, maps="classes", sound_cut=0.0, test_transform="a", test_norms="batch").eval()
    before = {name: value.clone() for name, value in published.state_dict().items()}
    found = published.locate(batch)
    assert all(torch.equal(value, before[name]) for name, value in published.state_dict().items())  # nothing is kept
    streams = published.coarse.streams
    streams.visual.layer5.train(), streams.match.train()
    with torch.no_grad():
        seen = streams.visual(batch.frame)
        sources = published._sources(streams.hear(batch.sound).features)
        a = streams.match.transform_a(sources.vectors.flatten(0, 1)).unflatten(0, (B, C))
        places = seen.matched.flatten(2).transpose(1, 2)
        v = streams.match.transform_a(places.flatten(0, 1)).unflatten(0, places.shape[:2]).transpose(1, 2)
        cams = maps.frame_cams(streams.visual, seen.top, 0.1)
        active = cams.amax(1, keepdim=True)
        expected = maps.nearest_active(a, v.unflatten(2, seen.matched.shape[2:]), active, 1.0)
    likely = streams.hear(batch.sound).likely[:, :, None, None]
    torch.testing.assert_close(found, likely * expected, rtol=1e-3, atol=1e-6)


def test_colours_may_change_places_in_training_alone():
    first, batch = one(bgr_training=True), batch_of()
    mean, std = (torch.tensor(values)[:, None, None] for values in (first.frame.mean, first.frame.std))
    raw = batch.frame * std + mean
    swapped = (raw[:, [2, 1, 0]] - mean) / std
    torch.testing.assert_close(first.train().sense(batch).images[:, 0], swapped, rtol=1e-4, atol=1e-5)
    assert torch.equal(first.eval().sense(batch).images[:, 0], batch.frame)


def test_sounds_may_be_divided_by_their_peak_in_the_test_alone():
    first, batch = one(test_peak=True).eval(), batch_of()
    louder = batch_of()
    louder.waveform = 3 * louder.waveform
    assert torch.equal(first.sense(batch).sounds, batch.sound)
    torch.testing.assert_close(first.test_sound(louder), first.test_sound(batch), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(first.test_sound(batch), batch.sound)
    assert one().test_sound(batch) is batch.sound
    batch.waveform = None
    with pytest.raises(AvlocError, match=r"but the store has spectrograms; set it to false"):
        first.test_sound(batch)


def test_a_mixture_is_named_by_both_its_sounds():
    first, batch = one(mixtures=0.7).eval(), batch_of()
    assert first.needs.waveform and two(first).needs.waveform and not one().needs.waveform
    heard = []
    hear = first.streams.hear
    first.streams.hear = lambda sounds: heard.append(sounds) or hear(sounds)
    term = first.loss(batch)["mixture"]
    assert len(heard) == 2 and heard[1].shape == batch.sound.shape and not torch.allclose(heard[1], batch.sound)
    tags = batch.labels.float()
    likely, both = hear(heard[1]).likely, torch.maximum(tags, tags.roll(1, 0))
    expected = -(both * likely.log() + (1 - both) * (1 - likely).log()).sum() / B
    torch.testing.assert_close(term, 0.7 * expected)
    assert torch.isfinite(two(first).eval().loss(batch)["mixture"])
    assert "mixture" not in one().loss(batch)


# proposals and labels made while training


def test_proposals_of_the_store_are_named_too():
    first, batch = one(proposals="given").eval(), batch_of()
    assert first.needs.proposals and two(first).needs.proposals
    batch.proposals, batch.proposal_classes = torch.rand(B, 1, 5, 4).sort(-1).values, torch.randint(0, C, (B, 1, 5))
    moment = first.sense(batch)
    logits = first.streams.visual.of_proposals(moment.seen.bottom, batch.proposals[:, 0])
    expected = [-logits[n, r].log_softmax(0)[batch.proposal_classes[n, 0, r]] for n in range(B) for r in range(5)]
    torch.testing.assert_close(first.loss(batch)["proposal_class"], torch.stack(expected).mean())
    batch.proposals = None
    with pytest.raises(AvlocError, match=r"the pseudo labels have none.*--proposals"):
        first.loss(batch)


def test_what_proposals_cannot_be_is_refused():
    with pytest.raises(AvlocError, match=r"'grid', which needs model\.priors"):
        one(proposals="grid")
    with pytest.raises(AvlocError, match="stored for one frame per clip, but frames is 2"):
        one(proposals="given", frames=2)
    with pytest.raises(AvlocError, match="mix 0; expected at least 1"):
        one(mix=0)


def test_labels_of_another_number_of_classes_are_refused():
    batch = batch_of()
    batch.sound_scores = batch.frame_scores = torch.rand(B, 5)
    with pytest.raises(AvlocError, match=r"the labels have 5 classes, the model 3; set model\.classes to 5"):
        one().loss(batch)


@pytest.fixture
def priors(tmp_path):
    """A tagger of 6 classes and a classifier of 5, for three categories."""
    import numpy as np

    from avloc.methods.coarse_to_fine_original.moment import Priors
    from avloc.nn.classifier import Classifier

    torch.manual_seed(0)
    classifier = Classifier((4, 6, 8), (1, 1, 1), 5)
    state = {name.removeprefix("trunk."): value for name, value in classifier.state_dict().items()}
    torch.save(state, tmp_path / "resnet.pth")
    torch.save(MobileCrnn((4, 6, 6, 8), 2, 5).build(6).state_dict(), tmp_path / "tagger.pth")
    np.save(tmp_path / "a.npy", np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]])
    np.save(tmp_path / "v.npy", np.eye(3, dtype=np.float32)[[2, 1, 0, 0, 1]])
    return Priors(str(tmp_path / "tagger.pth"), tmp_path / "a.npy", tmp_path / "v.npy", str(tmp_path / "resnet.pth"))


def test_labels_are_made_while_training_by_frozen_networks(priors):
    """Twice the likeliest class of a category; of frames, two classes weighted by rank; of proposals, the highest."""
    first, batch = one(priors=priors, proposals="grid", frames=2), batch_of(2)
    first.phases(Train())
    assert not any("tagger" in name for name in first.state_dict())
    moment = first.sense(batch)
    taught, (nets,) = first.taught(batch, moment), first._nets
    p = nets.tagger(moment.sounds).clip
    logits = nets.classifier(moment.images.flatten(0, 1)).softmax(1)
    for n in range(B):
        for c, members in enumerate(([0, 3], [1, 4], [2, 5])):
            assert taught.sound[n, c].item() == pytest.approx(min(1, 2 * float(p[n, members].max())), rel=1e-5)
    assert taught.frame.shape == (B, 2, C) and taught.proposals.shape == (2 * B, 8)
    for n, row in enumerate(logits.tolist()):
        order = sorted(range(5), key=lambda j: -row[j])
        weight = {j: row[j] / max(row) * 0.95 ** (rank + 1) for rank, j in enumerate(order)}
        for c, members in enumerate(([2, 3], [1, 4], [0])):
            best = sorted([weight[j] for j in members] + [0.0] * 3, reverse=True)
            assert taught.frame.flatten(0, 1)[n, c].item() == pytest.approx((best[0] + best[1]) / 2, rel=1e-4)
    assert set(first.loss(batch)) == {"sound_class", "frame_class", "proposal_class", "match"}
    with pytest.raises(AvlocError, match="3 categories, the model has 4"):
        one(priors=priors, classes=4).phases(Train())


def test_accuracy_is_of_own_frames_and_of_others():
    first, batch = one().eval(), batch_of()
    found = first.matches(batch)
    own, foreign, _ = first.match_logits(batch, first.sense(batch))
    right = sum(bool(own[n, 0, 1] > own[n, 0, 0]) for n in range(B)) / B
    wrong = sum(bool(foreign[n, 0, 0] > foreign[n, 0, 1]) for n in range(B)) / B
    assert found["own"].item() == right and found["foreign"].item() == wrong
    assert found["accuracy"].item() == pytest.approx((right + wrong) / 2)
