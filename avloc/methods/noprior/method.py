"""NoPrior's one stage: Hear the Flow's contrast, and objects that are found one after the other."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.optical_flow import ZERO
from avloc.data.stacking import one_above_the_other
from avloc.data.views import FrameView, LogMel, LogStft, Waveform
from avloc.methods.base import Localizer, Needs, Phase, Train
from avloc.methods.noprior.network import FlowAttention
from avloc.methods.noprior.objects import background, identify, object_loss, object_maps
from avloc.nn.contrast import hard_way_logits
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, in_full, pairwise_maps
from avloc.ranges import Epochs, Few, Similarity, Temperature, Weight

STRIDES = (1, 2, 2, 2)  # an ordinary ResNet-18: maps of 7x7 for frames of 224


class NoPrior(Localizer):
    """Kim et al., CVPR 2024, on Fedorishin et al., WACV 2023.

    flow: the attention's keys are of the optical flow to the next of the clip's ``frames``, as published;
    of ``signed`` flow, to the left and up too (ours); or, with ``none``, of the frame itself (ours).
    flow_encoder: encoder of the flow; its first layer starts from random weights, because it has two channels.
    frozen: the frame encoder gets no gradients. moving_norms: its batch norms average the statistics of training batches all
    the same, as in the release.
    positive, negative, sharpness, temperature: as in Hard Way.
    rows: a clip that has found all its objects goes on with rows of zeros until the last of the batch has, as published
    (``batch``), or ends (``own``, ours).
    least_background: a background vector shorter than this calls no find background (ours; published: 0).
    warmup: epochs with the contrast only (ours; published: 0).
    mixture: this many clips are stacked vertically in training, and their sounds mixed.
    mix: what is averaged in a mixture, in training and in tests: ``spectrograms``, as released, or ``waveforms`` (ours).
    maps: what `locate` gives: the similarity of ``all`` places with the sound, or a map of each of the ``objects`` found, whose
    number differs from clip to clip.
    """

    weights_from = ("train", "warmup")
    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, augment=False, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(rate=22_050, seconds=3.0),
        visual: Eyes = Backbone(strides=STRIDES),
        audio: Ears = Backbone(strides=STRIDES),
        flow: Literal["frames", "signed", "none"] = "frames",
        flow_encoder: Backbone = Backbone(strides=STRIDES),
        frozen: bool = True,
        moving_norms: bool = True,
        positive: Similarity = 0.65,
        negative: Similarity = 0.40,
        sharpness: Temperature = 0.03,
        temperature: Temperature = 0.07,
        rows: Literal["batch", "own"] = "batch",
        least_background: Weight = 0.0,
        warmup: Epochs = 0,
        mixture: Few = 1,
        mix: Literal["spectrograms", "waveforms"] = "spectrograms",
        maps: Literal["all", "objects"] = "all",
    ):
        super().__init__()
        self.frame, self.sound = frame, sound
        self.positive, self.negative, self.sharpness, self.temperature = positive, negative, sharpness, temperature
        self.rows, self.mixture, self.maps, self.moving_norms = rows, mixture, maps, moving_norms
        self.least_background, self.warmup = least_background, warmup
        self.maps_differ = maps == "objects"
        self.mixes_waveforms = mix == "waveforms"
        self.needs = Needs(waveform=self.mixes_waveforms)
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        if frozen:
            self.visual.requires_grad_(False)
        self.still = frozen and not moving_norms
        jitter_norms(self.audio)
        self.flow_encoder: nn.Module | None = None
        channels = self.visual.channels
        if flow != "none":
            self.signed_motion = flow == "signed"
            zero = ZERO / 255 if self.signed_motion else 0.0
            self.motion = replace(frame, augment=False, mean=(zero,) * 3, std=(1.0,) * 3)
            self.flow_encoder = flow_encoder.build(3)
            self.flow_encoder.conv1 = nn.Conv2d(2, flow_encoder.widths[0], 7, stride=2, padding=3, bias=False)
            channels = self.flow_encoder.channels
        self.attention = FlowAttention(self.visual.channels, channels)

    def train(self, mode: bool = True) -> "NoPrior":
        super().train(mode)
        if self.still:
            self.visual.eval()
        return self

    def frame_encoder(self) -> nn.Module | None:
        return self.visual if self.flow_encoder is None else None

    def sound_encoder(self) -> nn.Module | None:
        return None if self.mixes_waveforms else self.audio

    def phases(self, train: Train) -> list[Phase]:
        """`warmup` epochs with the contrast only, then both losses; a single optimizer, which keeps its moments."""
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        optimizer, warmup = train.make_optimizer(learning), min(self.warmup, train.epochs)
        plan = [
            Phase("warmup", self.contrast, [optimizer], warmup),
            Phase("train", self.loss, [optimizer], train.epochs - warmup),
        ]
        return [phase for phase in plan if phase.epochs]

    def see(self, batch: Batch) -> Tensor:
        """Unit vectors (B, C, h, w): the features of the frame, attended by its motion."""
        seen = self.visual(batch.frame)
        moved = seen if self.flow_encoder is None else self.flow_encoder(batch.motion)
        return F.normalize(in_full(seen + self.attention(seen, moved)), dim=1)

    def hear(self, batch: Batch) -> Tensor:
        """Unit vectors (B, C)."""
        return F.normalize(in_full(self.audio(batch.sound).amax((2, 3))), dim=1)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Hard Way's contrast, and a loss that separates objects from each other and from the background."""
        seen, heard = self._seen_and_heard(batch)
        return {"contrast": self._contrast(seen, heard), "objects": self.of_objects(seen, heard)}

    def contrast(self, batch: Batch) -> dict[str, Tensor]:
        """Hard Way's contrast only."""
        return {"contrast": self._contrast(*self._seen_and_heard(batch))}

    def _seen_and_heard(self, batch: Batch) -> tuple[Tensor, Tensor]:
        batch = self.mixed(batch)
        return self.gathered(self.see(batch)), self.gathered(self.hear(batch))

    def _contrast(self, seen: Tensor, heard: Tensor) -> Tensor:
        logits = hard_way_logits(
            pairwise_maps(seen, heard), self.positive, self.negative, self.sharpness, self.temperature, "published"
        )
        own = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        return F.cross_entropy(logits, own)

    def of_objects(self, seen: Tensor, heard: Tensor) -> Tensor:
        """The object loss, averaged over the clips."""
        features, similarity = self._places(seen, heard)
        behind = background(features, similarity, self.negative, self.sharpness)
        found = identify(features, similarity, behind)
        terms = []
        for clip, rounds in enumerate(found.rounds.tolist()):
            rows = found.rows[:, clip] if self.rows == "batch" else found.rows[:rounds, clip]
            terms.append(object_loss(rows, behind[clip], self.least_background))
        return torch.stack(terms).mean()

    def mixed(self, batch: Batch) -> Batch:
        """`mixture` clips as one: frames and motion stacked vertically, sounds mixed."""
        if self.mixture == 1:
            return batch
        mixture = min(self.mixture, len(batch))  # the last batch may be smaller
        size = len(batch) // mixture
        parts = [slice(number * size, (number + 1) * size) for number in range(mixture)]
        moved, waveform = batch.motion, batch.waveform
        clips = [
            Batch(
                batch.frame[part],
                batch.sound[part],
                None if waveform is None else waveform[part],
                motion=None if moved is None else moved[part],
            )
            for part in parts
        ]
        return one_above_the_other(clips, self.sound if self.mixes_waveforms else None)

    def locate(self, batch: Batch) -> Tensor:
        """Cosines (B, 1, h, w); for objects (B, K, h, w), at most 0, with NaN for maps that only other clips have."""
        seen, heard = self.see(batch), self.hear(batch)
        if self.maps == "all":
            return cosine_map(seen, heard)
        features, similarity = self._places(seen, heard)
        behind = background(features, similarity, self.negative, self.sharpness)
        found = identify(features, similarity, behind)
        every = [object_maps(found, clip, behind, self.least_background) for clip in range(len(batch))]
        most = max(1, *(len(maps) for maps in every))
        padded = [F.pad(maps, (0, 0, 0, most - len(maps)), value=float("nan")) for maps in every]
        return torch.stack(padded).unflatten(2, seen.shape[2:])

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.see(batch)

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of all positions, and the sound."""
        return F.normalize(self.see(batch).mean((2, 3)), dim=1), self.hear(batch)

    @staticmethod
    def _places(seen: Tensor, heard: Tensor) -> tuple[Tensor, Tensor]:
        """Similarity of each position with the sound (B, P), and its features times that (B, C, P)."""
        similarity = cosine_map(seen, heard).flatten(1)
        return seen.flatten(2) * similarity[:, None], similarity
