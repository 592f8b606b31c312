"""Where a sound and a frame hold each category: Grad-CAM of the sound, class activation of the frame."""

from typing import NamedTuple

import torch
from torch import Tensor

from avloc.methods.coarse_to_fine_original.ears import TaggerSteps
from avloc.methods.coarse_to_fine_original.network import MatchHead, VisualNet
from avloc.nn.mobile_crnn import MobileCrnnNet


class Sources(NamedTuple):
    """vectors: (B, C, D), each category's sound. ratio: (B, C), the share of times and bands that it takes."""

    vectors: Tensor
    ratio: Tensor


def sound_cams(audio: MobileCrnnNet | TaggerSteps, features: Tensor) -> Tensor:
    """Grad-CAM (B, C, T', F') of each category's probability in the clip.

    The gradients of features (B, D, T', F') are summed over times and bands, not averaged, into the channels' weights.
    """
    with torch.inference_mode(False), torch.enable_grad(), torch.autocast(features.device.type, enabled=False):
        inputs = features.detach().clone().requires_grad_()  # the weights learn nothing from what follows
        likely = audio.rest(inputs).clip
        gradients = [
            torch.autograd.grad(likely[:, category].sum(), inputs, retain_graph=True)[0].sum((2, 3))
            for category in range(likely.shape[1])
        ]
    return torch.einsum("bcd,bdtf->bctf", torch.stack(gradients, dim=1), features.detach())


def heard(match: MatchHead, features: Tensor, cams: Tensor, cut: float) -> Sources:
    """Each category's sound: the features where its Grad-CAM is above `cut`, through `temp_conv`, their maximum."""
    masks = (cams > cut).to(features.dtype)
    parts = match.temp_conv((features[:, None] * masks[:, :, None]).flatten(0, 1))
    return Sources(parts.float().amax((2, 3)).unflatten(0, masks.shape[:2]), masks.mean((2, 3)))


def frame_cams(visual: VisualNet, top: Tensor, cut: float) -> Tensor:
    """What of the class activation maps is above `cut`, (n, C, h, w); it teaches nothing."""
    return (visual.activation(top) - cut).relu().detach()


def seen(matched: Tensor, cams: Tensor) -> Tensor:
    """Each category's look, (n, C, D): the mean of the places (n, D, h, w), weighted by its map (n, C, h, w)."""
    weights, places = cams.flatten(2), matched.flatten(2)
    return weights @ places.transpose(1, 2) / (weights + 1e-10).sum(2, keepdim=True)
