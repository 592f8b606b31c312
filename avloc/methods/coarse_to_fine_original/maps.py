"""Where each category is in a sound and in a frame, and the heat maps of both variants and of the paper's baselines."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc.methods.coarse_to_fine_original.losses import distances
from avloc.methods.coarse_to_fine_original.network import MatchHead, TaggerSteps, VisualNet
from avloc.nn.mobile_crnn import MobileCrnnNet


class Sources(NamedTuple):
    """vectors: (B, C, D), each category's sound. ratio: (B, C), the share of times and bands that it covers."""

    vectors: Tensor
    ratio: Tensor


def sound_cams(audio: MobileCrnnNet | TaggerSteps, features: Tensor) -> Tensor:
    """Grad-CAM (B, C, T', F') of each category's probability in the clip.

    The gradients of features (B, D, T', F') are summed over times and bands, not averaged, into the channels' weights.
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(features.device.type, enabled=False):
        inputs = features.detach().clone().requires_grad_()  # the weights get no gradient from what follows
        likely = audio.rest(inputs).clip
        gradients = [
            torch.autograd.grad(likely[:, category].sum(), inputs, retain_graph=True)[0].sum((2, 3))
            for category in range(likely.shape[1])
        ]
    return torch.einsum("bcd,bdtf->bctf", torch.stack(gradients, dim=1), features.detach())


def heard(match: MatchHead, features: Tensor, cams: Tensor, cut: float) -> Sources:
    """Each category's sound: the features where its Grad-CAM is above `cut`, through `temp_conv`, maximum-pooled."""
    masks = (cams > cut).to(features.dtype)
    parts = match.temp_conv((features[:, None] * masks[:, :, None]).flatten(0, 1))
    return Sources(parts.float().amax((2, 3)).unflatten(0, masks.shape[:2]), masks.mean((2, 3)))


def frame_cams(visual: VisualNet, top: Tensor, cut: float) -> Tensor:
    """The part of the class activation maps above `cut`, (n, C, h, w), without gradient."""
    return (visual.activation(top) - cut).relu().detach()


def seen(matched: Tensor, cams: Tensor) -> Tensor:
    """Each category's visual vector, (n, C, D): the mean over positions (n, D, h, w), weighted by its map (n, C, h, w)."""
    weights, places = cams.flatten(2), matched.flatten(2)
    return weights @ places.transpose(1, 2) / (weights + 1e-10).sum(2, keepdim=True)


TINY = 1e-10


def nearest(a: Tensor, v: Tensor, sharpness: float) -> Tensor:
    """Flickr and AVE: softmax over the positions of -sharpness times the distance, divided by its maximum: (B, C, h, w).

    a: (B, C, dim), each category's sound. v: (B, dim, h, w), the positions.
    """
    maps = (-sharpness * _apart(a, v)).softmax(2)
    return (maps / maps.amax(2, keepdim=True)).unflatten(2, v.shape[2:])


def nearest_active(a: Tensor, v: Tensor, active: Tensor, sharpness: float) -> Tensor:
    """AudioSet: the same softmax times the activation, (B, C or 1, h, w), divided by the maximum: (B, C, h, w)."""
    scores = (-sharpness * _apart(a, v)).softmax(2) * active.flatten(2)
    return (scores / (scores + TINY).amax(2, keepdim=True)).unflatten(2, v.shape[2:])


def match_cam(match: MatchHead, sounds: Tensor, matched: Tensor) -> Tensor:
    """Signed Grad-CAM (B, 1, h, w) of the logit that a sound (B, D) and a frame (B, D, h, w) match."""
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(matched.device.type, enabled=False):
        places = matched.detach().clone().requires_grad_()
        logit = match(sounds.detach().clone(), places.amax((2, 3)))[..., 1].sum()
        (gradient,) = torch.autograd.grad(logit, places)
    return (gradient.sum((2, 3), keepdim=True) * matched.detach()).sum(1, keepdim=True)


def fused(maps: Tensor, weights: Tensor) -> Tensor:
    """The mean of maps (B, C, h, w), weighted by (B, C): (B, 1, h, w)."""
    weights = weights[:, :, None, None]
    return (weights * maps).sum(1, keepdim=True) / weights.sum(1, keepdim=True).clamp(min=TINY)


def active(ratio: Tensor) -> Tensor:
    """Categories (B, C) whose sound covers any time or band, and always the one that covers most."""
    return (ratio > 0) | F.one_hot(ratio.argmax(1), ratio.shape[1]).bool()


def _apart(a: Tensor, v: Tensor) -> Tensor:
    return distances(a[:, :, None], v.flatten(2).transpose(1, 2)[:, None])
