"""FNAC: contrast that recognises false negatives by similar sounds and similar frames.

Sun et al., CVPR 2023, arXiv 2303.11302; reference OpenNLPLab/FNAC_AVL @0a0ca78.
"""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.methods.base import Localizer, Phase, Published, Train
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.guidance import build_guide, guided, object_maps, rest
from avloc.nn.published import PROJECTED, load_published, require
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, in_full, pairwise_maps, pool_map
from avloc.ranges import Channels, Epochs, Fraction, Share, Temperature, Weight

STRIDES = (1, 2, 2, 2)  # an ordinary ResNet-18: maps of 7x7 for frames of 224


class Fnac(Localizer):
    """Sun et al., CVPR 2023. dim: size of the common space; tau: temperature.

    warmup: epochs of training with the contrast only. sound_neighbours, frame_neighbours: weights of the terms that suppress
    false negatives (FNS-1 by sounds, FNS-2 by frames); foregrounds: weight of the term that enhances true negatives (TNS).
    They are means of B x B absolute differences, so these weights are for the published batch size of 256.
    pool: share of the positions whose mean scores a frame; 0 is the published maximum.
    foreground: threshold of the foreground, on the map scaled to [0, 1].
    detach: use the similarities of sounds and of frames as fixed targets (not published); the release lets gradients
    through both.
    frame_dropout, sound_dropout: share of the encoders' features that are dropped in training.
    objects, alpha, guided_at: object guidance of the map, as in EZ-VSL.
    """

    weights_from = ("train", "warmup")
    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(seconds=3.0, masks=(9, 9), mask_starts="swapped"),
        visual: Eyes = Backbone(strides=STRIDES),
        audio: Ears = Backbone(strides=STRIDES),
        dim: Channels = 512,
        tau: Temperature = 0.03,
        pool: Fraction = 0.0,
        warmup: Epochs = 5,
        sound_neighbours: Weight = 100.0,
        foregrounds: Weight = 100.0,
        frame_neighbours: Weight = 100.0,
        foreground: Fraction = 0.6,
        detach: bool = False,
        frame_dropout: Share = 0.9,
        sound_dropout: Share = 0.0,
        objects: Eyes | None = None,
        alpha: Fraction = 0.4,
        guided_at: Literal["frame", "map"] = "frame",
    ):
        super().__init__()
        self.frame, self.sound, self.tau, self.pool, self.warmup = frame, sound, tau, pool, warmup
        self.sound_neighbours, self.foregrounds, self.frame_neighbours = sound_neighbours, foregrounds, frame_neighbours
        self.foreground, self.detach = foreground, detach
        self.alpha, self.guided_at = alpha, guided_at
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        jitter_norms(self.audio)
        self.frame_dropout, self.sound_dropout = nn.Dropout(frame_dropout), nn.Dropout(sound_dropout)
        self.frame_projection = nn.Conv2d(self.visual.channels, dim, 1)
        self.sound_projection = nn.Linear(self.audio.channels, dim)
        nn.init.kaiming_normal_(self.frame_projection.weight, mode="fan_out", nonlinearity="relu")
        nn.init.trunc_normal_(self.sound_projection.weight, std=0.01)
        self.objects = build_guide(objects, frame)

    def train(self, mode: bool = True) -> "Fnac":
        super().train(mode)
        rest(self.objects)
        return self

    def frame_encoder(self) -> nn.Module | None:
        return self.visual if self.objects is None else None

    def sound_encoder(self) -> nn.Module | None:
        return self.audio

    def see(self, batch: Batch) -> Tensor:
        """Unit vectors (B, dim, h, w)."""
        return F.normalize(in_full(self.frame_projection(self.frame_dropout(self.visual(batch.frame)))), dim=1)

    def hear(self, batch: Batch) -> Tensor:
        """Unit vectors (B, dim)."""
        features = self.audio(batch.sound).amax((2, 3))
        return F.normalize(in_full(self.sound_projection(self.sound_dropout(features))), dim=1)

    def phases(self, train: Train) -> list[Phase]:
        """The contrast for `warmup` epochs, then all terms; a single optimizer, which keeps its moments."""
        optimizer, warmup = train.make_optimizer(self.parameters()), min(self.warmup, train.epochs)
        plan = [
            Phase("warmup", self.contrast, [optimizer], warmup),
            Phase("train", self.loss, [optimizer], train.epochs - warmup),
        ]
        return [phase for phase in plan if phase.epochs]

    def contrast(self, batch: Batch) -> dict[str, Tensor]:
        """EZ-VSL's: in the batch, each frame's best position should match its own sound best, and each sound its own frame."""
        frames, sounds = self.gathered(self.see(batch)), self.gathered(self.hear(batch))
        return self._contrast(pairwise_maps(frames, sounds) / self.tau)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The contrast, plus targets for each row of its probabilities: which sounds, and which frames, are similar."""
        frames, sounds = self.gathered(self.see(batch)), self.gathered(self.hear(batch))
        maps = pairwise_maps(frames, sounds) / self.tau  # (B, B, h, w), frame by sound
        means = frames.mean((2, 3))  # not normalised again, so frames with varied positions have small similarities
        fronts = self.fronts(frames, maps.diagonal().movedim(-1, 0))
        pairs = pool_map(maps, self.pool).softmax(1)
        alike_sounds, alike_frames = self._alike(sounds), self._alike(means)
        if self.detach:
            alike_sounds, alike_frames = alike_sounds.detach(), alike_frames.detach()
        return {
            **self._contrast(maps),
            "sound_neighbours": self.sound_neighbours * F.l1_loss(alike_sounds, pairs),
            "foregrounds": self.foregrounds * F.l1_loss(alike_sounds, self._alike(fronts)),
            "frame_neighbours": self.frame_neighbours * F.l1_loss(alike_frames, pairs),
        }

    def fronts(self, frames: Tensor, maps: Tensor) -> Tensor:
        """The features of each frame (B, C, h, w) where its own map (B, h, w) is high: (B, C).

        The sum over the foreground is divided by the number of all positions, as in the release; a constant map has no
        foreground.
        """
        low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
        mask = (maps - low) / (high - low + 1e-5) > self.foreground
        return (frames * mask[:, None]).mean((2, 3))

    def locate(self, batch: Batch) -> Tensor:
        """Cosines over tau, (B, 1, h, w); with `objects` the guided map in [0, 1], (B, 1, H, W) if guided at the size
        of the frame.
        """
        maps = cosine_map(self.see(batch), self.hear(batch)) / self.tau
        objects = self.look(batch)
        if objects is None:
            return maps
        return guided(maps, objects, self.alpha, batch.frame.shape[2:] if self.guided_at == "frame" else maps.shape[2:])

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.see(batch)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of all positions, and the sound."""
        return F.normalize(self.see(batch).mean((2, 3)), dim=1), self.hear(batch)

    def look(self, batch: Batch) -> Tensor | None:
        """Object map: (B, 1, h, w), the mean absolute feature of the ImageNet encoder."""
        return object_maps(self.objects, batch.frame)

    def _contrast(self, maps: Tensor) -> dict[str, Tensor]:
        scores = pool_map(maps, self.pool)
        own = torch.arange(len(scores), device=scores.device)
        return {"frames": F.cross_entropy(scores, own), "sounds": F.cross_entropy(scores.T, own)}

    def _alike(self, vectors: Tensor) -> Tensor:
        """Similarity of the clips in the batch, (B, C) to rows of probabilities (B, B)."""
        return (vectors @ vectors.T / self.tau).softmax(1)


STAGES = (Fnac,)


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["img_proj.weight", "aud_proj.weight"], "FNAC")
    return ({"dim": int(state["img_proj.weight"].shape[0])},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: Fnac, two: nn.Module | None = None, dictionary: Any = None
) -> Fnac:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, PROJECTED, (), "FNAC", own=("objects.",))
    return one


PUBLISHED = Published("fnac_vggsound_144k", arguments_of, import_state, own=("objects",))
