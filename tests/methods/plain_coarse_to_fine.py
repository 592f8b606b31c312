"""The original version of coarse-to-fine in plain loops and functions, from its specification alone."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def norm(state: State, name: str, x: Tensor) -> Tensor:
    """A batch norm with its running statistics."""
    return F.batch_norm(x, *(state[f"{name}.{kind}"] for kind in ("running_mean", "running_var", "weight", "bias")))


# networks, from a published state dict


def layer(state: State, name: str, x: Tensor, stride: int) -> Tensor:
    """One stage of ResNet-18: two basic blocks, the first with this stride."""
    for block in (0, 1):
        part, step = f"{name}.{block}", stride if block == 0 else 1
        y = norm(state, f"{part}.bn1", F.conv2d(x, state[f"{part}.conv1.weight"], stride=step, padding=1)).relu()
        y = norm(state, f"{part}.bn2", F.conv2d(y, state[f"{part}.conv2.weight"], padding=1))
        if f"{part}.downsample.0.weight" in state:
            x = norm(state, f"{part}.downsample.1", F.conv2d(x, state[f"{part}.downsample.0.weight"], stride=step))
        x = (x + y).relu()
    return x


def bottom(state: State, images: Tensor) -> Tensor:
    x = norm(state, "visual.bn1", F.conv2d(images, state["visual.conv1.weight"], stride=2, padding=3)).relu()
    x = F.max_pool2d(x, 3, 2, 1)
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = layer(state, f"visual.layer{number}", x, stride)
    return x


def sound_features(state: State, spectra: Tensor) -> Tensor:
    """(B, T, 64) to (B, 512, T', 2)."""
    x = norm(state, "audio.features.0.0", spectra[:, None])
    x = F.conv2d(x, state["audio.features.0.1.weight"], state["audio.features.0.1.bias"], stride=2, padding=2)
    x = F.max_pool2d(x * x.sigmoid(), 2)
    for number in range(2, 12):
        name = f"audio.features.{number}.conv"
        if number in (3, 6, 9):
            x = F.max_pool2d(x, (1, 2))
            continue
        wide = state[f"{name}.0.0.weight"]
        y = norm(state, f"{name}.0.1", F.conv2d(x, wide)).clamp(0, 6)
        y = F.conv2d(y, state[f"{name}.1.0.weight"], padding=1, groups=len(wide))
        y = norm(state, f"{name}.1.1", y).clamp(0, 6)
        y = norm(state, f"{name}.3", F.conv2d(y, state[f"{name}.2.weight"]))
        x = x + y if x.shape == y.shape else y
    return x


def recurrent(state: State, series: Tensor, suffix: str) -> Tensor:
    """One direction of the recurrent layer, step by step: (B, T', 1024) to (B, T', 128)."""
    weights = [state[f"audio.gru.rnn.{kind}_l0{suffix}"] for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    hidden = torch.zeros(len(series), weights[1].shape[1])
    out = []
    for step in series.unbind(1):
        r1, z1, n1 = (step @ weights[0].T + weights[2]).chunk(3, 1)
        r2, z2, n2 = (hidden @ weights[1].T + weights[3]).chunk(3, 1)
        reset, update = (r1 + r2).sigmoid(), (z1 + z2).sigmoid()
        hidden = (1 - update) * (n1 + reset * n2).tanh() + update * hidden
        out.append(hidden)
    return torch.stack(out, 1)


def likely(state: State, features: Tensor) -> Tensor:
    """Probabilities (B, C) of the clip."""
    series = features.permute(0, 2, 1, 3).flatten(2)
    back = recurrent(state, series.flip(1), "_reverse").flip(1)
    both = torch.cat([recurrent(state, series, ""), back], 2)
    steps = F.linear(both, state["audio.outputlayer.weight"], state["audio.outputlayer.bias"]).sigmoid().clamp(1e-7, 1)
    return (steps.square().sum(1) / steps.sum(1)).clamp(1e-7, 1)


def temp_conv(state: State, x: Tensor) -> Tensor:
    name = "discrim.temp_conv"
    x = F.conv2d(x, state[f"{name}.0.weight"], padding=(2, 0), dilation=(2, 1))
    x = F.max_pool2d(norm(state, f"{name}.1", x), (2, 1)).relu()
    x = norm(state, f"{name}.5", F.conv2d(x, state[f"{name}.4.weight"], stride=(1, 2))).relu()
    x = F.conv2d(x, state[f"{name}.7.weight"], padding=(1, 0))
    return F.max_pool2d(norm(state, f"{name}.8", x), (2, 1)).relu()


def transform(state: State, kind: str, x: Tensor) -> Tensor:
    name = f"discrim.transform_{kind}"
    x = F.linear(x, state[f"{name}.0.weight"], state[f"{name}.0.bias"]).relu()
    return norm(state, f"{name}.3", F.linear(x, state[f"{name}.2.weight"], state[f"{name}.2.bias"]))


def sound_cams(state: State, features: Tensor) -> Tensor:
    """Grad-CAM of each category, one backward pass after the other through the recurrent layer written out."""
    cams = []
    for category in range(len(state["audio.outputlayer.bias"])):
        inputs = features.detach().clone().requires_grad_()
        with torch.enable_grad():
            likely(state, inputs)[:, category].sum().backward()
        weights = inputs.grad.sum((2, 3))
        cams.append(sum(weights[:, d, None, None] * features[:, d] for d in range(features.shape[1])))
    return torch.stack(cams, 1)


def sources(state: State, features: Tensor) -> tuple[Tensor, Tensor]:
    """Vectors (B, C, 512) of the categories' sounds, and their ratios (B, C)."""
    masks = (sound_cams(state, features) > 0.1).float()
    vectors = [
        torch.stack([temp_conv(state, features[n : n + 1] * mask)[0].amax((1, 2)) for mask in masks[n]])
        for n in range(len(features))
    ]
    return torch.stack(vectors), masks.mean((2, 3))


def apart(state: State, a: Tensor, y: Tensor, kind: str = "v") -> Tensor:
    """Distances (C, h w) of a clip's sounds (C, 512) from its places (512, h, w)."""
    left, right = transform(state, "a", a), transform(state, kind, y.flatten(1).T)
    return torch.stack([torch.stack([((one - other) ** 2).mean() for other in right]) for one in left])


def flickr_map(state: State, image: Tensor, spectrum: Tensor) -> Tensor:
    """Of one clip, (h, w)."""
    x = sound_features(state, spectrum[None])
    p = likely(state, x)[0]
    vectors, ratio = sources(state, x)
    y = layer(state, "visual.layer5", bottom(state, image[None]), 1)[0]
    d = apart(state, vectors[0], y)
    total, weight = torch.zeros(d.shape[1]), 0.0
    for category in range(len(p)):
        if ratio[0, category] > 0 or category == int(ratio[0].argmax()):
            m = torch.exp(-10 * d[category]) / torch.exp(-10 * d[category]).sum()
            total, weight = total + p[category] * m / m.max(), weight + p[category]
    return (total / weight).view(y.shape[1:])


def audioset_maps(state: State, image: Tensor, spectrum: Tensor, kind: str = "v") -> Tensor:
    """Of one clip and frame, (C, h, w), not weighted."""
    vectors, _ = sources(state, sound_features(state, spectrum[None]))
    below = bottom(state, image[None])
    y, top = (layer(state, f"visual.layer{n}", below, 1)[0] for n in (5, 4))
    cam = torch.einsum("cd,dhw->chw", state["visual.fc.weight"], top)
    active = (cam - 0.1).relu().amax(0).flatten()
    d = apart(state, vectors[0], y, kind)
    scores = torch.stack([torch.softmax(-row, 0) * active for row in d])
    return (scores / (scores + 1e-10).amax(1, keepdim=True)).unflatten(1, y.shape[1:])


# losses


def cross_entropy(p: float, y: float) -> float:
    return -(y * max(math.log(p), -100) + (1 - y) * max(math.log(1 - p), -100))


def match_loss(own: Tensor, foreign: Tensor, mask: Tensor) -> float:
    """Over all pairs of (B, F, 2), each counted by its mask (B, F)."""
    total = weight = 0.0
    for logits, target in ((own, 1), (foreign, 0)):
        for n in range(own.shape[0]):
            for f in range(own.shape[1]):
                losses = logits[n, f].tolist()
                total += float(mask[n, f]) * (math.log(sum(math.exp(v) for v in losses)) - losses[target])
                weight += float(mask[n, f])
    return total / weight


def batch_norm(rows: Tensor) -> Tensor:
    return (rows - rows.mean(0)) / (rows.var(0, unbiased=False) + 1e-5).sqrt()
