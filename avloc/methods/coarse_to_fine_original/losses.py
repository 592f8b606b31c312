"""Pairing, and the loss terms of both stages as functions of tensors."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PER_CATEGORY = 0.3  # probability above which a category counts, in the sound and in the frame


class Strangers(NamedTuple):
    """For each clip and frame, (B, F): the clip and the frame of it that are contrasted with its sound; `there`: bool."""

    clip: Tensor
    frame: Tensor
    there: Tensor


class Pairs(NamedTuple):
    """Indices (n,) into the sounds, (clip, category), and into the frames, (clip, frame, category)."""

    heard: tuple[Tensor, Tensor]
    seen: tuple[Tensor, Tensor, Tensor]

    def __len__(self) -> int:
        return len(self.heard[0])


def partners(videos: Tensor) -> tuple[Tensor, Tensor]:
    """The neighbour of each clip of a batch (B,), 0 with 1, 2 with 3, and whether it has one.

    An odd last clip has none (published: an error), nor has one whose neighbour is from the same video (in the
    published data every clip is from another video).
    """
    own = torch.arange(len(videos), device=videos.device)
    other = own ^ 1
    inside = other < len(videos)
    other = torch.where(inside, other, own)
    return other, inside & (videos != videos[other])


def strangers(videos: Tensor, frames: int) -> Strangers:
    """With one frame per clip, the neighbour's; with more, as many random frames of other clips for each clip.

    For each clip in turn: first its clips are drawn, then the order of the frames.
    """
    count = len(videos)
    if frames == 1 or count == 1:
        other, there = partners(videos)
        first = torch.zeros_like(other)
        return Strangers(*(part[:, None].expand(-1, frames) for part in (other, first, there)))
    clips, order = [], []
    for own in range(count):
        drawn = torch.randint(0, count - 1, (frames,))
        clips.append(drawn + (drawn >= own))
        order.append(torch.randperm(frames))
    clip, frame = torch.stack(clips).to(videos.device), torch.stack(order).to(videos.device)
    return Strangers(clip, frame, videos[clip] != videos[:, None])


def tagged_pairs(tags: Tensor, videos: Tensor, frames: int) -> tuple[Pairs, Pairs]:
    """Positive and negative pairs by the tags (B, C) of the videos, bool, which apply to every frame.

    Positive: a tag's sound with the tag's look in each frame. Negative: a tag's sound with every other tag's look in each
    frame of the neighbour.
    """
    clip, category = tags.nonzero().T
    every = torch.arange(frames, device=tags.device)
    positive = Pairs(
        (clip.repeat_interleave(frames), category.repeat_interleave(frames)),
        (clip.repeat_interleave(frames), every.repeat(len(clip)), category.repeat_interleave(frames)),
    )
    other, there = partners(videos)
    foreign = tags[other][:, None, :] & tags[:, :, None] & there[:, None, None]
    foreign &= ~torch.eye(tags.shape[1], dtype=torch.bool, device=tags.device)
    clip, category, look = foreign.nonzero().T
    clip, category, look = (part.repeat_interleave(frames) for part in (clip, category, look))
    return positive, Pairs((clip, category), (other[clip], every.repeat(len(clip) // frames), look))


def confident_pairs(
    sound: Tensor, frame: Tensor, videos: Tensor, likeliest: bool = False, one_negative: bool = True
) -> tuple[Pairs, Pairs]:
    """Positive and negative pairs by the networks' probabilities: probabilities of the sound (B, C), of its frames (B,
    F, C).

    Categories with a probability above 0.3 count; likeliest: the likeliest always counts, as the published code intends
    but does not do. Positive: a category's sound with its look in the frames that show it. Negative: with random
    categories in random frames of the neighbour, as many as the probability times the number of frames; with one frame
    that is none unless the probability is 1, or `one_negative` requires at least one.
    """
    _, frames, categories = frame.shape
    active = sound > PER_CATEGORY
    if likeliest:
        active |= torch.nn.functional.one_hot(sound.argmax(1), categories).bool()
    clip, moment, category = (active[:, None] & (frame > PER_CATEGORY)).nonzero().T
    positive = Pairs((clip, category), (clip, moment, category))
    other, there = (part.tolist() for part in partners(videos))
    share = sound.tolist()
    rows: list[tuple[int, int, int, int, int]] = []
    for clip_, category_ in active.nonzero().tolist():
        drawn = max(int(one_negative), int(share[clip_][category_] * frames))
        moments, looks = torch.randperm(frames)[:drawn].tolist(), torch.randint(0, categories, (drawn,)).tolist()
        if there[clip_]:
            rows += [(clip_, category_, other[clip_], *pair) for pair in zip(moments, looks, strict=True)]
    a, b, c, d, e = torch.tensor(rows, dtype=torch.long, device=sound.device).reshape(-1, 5).T
    return positive, Pairs((a, b), (c, d, e))


def named(likely: Tensor, target: Tensor) -> Tensor:
    """Binary cross entropy of probabilities (..., C): summed over the categories, averaged over the rest."""
    with torch.autocast(likely.device.type, enabled=False):
        total = F.binary_cross_entropy(likely.float(), target.float(), reduction="sum")
    return total / (likely.numel() // likely.shape[-1])


def matched(own: Tensor, foreign: Tensor | None, weight: Tensor, foreign_weight: Tensor) -> Tensor:
    """Cross entropy of logits (B, F, 2): `own` pairs match, `foreign` ones do not; a mean with weights (B, F)."""
    losses = [-weight * own.log_softmax(2)[..., 1]]
    weights = [weight]
    if foreign is not None:
        losses.append(-foreign_weight * foreign.log_softmax(2)[..., 0])
        weights.append(foreign_weight)
    return torch.stack(losses).sum() / torch.stack(weights).sum().clamp(min=1e-6)


def distances(a: Tensor, v: Tensor) -> Tensor:
    """Mean squared differences of vectors (..., D)."""
    return (a - v).square().mean(-1)


def aligned(
    positive: Pairs,
    negative: Pairs,
    sounds: Tensor,
    sights: Tensor,
    transforms: tuple[nn.Module, nn.Module],
    margin: float,
) -> Tensor:
    """Pull pairs together and push others apart to a distance of `margin`: sounds (B, C, D), sights (B, F, C, D).

    The batch norms of the transforms get positive and negative pairs separately. Fewer than two pairs of a kind, which
    have no statistics, are ignored.
    """
    total = sounds.new_zeros(())
    transform_a, transform_v = transforms
    for pairs, sign in ((positive, 1), (negative, -1)):
        if len(pairs) < 2:
            continue
        apart = distances(transform_a(sounds[pairs.heard]).float(), transform_v(sights[pairs.seen]).float())
        total = total + (apart if sign > 0 else (margin - apart).clamp(min=0)).mean()
    return total
