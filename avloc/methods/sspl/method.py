"""SSPL's one stage: two views of a frame, weighted by their similarity with the sound, predict each other."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import FrameView, VggishPatches, Waveform
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Needs, Phase, Train
from avloc.nn.losses import balanced_correspondence, correspondence
from avloc.nn.pairs import own_and_foreign, own_found
from avloc.nn.pcm import PredictiveCoding
from avloc.nn.similarity import attended, cosine_map, pairwise_maps, pool_map
from avloc.nn.simsiam import SimSiamHead, negative_cosine
from avloc.nn.tagger import Tagger, TaggerNet
from avloc.nn.timm_encoder import Timm
from avloc.nn.vgg import Vgg
from avloc.nn.vggish import Vggish
from avloc.ranges import Channels, Cycles, Epochs, Fraction, LearningRate

log = logging.getLogger("avloc.sspl")


class Heard(NamedTuple):
    """embedding: (B, audio.dim) of length one, the target of predictive coding. query: (B, C), what to look for."""

    embedding: Tensor
    query: Tensor


class Sspl(Localizer):
    """Song et al., CVPR 2022. The defaults are the released code with predictive coding; `pcm_cycles` 0 is without it.

    frame, sound: the released views, 224 px out of 246 and the middle three seconds as VGGish's patches.
    visual, audio: the encoders, frozen while SSPL learns; released: ImageNet's VGG16 and AudioSet's VGGish.
    pcm_cycles: number of cycles of predictive coding; 0 leaves it out.
    head_width, head_bottleneck: sizes of the SimSiam head.
    pcm_lr: learning rate of predictive coding (called lr_frame in the release); ``train.lr`` is that of the layers after
    VGGish.
    head_lr: learning rate of the head.
    warm_up: epochs of training the encoders before SSPL starts; 0 as released.
    warm_up_pcm: epochs of training predictive coding after the frozen encoders, before SSPL starts; 0 as released.
    warm_up_lr: learning rate of both.
    warm_up_pool: share of the highest positions whose mean scores a pair in both.

    Without pretrained encoders, frozen ones would know nothing. Two additional phases (not published) then come first, both
    telling which sounds belong to which frames at rate `warm_up_lr`: `warm_up` epochs of the encoders, over all pairs of
    a batch by their own maps, and `warm_up_pcm` epochs of predictive coding behind the frozen encoders, with each frame's
    own sound and another's. Pairs are scored by the mean of the highest `warm_up_pool` of the cells.
    """

    needs = Needs(views=2)
    weights_from = ("train", "warm_up_pcm", "warm_up")

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: VggishPatches | Waveform = VggishPatches(),
        visual: Vgg | Timm = Vgg(),
        audio: Vggish | Tagger = Vggish(),
        pcm_cycles: Cycles = 4,
        head_width: Channels = 2048,
        head_bottleneck: Channels = 512,
        pcm_lr: LearningRate = 2e-5,
        head_lr: LearningRate = 5e-5,
        warm_up: Epochs = 0,
        warm_up_pcm: Epochs = 0,
        warm_up_lr: LearningRate = 1e-3,
        warm_up_pool: Fraction = 0.15,
    ):
        super().__init__()
        if pcm_cycles < 0 or (warm_up_pcm and not pcm_cycles):
            raise AvlocError(
                f"pcm_cycles is {pcm_cycles}, warm_up_pcm {warm_up_pcm}; expected 1 cycle or more (published: 4), or 0 of both"
            )
        self.frame, self.sound = frame, sound
        self.pcm_lr, self.head_lr = pcm_lr, head_lr
        self.warm_up, self.warm_up_pcm, self.warm_up_lr, self.pool = warm_up, warm_up_pcm, warm_up_lr, warm_up_pool
        self.gathers = warm_up > 0  # the other phases do not contrast clips with each other
        self.pretrained = visual.weights is not None and audio.weights is not None
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        channels = self.visual.channels
        if not warm_up:
            self.visual.requires_grad_(False)
            self.audio.requires_grad_(False)
        self.query = nn.Sequential(nn.Linear(self.audio.dim, channels), nn.ReLU(), nn.Linear(channels, channels))
        self.pcm = PredictiveCoding(channels, self.audio.dim, pcm_cycles) if pcm_cycles else None
        self.head = SimSiamHead(channels, head_width, head_bottleneck)
        if warm_up or warm_up_pcm:
            # turns similarities in [-1, 1] into logits of a match
            self.agreement = nn.Linear(1, 1)
            nn.init.constant_(self.agreement.weight, 10.0)
            nn.init.zeros_(self.agreement.bias)

    def frame_encoder(self) -> nn.Module | None:
        return self.visual

    def sound_encoder(self) -> nn.Module | None:
        return self.audio

    def locate(self, batch: Batch) -> Tensor:
        """The similarity map, cosines: (B, 1, h, w)."""
        heard = self.hear(batch.sound)
        return cosine_map(self.see(self.visual(batch.frame), heard), heard.query)

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.visual(batch.frame)

    def fits(self, batch: Batch) -> Tensor | None:
        """Cosine of the sound's query with the mean of all positions."""
        heard = self.hear(batch.sound)
        seen = F.normalize(self.see(self.visual(batch.frame), heard), dim=1).mean((2, 3))
        return F.cosine_similarity(seen, heard.query)

    def cycles(self, batch: Batch) -> Tensor:
        """The similarity map after the initialisation and after each cycle of predictive coding: (T + 1, B, 1, h, w)."""
        heard, features = self.hear(batch.sound), self.visual(batch.frame)
        steps = [features] if self.pcm is None else self.pcm.steps(features, heard.embedding)
        return torch.stack([cosine_map(seen, heard.query) for seen in steps])

    def hear(self, sound: Tensor, frozen: bool = False) -> Heard:
        """Patches (B, P, 1, 96, 64), or with a tagger waveforms (B, S), whose windows are processed separately; then
        the means of their embeddings and queries.
        """
        with _frozen(self.audio, frozen):
            if isinstance(self.audio, TaggerNet):
                windows = self.audio(sound).squeeze(3).transpose(1, 2)
                shape, embedding = windows.shape[:2], windows.flatten(0, 1)
            else:
                shape, embedding = sound.shape[:2], self.audio(sound.flatten(0, 1))
        query = self.query(embedding).unflatten(0, shape).mean(1)
        return Heard(F.normalize(embedding.unflatten(0, shape).mean(1), dim=1), query)

    def see(self, features: Tensor, heard: Heard) -> Tensor:
        """The features compared with the sound, (B, C, h, w): the frame's own, or the output of predictive coding."""
        return features if self.pcm is None else self.pcm(features, heard.embedding)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The features of the sounding region of one view should be predictable from the other view.

        Views pass one after the other, so that batch norms treat them separately, as in the released code.
        """
        assert batch.view2 is not None
        if self.training and len(batch) < 2:
            raise AvlocError("a step of SSPL has 1 clip; its batch norms need 2 or more: increase train.batch_size")
        heard = self.hear(batch.sound, frozen=True)
        views = [self._view(frame, heard) for frame in (batch.frame, batch.view2)]
        return {"prediction": negative_cosine(*zip(*views, strict=True))}

    def _view(self, frame: Tensor, heard: Heard) -> tuple[Tensor, Tensor]:
        with _frozen(self.visual):
            features = self.visual(frame)
        seen = self.see(features, heard)
        return self.head(attended(seen, cosine_map(seen, heard.query)))

    def phases(self, train: Train) -> list[Phase]:
        if not (self.pretrained or self.warm_up):
            log.warning(
                "the encoders start at random and stay frozen, so little can be learned: give visual.weights and "
                "audio.weights, or warm_up epochs"
            )
        plan, before = [], [*self.query.parameters()]
        if self.warm_up or self.warm_up_pcm:
            before += self.agreement.parameters()
        if self.warm_up:
            encoders = train.make_optimizer(
                [*self.visual.parameters(), *self.audio.parameters(), *before], self.warm_up_lr
            )
            plan.append(Phase("warm_up", self.all_pairs_loss, [encoders], self.warm_up, measure=self.matching_accuracy))
        if self.warm_up_pcm and self.pcm is not None:
            coding = train.make_optimizer([*self.pcm.parameters(), *before], self.warm_up_lr)
            plan.append(Phase("warm_up_pcm", self.two_sounds_loss, [coding], self.warm_up_pcm))
        if train.epochs:
            plan.append(Phase("train", self.loss, [self._optimizer(train)], train.epochs))
        return plan

    def _optimizer(self, train: Train) -> torch.optim.Optimizer:
        """The released parameter groups in order: queries, predictive coding, its rates (without decay), the head."""
        groups: list[dict] = [{"params": [*self.query.parameters()]}]
        if self.pcm is not None:
            rates = self.pcm.rates()
            layers = [one for one in self.pcm.parameters() if not any(one is rate for rate in rates)]
            groups.append({"params": layers, "lr": self.pcm_lr})
            groups.append({"params": rates, "lr": self.pcm_lr, "weight_decay": 0.0})
        groups.append({"params": [*self.head.parameters()], "lr": self.head_lr})
        return train.make_optimizer(groups)

    # ours, not published: how to train encoders when no pretrained ones are available

    def all_pairs_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Each sound belongs to its own frame and to no frame of another video."""
        assert batch.video is not None
        pairs = own_and_foreign(self.gathered(batch.video))
        return {"correspondence": balanced_correspondence(self._scores(batch), *pairs)}

    def matching_accuracy(self, batch: Batch) -> dict[str, Tensor]:
        """Share of the clips whose own frame matches their sound best."""
        return {"accuracy": own_found(self._scores(batch))}

    def _scores(self, batch: Batch) -> Tensor:
        """Logits (B, B) that a frame (row), without predictive coding, shows the source of a sound (column)."""
        seen = self.gathered(F.normalize(self.visual(batch.frame), dim=1))
        query = self.gathered(F.normalize(self.hear(batch.sound).query, dim=1))
        return self.agreement(pool_map(pairwise_maps(seen, query), self.pool).unsqueeze(2)).squeeze(2)

    def two_sounds_loss(self, batch: Batch) -> dict[str, Tensor]:
        """Predictive coding with each frame's own sound, and with that of the clip before it if it is from another video."""
        assert batch.video is not None
        heard = self.hear(batch.sound, frozen=True)
        with _frozen(self.visual):
            features = self.visual(batch.frame)
        other = batch.video != batch.video.roll(1)
        sounds = Heard(*(torch.cat([part, part.roll(1, 0)[other]]) for part in heard))
        seen = self.see(torch.cat([features, features[other]]), sounds)
        logits = self.agreement(pool_map(cosine_map(seen, sounds.query), self.pool)).squeeze(1)
        own, foreign = logits.split([len(batch), len(logits) - len(batch)])
        if not len(foreign):
            return {"correspondence": correspondence(own, torch.ones_like(own))}
        halves = correspondence(own, torch.ones_like(own)) + correspondence(foreign, torch.zeros_like(foreign))
        return {"correspondence": 0.5 * halves}


@contextmanager
def _frozen(encoder: nn.Module, frozen: bool = True) -> Iterator[None]:
    """Inside, the encoder is in evaluation mode, without gradients."""
    training = encoder.training
    encoder.train(training and not frozen)
    with torch.set_grad_enabled(torch.is_grad_enabled() and not frozen):
        yield
    encoder.train(training)
