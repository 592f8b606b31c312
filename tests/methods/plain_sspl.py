"""SSPL's published forward passes in plain torch functions, from the authors' own state dicts.

Names as the four files have them, with the prefixes frame., sound., pcm. and head. put before.
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

State = Mapping[str, Tensor]


def frame_features(state: State, images: Tensor, pools: tuple[int, ...]) -> Tensor:
    """pools: which indices are max pools; the last convolution has no ReLU behind it."""
    convolutions = sorted({int(name.split(".")[2]) for name in state if name.startswith("frame.feat_extractor.")})
    features = images
    for index in range(convolutions[-1] + 1):
        if index in pools:
            features = F.max_pool2d(features, 2, 2)
        elif index in convolutions:
            name = f"frame.feat_extractor.{index}"
            features = F.conv2d(features, state[f"{name}.weight"], state[f"{name}.bias"], padding=1)
            features = features if index == convolutions[-1] else features.clamp(min=0)
    return features


def sound_features(state: State, patches: Tensor, pools: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Patches (B, P, 1, 96, 64), a clip after the other: (B, dim) for the PCM, of length one, and (B, C) for the attention."""
    embeddings, queries = [], []
    for clip in patches:
        features = clip
        for index in range(pools[-1] + 1):
            name = f"sound.features.{index}"
            if index in pools:
                features = F.max_pool2d(features, 2, 2)
            elif f"{name}.weight" in state:
                features = F.conv2d(features, state[f"{name}.weight"], state[f"{name}.bias"], padding=1).clamp(min=0)
        # (n, channel, time, mel) to (n, time * mel * channel)
        heard = torch.stack(
            [features[:, :, t, m] for t in range(features.shape[2]) for m in range(features.shape[3])], 1
        )
        heard = heard.reshape(len(clip), -1)
        for layer in (0, 2, 4):
            heard = linear(state, f"sound.embeddings.{layer}", heard).clamp(min=0)
        query = linear(state, "sound.fc.2", linear(state, "sound.fc.0", heard).clamp(min=0))
        embeddings.append(heard.mean(0) / max(heard.mean(0).norm().item(), 1e-12))
        queries.append(query.mean(0))
    return torch.stack(embeddings), torch.stack(queries)


def linear(state: State, name: str, values: Tensor) -> Tensor:
    found = values @ state[f"{name}.weight"].T
    return found + state[f"{name}.bias"] if f"{name}.bias" in state else found


def gelu(values: Tensor) -> Tensor:
    return 0.5 * values * (1 + torch.erf(values / 2**0.5))


def norm(state: State, name: str, values: Tensor, training: bool) -> Tensor:
    dims = [n for n in range(values.ndim) if n != 1]
    shape = [1, -1] + [1] * (values.ndim - 2)
    mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
    if training:
        mean, variance = values.mean(dims), values.var(dims, unbiased=False)
    found = (values - mean.view(shape)) / (variance.view(shape) + 1e-5).sqrt()
    if f"{name}.weight" in state:
        found = found * state[f"{name}.weight"].view(shape) + state[f"{name}.bias"].view(shape)
    return found


