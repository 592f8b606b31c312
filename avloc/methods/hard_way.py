"""Hard Way (LVS): localizing visual sounds by contrast with the background of the clip's own frame.

Chen et al., CVPR 2021, arXiv 2104.02691; reference hche11/Localizing-Visual-Sounds-the-Hard-Way @8fe8cbb, which has the
model and the test but neither the loss nor the training: these follow the paper.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.methods.base import Localizer, Needs, Published
from avloc.nn.contrast import OwnPair, Pool, hard_way_logits
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.published import UNUSED_OF_EACH, load_published, require
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, pairwise_maps
from avloc.ranges import Several, Similarity, Temperature


class HardWay(Localizer):
    """Chen et al., CVPR 2021, section 3.3: certain object, certain background, and an ignored zone between them.

    positive, negative: similarities above and below which a place is object or background (epsilon of the code, 0.65 and
    0.40); sharpness: width of these soft thresholds (tau, 0.03); temperature: temperature of the logits (0.07).
    tri_map: the background is what is below `negative`; otherwise it is everything that is not object. hard_negatives: contrast
    with that background too. easy_pool: a frame is scored with the other sounds by its positions ``weighted`` by confidence,
    as in the code, by their ``mean``, as in the paper's formula, or by its ``max``.
    own_pair: how a clip's own pair is removed from the other sounds: ``excluded``, or ``published``, multiplied by -99, so
    that a clip whose own score is negative has a huge loss.
    noise_negatives: this many sounds of noise and silence are additional negatives of every frame; the paper has
    none.
    """

    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(seconds=3.0),
        visual: Eyes = Backbone(),
        audio: Ears = Backbone(),
        positive: Similarity = 0.65,
        negative: Similarity = 0.40,
        sharpness: Temperature = 0.03,
        temperature: Temperature = 0.07,
        tri_map: bool = True,
        hard_negatives: bool = True,
        easy_pool: Pool = "weighted",
        own_pair: OwnPair = "excluded",
        noise_negatives: Several = 0,
    ):
        super().__init__()
        self.frame, self.sound, self.needs = frame, sound, Needs(noises=noise_negatives)
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        for network, backbone in ((self.visual, visual), (self.audio, audio)):
            if backbone.weights is None:
                jitter_norms(network)
        self.positive, self.negative, self.sharpness, self.temperature = positive, negative, sharpness, temperature
        self.tri_map, self.hard_negatives = tri_map, hard_negatives
        self.easy_pool, self.own_pair = easy_pool, own_pair

    def see(self, batch: Batch) -> Tensor:
        """Unit vectors (B, C, h, w)."""
        return F.normalize(self.visual(batch.frame).float(), dim=1)

    def hear(self, batch: Batch) -> Tensor:
        """Unit vectors (B, C): the maximum of each channel over times and frequencies."""
        return F.normalize(self.audio(batch.sound).float().amax((2, 3)), dim=1)

    def frame_encoder(self) -> nn.Module | None:
        return self.visual

    def sound_encoder(self) -> nn.Module | None:
        return self.audio

    def locate(self, batch: Batch) -> Tensor:
        """Cosines (B, 1, h, w)."""
        return cosine_map(self.see(batch), self.hear(batch))

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.see(batch)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of all positions, and the sound."""
        return F.normalize(self.see(batch).mean((2, 3)), dim=1), self.hear(batch)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        heard = self.gathered(self.hear(replace(batch, sound=batch.sounds)), len(batch))
        logits = self.logits(pairwise_maps(self.gathered(self.see(batch)), heard))
        return {"contrast": F.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))}

    def logits(self, similarity: Tensor) -> Tensor:
        """From cosines (B, A, h, w), frame by sound, where the first B sounds are the clips' own: each clip's own
        score, then its frame with every sound, then its background, (B, A + 2); the first should be the highest.
        Equation 6.
        """
        return hard_way_logits(
            similarity,
            self.positive,
            self.negative if self.tri_map else None,
            self.sharpness,
            self.temperature,
            self.own_pair,
            self.hard_negatives,
            self.easy_pool,
        )


STAGES = (HardWay,)

# The authors' 248 entries.
NAMES = {"imgnet.": "visual.", "audnet.conv1_a.": "audio.conv1.", "audnet.": "audio."}


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["imgnet.conv1.weight", "audnet.conv1_a.weight"], "Hard Way")
    return ({"sound": {"seconds": 10.0, "part": "first"}},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: HardWay, two: nn.Module | None = None, dictionary: Any = None
) -> HardWay:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, NAMES, UNUSED_OF_EACH, "Hard Way")
    return one


PUBLISHED = Published("hard_way_vggsound_144k", arguments_of, import_state)
