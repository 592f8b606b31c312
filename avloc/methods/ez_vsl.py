"""EZ-VSL: localizing visual sounds the easy way, by contrast of each frame's best position, and object guidance.

Mo and Morgado, ECCV 2022, arXiv 2203.09324; reference stoneMo/EZ-VSL @95ff5bf.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.methods.base import Localizer, Needs, Published
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.guidance import build_guide, guided, object_maps, rest
from avloc.nn.published import PROJECTED, load_published, require
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, in_full, pairwise_maps, pool_map
from avloc.ranges import Channels, Fraction, Several, Temperature

STRIDES = (1, 2, 2, 2)  # an ordinary ResNet-18: maps of 7x7 for frames of 224


class EzVsl(Localizer):
    """Mo and Morgado, ECCV 2022, sections 3.2 to 3.4. dim: size of the common space; tau: temperature.

    pool: share of the positions whose mean scores a frame; 0 is the published maximum.
    objects: an ImageNet encoder whose mean absolute features show where objects are, without using the sound; the map is
    then alpha times the audio-visual map plus 1 - alpha times the object map, each scaled to [0, 1] (section 3.4). None: only
    the audio-visual map.
    guided_at: both are scaled and added at the size of the ``frame``, as in the code, or of the ``map``: smaller files, the
    same except for peaks between the pixels of the frame (a tenth of a percent of the mask's pixels).
    noise_negatives: this many sounds of noise and silence are additional negatives of every frame of a batch; the paper
    has none.
    """

    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(seconds=3.0),
        visual: Eyes = Backbone(strides=STRIDES),
        audio: Ears = Backbone(strides=STRIDES),
        dim: Channels = 512,
        tau: Temperature = 0.03,
        pool: Fraction = 0.0,
        objects: Eyes | None = None,
        alpha: Fraction = 0.4,
        guided_at: Literal["frame", "map"] = "frame",
        noise_negatives: Several = 0,
    ):
        super().__init__()
        self.frame, self.sound, self.tau, self.pool, self.alpha = frame, sound, tau, pool, alpha
        self.guided_at, self.needs = guided_at, Needs(noises=noise_negatives)
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        jitter_norms(self.audio)
        self.frame_projection = nn.Conv2d(self.visual.channels, dim, 1)
        self.sound_projection = nn.Linear(self.audio.channels, dim)
        nn.init.kaiming_normal_(self.frame_projection.weight, mode="fan_out", nonlinearity="relu")
        nn.init.trunc_normal_(self.sound_projection.weight, std=0.01)
        self.objects = build_guide(objects, frame)

    def train(self, mode: bool = True) -> "EzVsl":
        super().train(mode)
        rest(self.objects)
        return self

    def see(self, batch: Batch) -> Tensor:
        """Unit vectors (B, dim, h, w)."""
        return F.normalize(in_full(self.frame_projection(self.visual(batch.frame))), dim=1)

    def hear(self, batch: Batch) -> Tensor:
        """Unit vectors (B, dim)."""
        return F.normalize(in_full(self.sound_projection(self.audio(batch.sound).amax((2, 3)))), dim=1)

    def frame_encoder(self) -> nn.Module | None:
        return self.visual if self.objects is None else None

    def sound_encoder(self) -> nn.Module | None:
        return self.audio

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """In the batch, each frame's best position should match its own sound best, and each sound its own frame.

        Noise sounds have no frame, so they are only negatives for the frames.
        """
        heard = self.gathered(self.hear(replace(batch, sound=batch.sounds)), len(batch))
        scores = pool_map(pairwise_maps(self.gathered(self.see(batch)), heard), self.pool) / self.tau
        own = torch.arange(len(scores), device=scores.device)
        return {"frames": F.cross_entropy(scores, own), "sounds": F.cross_entropy(scores[:, : len(own)].T, own)}

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


STAGES = (EzVsl,)


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["img_proj.weight", "aud_proj.weight"], "EZ-VSL")
    return ({"dim": int(state["img_proj.weight"].shape[0])},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: EzVsl, two: nn.Module | None = None, dictionary: Any = None
) -> EzVsl:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, PROJECTED, (), "EZ-VSL", own=("objects.",))
    return one


PUBLISHED = Published("ez_vsl_vggsound_144k", arguments_of, import_state, own=("objects",))