def pcm(state: State, frame: Tensor, sound: Tensor, cycles: int, training: bool = False) -> list[Tensor]:
    """U_out of the top representation after the initialisation and after each cycle, for whole grids such as 14 or 6."""
    side = [frame.shape[2] // 2 // 2, frame.shape[2] // 2, frame.shape[2]]
    alpha = [state[f"pcm.a0.{n}"].clamp(min=0) for n in range(3)]
    beta = [state[f"pcm.b0.{n}"].clamp(min=0) for n in range(3)]

    def bn(name: str, values: Tensor) -> Tensor:
        return norm(state, f"pcm.{name}", values, training)

    def d1(values: Tensor) -> Tensor:
        return F.max_pool2d(F.conv2d(values, state["pcm.PredProcess.1.conv2d.weight"], padding=1), 2)

    def d2(values: Tensor) -> Tensor:
        return F.max_pool2d(F.conv2d(values, state["pcm.PredProcess.2.conv2d.weight"], padding=1), 2)

    def d0(values: Tensor) -> Tensor:
        values = F.conv2d(values, state["pcm.PredProcess.0.weight"], state["pcm.PredProcess.0.bias"])
        return gelu(values).flatten(2).mean(2)

    def u0(error: Tensor) -> Tensor:
        copied = error[:, :, None, None].expand(-1, -1, side[0], side[0])
        return F.conv_transpose2d(copied, state["pcm.ErrorProcess.0.weight"])

    def u1(error: Tensor) -> Tensor:
        return F.conv_transpose2d(error, state["pcm.ErrorProcess.1.weight"], stride=2)

    def u2(error: Tensor) -> Tensor:
        larger = F.interpolate(error, size=(side[2], side[2]), mode="bilinear", align_corners=True)
        return F.conv_transpose2d(larger, state["pcm.ErrorProcess.2.convtrans2d.weight"], padding=1)

    def out(values: Tensor) -> Tensor:
        return F.conv_transpose2d(values, state["pcm.ErrorProcess.3.weight"], state["pcm.ErrorProcess.3.bias"])

    p2 = frame
    p1 = gelu(bn("BNPred.1", d2(p2)))
    p0 = gelu(bn("BNPred.0", d1(p1)))
    r0 = gelu(bn("BNError.0", p0 + alpha[0] * u0(sound - d0(p0))))
    r1 = gelu(bn("BNError.1", p1 + alpha[1] * u1(r0 - p0)))
    r2 = gelu(bn("BNError.2", p2 + alpha[2] * u2(r1 - p1)))
    found = [out(r2)]
    for t in range(cycles):
        r2 = gelu((1 - beta[2]) * r2 + beta[2] * p2)
        p1 = d2(r2)
        r1 = gelu(bn(f"BNPred_step.{2 * t + 1}", (1 - beta[1]) * r1 + beta[1] * p1))
        p0 = d1(r1)
        r0 = gelu(bn(f"BNPred_step.{2 * t}", (1 - beta[0]) * r0 + beta[0] * p0))
        r0 = gelu(bn(f"BNError_step.{3 * t}", r0 + alpha[0] * u0(sound - d0(r0))))
        r1 = gelu(bn(f"BNError_step.{3 * t + 1}", r1 + alpha[1] * u1(r0 - p0)))
        r2 = gelu(bn(f"BNError_step.{3 * t + 2}", r2 + alpha[2] * u2(r1 - p1)))
        found.append(out(r2))
    return found


def similarity(features: Tensor, query: Tensor) -> Tensor:
    """(B, h, w), cosines."""
    lengths = features.norm(dim=1).clamp(min=1e-12) * query.norm(dim=1).clamp(min=1e-12)[:, None, None]
    return torch.einsum("bchw,bc->bhw", features, query) / lengths


def pooled(features: Tensor, maps: Tensor) -> Tensor:
    """(B, C), the features of all places, each weighted by its similarity, scaled from 0 to 1 clip by clip."""
    found = []
    for feature, cells in zip(features, maps, strict=True):
        weights = (cells - cells.min()) / (cells.max() - cells.min() + 1e-10)
        found.append(sum(feature[:, y, x] * weights[y, x] for y in range(len(cells)) for x in range(len(cells))))
    return torch.stack(found)


def head(state: State, values: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
    """z and p."""
    z = values
    for layer in (1, 2, 3):
        z = norm(state, f"head.projector.layer{layer}.1", linear(state, f"head.projector.layer{layer}.0", z), training)
        z = z.clamp(min=0) if layer < 3 else z
    p = norm(state, "head.predictor.layer1.1", linear(state, "head.predictor.layer1.0", z), training).clamp(min=0)
    return z, linear(state, "head.predictor.layer2", p)


def loss(p1: Tensor, p2: Tensor, z1: Tensor, z2: Tensor) -> Tensor:
    def cosine(one: Tensor, two: Tensor) -> Tensor:
        return ((one * two).sum(1) / (one.norm(dim=1) * two.norm(dim=1))).mean()

    return -(cosine(p1, z2) + cosine(p2, z1)) / 2
