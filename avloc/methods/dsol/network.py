"""The two streams that both stages of DSOL share."""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import dot_map


class Hearing(NamedTuple):
    """vector: (B, C), the globally max-pooled sound features. embedding: (B, dim). logits: (B, K) of the class head."""

    vector: Tensor
    embedding: Tensor
    logits: Tensor


class Sight(NamedTuple):
    """features: (B, C, h, w). embedding: (B, dim, h, w). logits: (B, K) of the class head, from the mean feature."""

    features: Tensor
    embedding: Tensor
    logits: Tensor


class TwoStreams(nn.Module):
    """A frame and a sound encoder, their projections to a common space, and a class head each.

    cosine: compare normalised embeddings (AudioSet: plain inner products). logit_scale: initial value of the learned
    factor of the
    similarity (None: random). logit_bias: learn an offset too. frame, sound: the views that feed the encoders.
    """

    def __init__(
        self,
        clusters: int,
        visual: Eyes,
        audio: Ears,
        dim: int,
        cosine: bool,
        logit_scale: float | None,
        logit_bias: bool,
        frame: Any = None,
        sound: Any = None,
    ):
        super().__init__()
        self.cosine = cosine
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        seen, heard = self.visual.channels, self.audio.channels
        self.frame_projection = nn.Sequential(nn.Conv2d(seen, dim, 1), nn.ReLU(), nn.Conv2d(dim, dim, 1))
        self.sound_projection = nn.Sequential(nn.Linear(heard, dim), nn.ReLU(), nn.Linear(dim, dim))
        self.scale = nn.Conv2d(1, 1, 1, bias=logit_bias)
        if logit_scale is not None:
            nn.init.constant_(self.scale.weight, logit_scale)
            if self.scale.bias is not None:
                nn.init.zeros_(self.scale.bias)
        self.frame_head, self.sound_head = nn.Linear(seen, clusters), nn.Linear(heard, clusters)

    def see(self, frame: Tensor) -> Sight:
        features = self.visual(frame)
        embedding = self.frame_projection(features)
        if self.cosine:
            embedding = F.normalize(embedding, dim=1)
        return Sight(features, embedding, self.frame_head(features.mean((2, 3))))

    def hear(self, sound: Tensor) -> Hearing:
        vector = self.audio(sound).amax((2, 3))
        embedding = self.sound_projection(vector)
        if self.cosine:
            embedding = F.normalize(embedding, dim=1)
        return Hearing(vector, embedding, self.sound_head(vector))

    def agreement(self, sight: Sight, hearing: Hearing) -> Tensor:
        """Logits (B, 1, h, w) that a position of the frame belongs to the sound; their sigmoid is the published map."""
        return self.scale(dot_map(sight.embedding, hearing.embedding))

    def heads(self) -> list[nn.Parameter]:
        return [*self.frame_head.parameters(), *self.sound_head.parameters()]

    def body(self) -> list[nn.Parameter]:
        heads = {id(parameter) for parameter in self.heads()}
        return [parameter for parameter in self.parameters() if id(parameter) not in heads]

    def reset_heads(self, seed: int) -> None:
        """New class heads: weights N(0, 0.01), bias 0."""
        generator = torch.Generator().manual_seed(seed)
        for head in (self.frame_head, self.sound_head):
            weight = torch.empty(head.weight.shape).normal_(0, 0.01, generator=generator)
            with torch.no_grad():
                head.weight.copy_(weight)
                head.bias.zero_()
