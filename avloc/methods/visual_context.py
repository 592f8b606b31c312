"""Visual context semantics: sound source localization with a module that reasons about the frame alone.

Zhou et al., WACV 2023, pp. 5199-5208; the one code commit that its authors released.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc import processes
from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Published
from avloc.nn.encoders import Backbone
from avloc.nn.losses import hard_negative_cross_entropy, map_divergence
from avloc.nn.published import UNUSED_OF_EACH, load_published, require
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import pairwise_maps, pool_map
from avloc.ranges import Classes, Factor, Fraction, Weight

MOMENTUM = 0.01  # momentum of the running mean of `contrast`


class VisualContext(Localizer):
    """Zhou et al., WACV 2023: both streams, and the reasoning module, `nodes` linear maps over the frame, each with the
    sum of the features under it.

    reasoning: False is the base model, which is trained with the localization loss only.
    nodes: linear maps of the reasoning module.
    map_dropout, feature_dropout: dropout of the maps and of the features that they sum (dropout1, dropout2).
    pool: share of the positions whose mean scores a frame with a sound; 0 is the maximum, 1 the mean (loss_pool).
    audio_pool: ``max`` or ``mean`` over the sound's features.
    foreground, background: how many of the nodes most and least similar to the sound are contrasted. dis_weight:
    weight of that loss.
    divergence: ``js`` or ``kl`` of the foreground's map and the audio-visual map. div_weight: weight of that loss.
    scale: initial value of the learned factor of the similarity (1 as published; the inverse of a temperature).
    deaf: the map without sound. The paper claims purely visual inference; the release has none, so both choices are avloc's.
    ``mean``: the mean of all node maps, or of `deaf_nodes`. Node maps can be negative on what sounds, those of the
    background are
    trained to be, and they outweigh the others on photographs. ``contrast``: each node map is weighted by how often it was
    foreground in training, minus how often it was background: the expected map for an unknown sound.
    """

    contrast: Tensor | None
    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(rate=24_000, seconds=3.0),
        visual: Eyes = Backbone(),
        audio: Ears = Backbone(),
        reasoning: bool = True,
        nodes: Classes = 16,
        map_dropout: Fraction = 0.0,
        feature_dropout: Fraction = 0.1,
        audio_pool: Literal["max", "mean"] = "max",
        pool: Fraction = 0.0,
        foreground: Classes = 8,
        background: Classes = 8,
        dis_weight: Weight = 0.1,
        div_weight: Weight = 0.1,
        divergence: Literal["js", "kl"] = "js",
        scale: Factor = 1.0,
        deaf_nodes: tuple[int, ...] | None = None,
        deaf: Literal["mean", "contrast"] = "mean",
    ):
        super().__init__()
        wrong = [node for node in deaf_nodes or () if not 0 <= node < nodes]
        if wrong or max(foreground, background) > nodes:
            what = f"deaf_nodes names node {wrong[0]}" if wrong else f"foreground {foreground}, background {background}"
            raise AvlocError(f"{what}: the reasoning module has {nodes} nodes, numbered from 0")
        if deaf == "contrast" and deaf_nodes is not None:
            raise AvlocError("deaf is 'contrast', which weights all nodes; leave out deaf_nodes, or set deaf to mean")
        self.frame, self.sound, self.audio_pool, self.pool = frame, sound, audio_pool, pool
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        self.scale = nn.Parameter(torch.full((1,), scale))
        self.reason = nn.Conv2d(self.visual.channels, nodes, 1, bias=False) if reasoning else None
        self.map_dropout, self.feature_dropout = nn.Dropout(map_dropout), nn.Dropout(feature_dropout)
        self.foreground, self.background = foreground, background
        self.dis_weight, self.div_weight, self.divergence = dis_weight, div_weight, divergence
        self.deaf_nodes = deaf_nodes
        kept = torch.zeros(nodes) if deaf == "contrast" and reasoning else None
        self.register_buffer("contrast", kept)  # over recent batches: share as foreground minus share as background

    def hear(self, batch: Batch) -> Tensor:
        """Unit vectors (B, C)."""
        features = self.audio(batch.sound).float()
        return F.normalize(features.amax((2, 3)) if self.audio_pool == "max" else features.mean((2, 3)), dim=1)

    def nodes(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Node maps (B, K, h, w) and node features (B, K, C) of frame features (B, C, h, w)."""
        assert self.reason is not None
        maps = self.map_dropout(self.reason(features))
        return maps, torch.einsum("bchw,bkhw->bkc", self.feature_dropout(features), maps)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        features, heard = self.visual(batch.frame).float(), self.hear(batch)
        seen = self.gathered(F.normalize(features, dim=1))
        similarity = self.scale * pairwise_maps(seen, self.gathered(heard))
        scores = pool_map(similarity, self.pool)
        terms = {"localization": F.cross_entropy(scores, torch.arange(len(scores), device=scores.device))}
        if self.reason is None:
            return terms
        maps, nodes = self.nodes(features)
        alike = torch.einsum("bkc,bc->bk", F.normalize(nodes, dim=2), heard)
        terms["discrimination"] = self.dis_weight * hard_negative_cross_entropy(alike, self.foreground, self.background)
        chosen = alike.topk(self.foreground, dim=1).indices
        if self.contrast is not None and self.training:
            unlike = (-alike).topk(self.background, dim=1).indices
            shares = _shares(chosen, alike) - _shares(unlike, alike)
            self.contrast.lerp_(processes.mean(shares) if self.gather else shares, MOMENTUM)
        front = torch.stack([maps[clip, rows].mean(0) for clip, rows in enumerate(chosen)])
        own = self.own_rows(similarity.diagonal().movedim(-1, 0))
        terms["divergence"] = self.div_weight * map_divergence(front, own, self.divergence)
        return terms

    def frame_encoder(self) -> nn.Module | None:
        return self.visual

    def sound_encoder(self) -> nn.Module | None:
        return self.audio

    def locate(self, batch: Batch) -> Tensor:
        """Scaled cosines (B, 1, h, w)."""
        seen = F.normalize(self.visual(batch.frame).float(), dim=1)
        return self.scale * torch.einsum("bchw,bc->bhw", seen, self.hear(batch)).unsqueeze(1)

    def place_features(self, batch: Batch) -> Tensor | None:
        return F.normalize(self.visual(batch.frame).float(), dim=1)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of all positions, and the sound."""
        seen = F.normalize(self.visual(batch.frame).float(), dim=1).mean((2, 3))
        return F.normalize(seen, dim=1), self.hear(batch)

    def node_maps(self, batch: Batch) -> Tensor:
        """The map of each node of the reasoning module, without any sound: (K, B, 1, h, w); K is 0 without the module."""
        if self.reason is None:
            return batch.frame.new_zeros(0, len(batch), 1, 1, 1)
        return self.reason(self.visual(batch.frame).float()).transpose(0, 1).unsqueeze(2)

    def look(self, batch: Batch) -> Tensor | None:
        """Purely visual inference: see `deaf`; (B, 1, h, w), None without the reasoning module."""
        if self.reason is None:
            return None
        maps = self.node_maps(batch)
        if self.contrast is not None:
            return torch.einsum("k,kbchw->bchw", self.contrast, maps)
        return (maps if self.deaf_nodes is None else maps[list(self.deaf_nodes)]).mean(0)


def _shares(nodes: Tensor, alike: Tensor) -> Tensor:
    """(K,), the share of the clips that have each node among theirs, (B, n); alike: (B, K)."""
    return torch.zeros_like(alike).scatter_(1, nodes, 1.0).mean(0).detach().float()


STAGES = (VisualContext,)

# The authors' 250 entries (249 of the base model).
NAMES = {
    "imgnet.": "visual.",
    "audnet.conv1_a.": "audio.conv1.",
    "audnet.": "audio.",
    "gluenet.conv_proj.": "reason.",
}


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["scale", "imgnet.conv1.weight", "audnet.conv1_a.weight"], "visual context")
    reason = state.get("gluenet.conv_proj.weight")
    return ({"reasoning": False} if reason is None else {"nodes": int(reason.shape[0])},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: VisualContext, two: nn.Module | None = None, dictionary: Any = None
) -> VisualContext:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, NAMES, UNUSED_OF_EACH, "visual context")
    return one


PUBLISHED = Published("visual_context_vggsound_144k", arguments_of, import_state)
