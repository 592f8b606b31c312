"""DSOL's published forward passes in plain torch functions, from the authors' own state dicts (evaluation mode)."""

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]
STRIDES = (1, 2, 2, 1)  # of ResNet-18's stages; the last keeps its resolution


def backbone(state: State, images: Tensor, first: str) -> Tensor:
    """The features of one of their encoders; `first` names the convolution of the modality, conv1 or conv1_a."""
    features = F.conv2d(images, state[f"{first}.weight"], stride=2, padding=3)
    features = F.max_pool2d(_norm(state, "bn1", features).relu(), 3, 2, 1)
    for stage, stride in enumerate(STRIDES, start=1):
        for block in range(2):
            features = _block(state, f"layer{stage}.{block}", features, stride if block == 0 else 1)
    return features


def _block(state: State, name: str, features: Tensor, stride: int) -> Tensor:
    kept = features
    if f"{name}.downsample.0.weight" in state:
        kept = _norm(
            state, f"{name}.downsample.1", F.conv2d(features, state[f"{name}.downsample.0.weight"], stride=stride)
        )
    inner = F.conv2d(features, state[f"{name}.conv1.weight"], stride=stride, padding=1)
    inner = F.conv2d(_norm(state, f"{name}.bn1", inner).relu(), state[f"{name}.conv2.weight"], padding=1)
    return (_norm(state, f"{name}.bn2", inner) + kept).relu()


def _norm(state: State, name: str, features: Tensor) -> Tensor:
    mean, variance, weight, bias = (
        state[f"{name}.{part}"].view(1, -1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (features - mean) / (variance + 1e-5).sqrt() * weight + bias


def _of(state: State, prefix: str) -> State:
    return {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}


def stage_one(state: State, frame: Tensor, sound: Tensor, audioset: bool = False) -> dict[str, Tensor]:
    """score (B,), map (B, 1, h, w), features F, vector g, and the logits of both heads."""
    features = backbone(_of(state, "visual_net."), frame, "conv1")
    vector = backbone(_of(state, "audio_net."), sound, "conv1_a").flatten(2).max(2).values
    seen = F.conv2d(features, state["conv_v_1.weight"], state["conv_v_1.bias"]).relu()
    seen = F.conv2d(seen, state["conv_v_2.weight"], state["conv_v_2.bias"])
    heard = (vector @ state["fc_a_1.weight"].T + state["fc_a_1.bias"]).relu() @ state["fc_a_2.weight"].T + state[
        "fc_a_2.bias"
    ]
    if not audioset:
        seen = seen / seen.norm(dim=1, keepdim=True).clamp(min=1e-12)
        heard = heard / heard.norm(dim=1, keepdim=True).clamp(min=1e-12)
    similarity = torch.einsum("bchw,bc->bhw", seen, heard)[:, None] * state["conv_av.weight"].view(())
    if audioset:
        similarity = similarity + state["conv_av.bias"].view(())
    maps = similarity.sigmoid()
    return {
        "score": maps.flatten(1).max(1).values,
        "map": maps,
        "features": features,
        "vector": vector,
        "frame_logits": features.mean((2, 3)) @ state["v_class_layer.weight"].T + state["v_class_layer.bias"],
        "sound_logits": vector @ state["a_class_layer.weight"].T + state["a_class_layer.bias"],
    }


def stage_two(
    state: State, frame: Tensor, sound: Tensor, dictionary: Tensor, audioset: bool = False
) -> dict[str, Tensor]:
    """What stage one gives, the object maps (B, K, h, w), and the maps that the test shows, softmax of 3 times these."""
    found = stage_one(state, frame, sound, audioset)
    objects = torch.einsum("bchw,kc->bkhw", found["features"], dictionary)
    objects = objects * state["obj_conv.weight"].view(()) + state["obj_conv.bias"].view(())
    objects = objects.sigmoid() if audioset else objects * found["map"]
    return {**found, "objects": objects, "shown": (3 * objects).exp() / (3 * objects).exp().sum(1, keepdim=True)}
