"""DSOL stage one: localization from correspondence, alternating with classification of clustered objects."""

import logging
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.clustering import cluster_objects, normalised_mutual_information
from avloc.data.loader import Batch
from avloc.data.views import FrameView, LogMel, Waveform
from avloc.data.waveforms import with_previous
from avloc.errors import AvlocError
from avloc.methods.base import Collect, Localizer, Needs, Phase, Train
from avloc.methods.dsol.network import Hearing, Sight, TwoStreams
from avloc.nn.encoders import Backbone
from avloc.nn.losses import balanced_correspondence, correspondence
from avloc.nn.objects import levels_of
from avloc.nn.pairs import own_and_foreign, own_found
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cross_dilation, pairwise_maps, pool_map, top_share
from avloc.ranges import Channels, Classes, Count, Epochs, Factor, Fraction, LearningRate, Power, Weight

log = logging.getLogger("avloc.dsol")


class StageOne(Localizer):
    """Hu et al., NeurIPS 2020, section 3.2. The defaults are the released MUSIC code, but for the frame encoder's
    ImageNet weights; each argument says what was not published.

    clusters: K of the object dictionary. dim: size of the common space. cosine, logit_scale, logit_bias: see TwoStreams.
    pairs: ``negative`` contrasts each clip with one other frame, as published; ``all`` with every frame of the batch.
    pool: share of the positions whose mean scores a map; 0 is the published maximum.
    mask: the map's threshold for object features, then dilated if `dilate`; mask_top uses this share of the positions
    instead. feature_area: object features are divided by the whole ``map``, as published, or by the ``mask``.
    class_task: alternate with classification, starting with epoch init_num (counted from 0), class_iter epochs each, heads at
    learning rate class_lr; class_rate: a factor on all rates during classification. joint: keep minimising the
    localization loss during classification (not published).
    mixtures, mixed_pairs: during classification, weights of training the sound head on both sources of mixed clips, and the map
    to find both of their frames (not published; 0 is off; mixed_pairs needs pairs ``all``).
    map_power: the output of `locate` is the sigmoid to this power (1 as published).
    frozen_heads: leave the heads as initialised, as the released AudioSet code does by mistake.
    """

    needs = Needs(negatives=True)
    weights_from: tuple[str, ...] = ("localize", "classify")
    objects_from: tuple[str, ...] | None = ("classify", "localize")  # classification is trained last

    def __init__(
        self,
        clusters: Classes = 11,
        frame: FrameView = FrameView(),
        sound: LogMel | Waveform = LogMel(),
        visual: Eyes = Backbone(),
        audio: Ears = Backbone(),
        dim: Channels = 128,
        cosine: bool = True,
        logit_scale: Factor | None = 5.0,
        logit_bias: bool = False,
        pairs: Literal["negative", "all"] = "negative",
        pool: Fraction = 0.0,
        mask: Fraction = 0.05,
        dilate: bool = True,
        mask_top: Fraction | None = None,
        feature_area: Literal["map", "mask"] = "map",
        class_task: bool = True,
        init_num: Epochs = 1,
        class_iter: Count = 3,
        class_lr: LearningRate = 1e-3,
        class_rate: Weight = 1.0,
        joint: bool = False,
        mixtures: Weight = 0.0,
        mixed_pairs: Weight = 0.0,
        map_power: Power = 1.0,
        frozen_heads: bool = False,
    ):
        super().__init__()
        if mixed_pairs and pairs != "all":
            raise AvlocError(f"mixed_pairs is {mixed_pairs} with pairs {pairs!r}; mixed sounds need pairs: all")
        self.clusters, self.frame, self.sound = clusters, frame, sound
        self.streams = TwoStreams(clusters, visual, audio, dim, cosine, logit_scale, logit_bias, frame, sound)
        self.needs = Needs(negatives=pairs == "negative", waveform=bool(mixtures or mixed_pairs))
        self.gathers = pairs == "all"
        self.pool, self.mask, self.dilate, self.mask_top, self.feature_area = pool, mask, dilate, mask_top, feature_area
        self.class_task, self.init_num, self.class_iter, self.class_lr = class_task, init_num, class_iter, class_lr
        self.joint, self.mixtures, self.mixed_pairs = joint, mixtures, mixed_pairs
        self.map_power, self.frozen_heads, self.class_rate = map_power, frozen_heads, class_rate
        if class_task and joint:  # then classification also keeps training localization, and ends with the better maps
            self.weights_from = self.objects_from = ("classify",)

    def frame_encoder(self) -> nn.Module | None:
        return self.streams.visual

    def sound_encoder(self) -> nn.Module | None:
        return None if self.needs.waveform else self.streams.audio

    def locate(self, batch: Batch) -> Tensor:
        """The published map, sigmoid of the scaled similarity, to `map_power`: (B, 1, h, w)."""
        return self._map(self.streams.see(batch.frame), self.streams.hear(batch.sound))

    def _map(self, sight: Sight, hearing: Hearing) -> Tensor:
        maps = self.streams.agreement(sight, hearing)
        return maps.sigmoid() if self.map_power == 1 else maps.float().sigmoid() ** self.map_power

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.streams.see(batch.frame).features

    def fits(self, batch: Batch) -> Tensor | None:
        """The logit, as in training, that frame and sound match."""
        logits = self.streams.agreement(self.streams.see(batch.frame), self.streams.hear(batch.sound))
        return pool_map(logits.float(), self.pool).flatten()

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The mean of the embeddings of all positions, and that of the sound."""
        seen, heard = self.streams.see(batch.frame).embedding, self.streams.hear(batch.sound).embedding
        return F.normalize(seen.float().mean((2, 3)), dim=1), F.normalize(heard.float(), dim=1)

    def phases(self, train: Train) -> list[Phase]:
        body = train.make_optimizer(self.streams.body())
        plan = []
        if self.class_task and self.init_num:
            plan.append(self._localization(body, min(self.init_num, train.epochs)))
        for _ in range(self.init_num if self.class_task else 0, train.epochs):
            plan.append(self._localization(body, 1))
            if self.class_task:
                plan.append(self._classification(body, train))
        return plan

    def _localization(self, body: torch.optim.Optimizer, epochs: int) -> Phase:
        return Phase("localize", self.loss, [body], epochs, measure=self.matching_accuracy)

    def _classification(self, body: torch.optim.Optimizer, train: Train) -> Phase:
        optimizers = [body]
        if not self.frozen_heads:
            optimizers.append(train.make_optimizer(self.streams.heads(), self.class_lr))
        phase = Phase("classify", self.classification_loss, optimizers, self.class_iter, before=self.recluster)
        phase.measure, phase.rate = self.class_accuracy, self.class_rate
        return phase

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        if not self.needs.negatives:
            return self._all_pairs_loss(batch, self.streams.see(batch.frame), self.streams.hear(batch.sound))
        return {"localization": correspondence(*self._pairs(batch))}

    def _all_pairs_loss(self, batch: Batch, sight: Sight, hearing: Hearing) -> dict[str, Tensor]:
        assert batch.video is not None
        sight = sight._replace(embedding=self.gathered(sight.embedding))
        hearing = hearing._replace(embedding=self.gathered(hearing.embedding))
        pairs = own_and_foreign(self.gathered(batch.video))
        return {"localization": balanced_correspondence(self._scores(sight, hearing), *pairs)}

    def matching_accuracy(self, batch: Batch) -> dict[str, Tensor]:
        """Share of pairs classified correctly; with all pairs, of clips whose own frame matches their sound best."""
        if not self.needs.negatives:
            return {"accuracy": own_found(self._scores(self.streams.see(batch.frame), self.streams.hear(batch.sound)))}
        logits, targets = self._pairs(batch)
        return {"accuracy": ((logits > 0).float() == targets).float().mean()}

    def _scores(self, sight: Sight, hearing: Hearing) -> Tensor:
        """Logits (B, B) that a frame (row) shows the source of a sound (column)."""
        maps = pairwise_maps(sight.embedding, hearing.embedding)
        return pool_map(self.streams.scale(maps.flatten(0, 1).unsqueeze(1)), self.pool).view(maps.shape[:2])

    def _pairs(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Logits and targets (2B,) of each clip with its frame and with its negative."""
        assert batch.negative is not None
        hearing = self.streams.hear(batch.sound)
        # one pass over both halves: the batch norms get what the released code passes in interleaved rows
        sight = self.streams.see(torch.cat([batch.frame, batch.negative]))
        twice = Hearing(*(torch.cat([part, part]) for part in hearing))
        logits = pool_map(self.streams.agreement(sight, twice), self.pool).flatten()
        return logits, (torch.arange(len(logits), device=logits.device) < len(batch)).float()

    def object_features(self, batch: Batch) -> dict[str, Tensor]:
        """`objects` (B, C): features where the map is high; `labels` (B, C); `named` (B,) by the sound's head."""
        sight, hearing = self.streams.see(batch.frame), self.streams.hear(batch.sound)
        maps = self.streams.agreement(sight, hearing).sigmoid()
        mask = cross_dilation(maps > self.mask) if self.dilate else maps > self.mask
        if self.mask_top is not None:
            mask = top_share(maps, self.mask_top)
        total = (sight.features * mask).sum((2, 3))
        area = maps[0].numel() if self.feature_area == "map" else mask.sum((2, 3)).clamp(min=1)
        assert batch.labels is not None
        levels = levels_of(self._map(sight, hearing))
        return {"objects": total / area, "labels": batch.labels, "named": hearing.logits.argmax(1), "levels": levels}

    def recluster(self, collect: Collect) -> None:
        """Cluster the objects by the present map; their clusters are the pseudo labels of the next epochs."""
        rows = collect(self.object_features)
        found = cluster_objects(rows["objects"].numpy(), self.clusters, collect.seed)
        device = next(self.parameters()).device
        self.memory["labels"] = torch.from_numpy(found.labels).to(device)
        self.memory["dictionary"] = torch.from_numpy(found.dictionary).to(device)
        self.memory["centres"] = torch.from_numpy(found.centres).to(device)
        validation = collect(self.object_features, "validation")
        if validation:
            predicted = found.predict(validation["objects"].numpy())
            self.memory["validation_labels"] = torch.from_numpy(predicted).to(device)
        if not self.frozen_heads:
            self.streams.reset_heads(collect.seed)
        single = rows["labels"].sum(1) == 1
        if single.any():
            truth = rows["labels"][single].int().argmax(1).numpy()
            nmi = normalised_mutual_information(truth, found.labels[single.numpy()])
            log.info("clustered %d objects into %d, NMI with the true classes %.3f", len(single), self.clusters, nmi)

    def classification_loss(self, batch: Batch) -> dict[str, Tensor]:
        sight, hearing, labels = self.streams.see(batch.frame), self.streams.hear(batch.sound), self._labels(batch)
        terms = {
            "frame_class": F.cross_entropy(sight.logits, labels),
            "sound_class": F.cross_entropy(hearing.logits, labels),
        }
        if self.mixtures or self.mixed_pairs:
            terms |= self._mixture_losses(batch, sight, labels)
        if self.joint:
            terms |= self.loss(batch) if self.needs.negatives else self._all_pairs_loss(batch, sight, hearing)
        return terms

    def _mixture_losses(self, batch: Batch, sight: Sight, labels: Tensor) -> dict[str, Tensor]:
        """Each clip's sound mixed with that of the clip before it.

        The head should predict both, half each; both of their frames show a source of it, frames of other videos do not.
        """
        assert batch.waveform is not None and batch.video is not None
        hearing = self.streams.hear(self.sound(with_previous(batch.waveform)))
        terms = {}
        if self.mixtures:
            targets = F.one_hot(labels, self.clusters).float()
            both = 0.5 * (targets + targets.roll(1, 0))
            terms["mixture"] = self.mixtures * F.cross_entropy(hearing.logits, both)
        if self.mixed_pairs:
            own, foreign = own_and_foreign(batch.video)
            scores, both_own, neither = self._scores(sight, hearing), own | own.roll(1, 1), foreign & foreign.roll(1, 1)
            terms["mixed_pairs"] = self.mixed_pairs * balanced_correspondence(scores, both_own, neither)
        return terms

    def class_accuracy(self, batch: Batch) -> dict[str, Tensor]:
        """Agreement of both heads with the clusters, and their mean as `accuracy`."""
        labels = self._labels(batch)
        frame = (self.streams.see(batch.frame).logits.argmax(1) == labels).float().mean()
        sound = (self.streams.hear(batch.sound).logits.argmax(1) == labels).float().mean()
        return {"frame_accuracy": frame, "sound_accuracy": sound, "accuracy": (frame + sound) / 2}

    def _labels(self, batch: Batch) -> Tensor:
        assert batch.index is not None
        return self.memory["labels" if self.training else "validation_labels"][batch.index]
