"""Stage two: each category's sound is aligned with the positions of the frame that show it."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Phase, Train
from avloc.methods.coarse_to_fine.network import Stream
from avloc.methods.coarse_to_fine.stage_one import StageOne
from avloc.nn.losses import balanced_correspondence
from avloc.nn.pairs import own_and_foreign
from avloc.nn.similarity import pairwise_maps, pool_map
from avloc.ranges import Channels, Fraction, Weight


class StageTwo(Localizer):
    """Qian et al., ECCV 2020, section 3.2, the simplified release.

    dim, hidden: sizes of the projections, 128 and 1024 there. margin: distance that pairs should keep, 1.4;
    confidence: the probability that
    both categories of a pair need for it to count, 0.3. weight: weight of the alignment next to the losses of stage
    one, 1. frame: another view than that of stage one; None: the same.
    places: weight of a contrast that trains the positions themselves, which the published loss only reaches through what is
    active; not published, 0 is off. It compares frames that show the sound's most likely category with frames of other videos
    that do not.
    place_pool: share of the highest positions that this contrast compares.
    activated: `locate` only uses positions where stage one's categories are active.
    """

    of_classes = True
    looks = "CAM"
    uses_clusters = False
    weights_from = ("fine",)
    gathers = True

    def __init__(
        self,
        dim: Channels = 128,
        hidden: Channels = 1024,
        margin: Weight = 1.4,
        confidence: Fraction = 0.3,
        weight: Weight = 1.0,
        places: Weight = 0.0,
        place_pool: Fraction = 0.15,
        activated: bool = False,
        frame: FrameView | None = None,
    ):
        super().__init__()
        self.places, self.place_pool, self.activated = places, place_pool, activated
        self.dim, self.hidden, self.margin, self.confidence, self.weight = dim, hidden, margin, confidence, weight
        self._frame = frame

    def start_from(self, previous: Localizer, dictionary: Any = None) -> None:
        """Stage one continues training; the projections are new."""
        if not isinstance(previous, StageOne):
            raise AvlocError(
                f"stage two of coarse-to-fine starts from its stage one, not from {type(previous).__name__}"
            )
        self.coarse = copy.deepcopy(previous)
        self.frame, self.sound = self._frame or previous.frame, previous.sound
        self.needs = previous.needs
        streams = self.coarse.streams
        self.project_v = _projection(streams.visual.channels, self.hidden, self.dim)
        self.project_a = _projection(streams.audio.channels, self.hidden, self.dim)
        if self.places:
            # turns cosines into logits of a match
            self.agreement = nn.Linear(1, 1)
            nn.init.constant_(self.agreement.weight, 10.0)
            nn.init.constant_(self.agreement.bias, -5.0)

    def frame_encoder(self) -> nn.Module | None:
        return self.coarse.frame_encoder()

    def sound_encoder(self) -> nn.Module | None:
        return self.coarse.sound_encoder()

    def phases(self, train: Train) -> list[Phase]:
        return [Phase("fine", self.loss, [train.make_optimizer(self.parameters())], train.epochs)]

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        seen, heard = self.coarse.streams.see(batch.frame), self.coarse.streams.hear(batch.sound)
        terms = self.coarse.coarse(batch, seen, heard)
        terms["alignment"] = self.weight * self.alignment(seen, heard)
        if self.places:
            terms["places"] = self.places * self.contrast_of_places(batch, seen, heard)
        return terms

    def contrast_of_places(self, batch: Batch, seen: Stream, heard: Stream) -> Tensor:
        """Ours: each sound's likeliest category contrasted with the positions of all frames."""
        assert batch.video is not None
        _, frame = self.coarse.targets(batch)
        likeliest = heard.logits.argmax(1)
        sources = disentangled(heard, self.project_a)[torch.arange(len(batch), device=likeliest.device), likeliest]
        places, sources = self.gathered(self.embedded(seen.features)), self.gathered(sources)
        scores = pool_map(pairwise_maps(places, sources), self.place_pool)
        logits = self.agreement(scores.unsqueeze(2)).squeeze(2)  # frame by sound
        own, foreign = own_and_foreign(self.gathered(batch.video))
        shown = self.gathered(frame)[:, self.gathered(likeliest)]
        return balanced_correspondence(logits, own, foreign & (shown < self.confidence))

    def embedded(self, features: Tensor) -> Tensor:
        """Unit vectors of the positions: (B, D, h, w) to (B, dim, h, w)."""
        places = F.normalize(self.project_v(features.flatten(2)).float(), dim=1)
        return places.unflatten(2, features.shape[2:])

    def alignment(self, seen: Stream, heard: Stream) -> Tensor:
        """Contrast over all pairs of (clip, category): those of the same clip and category belong together. Equation 7.

        Only pairs of confident categories count. The published sums have 1e-10 a pair in their denominators.
        """
        v = self.gathered(disentangled(seen, self.project_v)).flatten(0, 1)
        a = self.gathered(disentangled(heard, self.project_a)).flatten(0, 1)
        with torch.no_grad():
            sure_a, sure_v = (
                (self.gathered(part.logits).sigmoid() > self.confidence).flatten() for part in (heard, seen)
            )
            counted = (sure_a[:, None] & sure_v[None, :]).float()
        own = torch.eye(len(a), device=a.device)
        squared = (2 - 2 * a @ v.T).clamp(min=1e-12)  # rounding can make it negative, and then its root would be NaN
        together, apart = counted * own, counted * (1 - own)
        near = (squared * together).sum() / (together + 1e-10).sum()
        far = ((self.margin - squared.sqrt()).clamp(min=0).square() * apart).sum() / (apart + 1e-10).sum()
        return near + far

    def locate(self, batch: Batch) -> Tensor:
        """Similarity of the frame with each category of the sound: (B, C or 1, h, w), by stage one's `maps` and `gate`."""
        seen, heard = self.coarse.streams.see(batch.frame), self.coarse.streams.hear(batch.sound)
        alike = torch.einsum("bcd,bdhw->bchw", disentangled(heard, self.project_a), self.embedded(seen.features)).relu()
        if self.activated:
            active = seen.activation.float()
            alike = alike * active / active.amax((2, 3), keepdim=True).clamp(min=torch.finfo(active.dtype).tiny)
        return self.coarse.shown(alike, heard.logits)

    def fits(self, batch: Batch) -> Tensor | None:
        """By the correspondence head of stage one."""
        return self.coarse.fits(batch)

    def look(self, batch: Batch) -> Tensor | None:
        """The CAM baseline with this stage's weights."""
        return self.coarse.look(batch)


def disentangled(stream: Stream, project: nn.Module) -> Tensor:
    """A stream's vector for each category, unit vectors (B, C, dim): its features where the category is active.

    A category that is active nowhere has zeros. The activation gets no gradient here.
    """
    weights = stream.activation.detach().flatten(2).float()
    features = stream.features.flatten(2).float()
    parts = features @ (weights / (weights.sum(2, keepdim=True) + 1e-10)).transpose(1, 2)
    return F.normalize(project(parts).float(), dim=1).transpose(1, 2)


def _projection(channels: int, hidden: int, dim: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(channels, hidden, 1, bias=False), nn.ReLU(), nn.Conv1d(hidden, dim, 1, bias=False))
