"""SSL-Alignment: several positives of each clip, aligned by positions of a frame and by whole frames and sounds.

Senocak et al., ICCV 2023, arXiv 2309.10724; references kaistmm/ssl_kccv @7e178e6, folder Alignment (the authors' tutorial with
the training code), and kaistmm/SSLalignment @e7ae3c5 (the evaluation).
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from avloc.data.loader import Batch
from avloc.data.views import AugmentedFrameView, FrameView, LogMel, LogStft, Waveform
from avloc.errors import AvlocError
from avloc.methods.base import Collect, Localizer, Needs, Phase, Published, Train
from avloc.nn.encoders import Backbone, jitter_norms
from avloc.nn.guidance import build_guide, guided, object_maps, rest
from avloc.nn.neighbours import nearest
from avloc.nn.published import UNUSED_OF_EACH, load_published, require, without_wrapper
from avloc.nn.senses import Ears, Eyes
from avloc.nn.similarity import cosine_map, in_full, log_sure, pairwise_maps, weighted_mean
from avloc.nn.tagger import Tagger
from avloc.ranges import Count, Epochs, Fraction, Similarity, Temperature

DIM = 512  # of both projections


class Seen(NamedTuple):
    """Unit vectors of frames: positions (B, C, h, w), and whole (B, D), None without projections."""

    places: Tensor
    whole: Tensor | None


class Heard(NamedTuple):
    """Unit vectors of sounds: for comparison with positions (B, C), and whole (B, D)."""

    sound: Tensor
    whole: Tensor | None


class SslAlignment(Localizer):
    """Senocak et al., ICCV 2023. A clip is its own frame and sound, another view of both, and both of clips that resemble it.

    frame2, sound2: the other views of the same frame and sound in training (None: none).
    positive, sharpness, temperature: as in Hard Way (0.65, 0.03, 0.07).
    whole: project whole frames and sounds too, and align these (the paper's feature alignment).
    both_ways: also let each sound choose its frame (not published); in the paper only frames choose sounds.
    near: use a similar frame and a similar sound as additional positives, from the `neighbours` most similar
    clips of other videos.
    frame_guide, sound_guide: frozen pretrained networks that find similar clips, once, before the first step ("NN w/ Sup. Pre.
    Enc."). Without them the method's own encoders find them after `warmup` epochs without these positives (not
    published). The release does not say which encoders it used.
    objects, alpha, guided_at: object guidance of the map, as in EZ-VSL.
    """

    weights_from = ("train", "warmup")
    gathers = True

    def __init__(
        self,
        frame: FrameView = FrameView(size=224, resize=246, brightness=0.0, colour=0.0, interpolation="bicubic"),
        sound: LogStft | LogMel | Waveform = LogStft(seconds=3.0, overlap=353),
        frame2: AugmentedFrameView | FrameView | None = AugmentedFrameView(),
        sound2: LogStft | LogMel | Waveform | None = LogStft(seconds=3.0, overlap=353, part="random"),
        visual: Eyes = Backbone(),
        audio: Ears = Backbone(),
        positive: Similarity = 0.65,
        sharpness: Temperature = 0.03,
        temperature: Temperature = 0.07,
        whole: bool = True,
        both_ways: bool = False,
        near: bool = True,
        neighbours: Count = 1000,
        frame_guide: Eyes | None = None,
        sound_guide: Tagger | None = None,
        warmup: Epochs = 0,
        objects: Eyes | None = None,
        alpha: Fraction = 0.4,
        guided_at: Literal["frame", "map"] = "frame",
    ):
        super().__init__()
        if (frame_guide is None) != (sound_guide is None):
            raise AvlocError("one of frame_guide and sound_guide is set; give both, or neither")
        self.frame, self.sound, self.frame2, self.sound2 = frame, sound, frame2, sound2
        self.positive, self.sharpness, self.temperature = positive, sharpness, temperature
        self.both_ways, self.neighbours, self.warmup = both_ways, neighbours, warmup
        self.alpha, self.guided_at = alpha, guided_at
        self.visual, self.audio = visual.build(3, frame), audio.build(1, sound)
        jitter_norms(self.visual)
        jitter_norms(self.audio)
        self.frame_projection = nn.Linear(self.visual.channels, DIM) if whole else None
        self.sound_projection = nn.Linear(self.audio.channels, DIM) if whole else None
        self.objects = build_guide(objects, frame)
        self.frame_guide = build_guide(frame_guide if near else None, frame)
        self.sound_guide = None
        self.needs = Needs(partners=near, waveform=near and sound_guide is not None)
        if near and sound_guide is not None:
            self.sound_guide = sound_guide.build(1, Waveform(sound.rate)).requires_grad_(False)

    def train(self, mode: bool = True) -> "SslAlignment":
        super().train(mode)
        for guide in (self.objects, self.frame_guide, self.sound_guide):
            rest(guide)
        return self

    def frame_encoder(self) -> nn.Module | None:
        return self.visual if self.objects is None and self.frame_guide is None else None

    def sound_encoder(self) -> nn.Module | None:
        return self.audio if self.sound_guide is None else None

    def see(self, frames: Tensor) -> Seen:
        features = in_full(self.visual(frames))
        places = self.gathered(F.normalize(features, dim=1))
        if self.frame_projection is None:
            return Seen(places, None)
        whole = in_full(self.frame_projection(features.amax((2, 3))))  # before normalisation
        return Seen(places, self.gathered(F.normalize(whole, dim=1)))

    def hear(self, sounds: Tensor) -> Heard:
        features = in_full(self.audio(sounds).amax((2, 3)))
        project, whole = self.sound_projection, None
        if project is not None:
            whole = self.gathered(F.normalize(in_full(project(features)), dim=1))
        return Heard(self.gathered(F.normalize(features, dim=1)), whole)

    def phases(self, train: Train) -> list[Phase]:
        """`warmup` epochs without similar clips, then all terms; a single optimizer, which keeps its moments."""
        optimizer = train.make_optimizer(one for one in self.parameters() if one.requires_grad)
        warmup, near = min(self.warmup, train.epochs), self.needs.partners
        plan = [
            Phase("warmup", self.loss, [optimizer], warmup),
            Phase("train", self.loss, [optimizer], train.epochs - warmup, self.find_neighbours if near else None),
        ]
        return [phase for phase in plan if phase.epochs]

    def find_neighbours(self, collect: Collect) -> None:
        """Fill the memory with the lists of clips similar in frame and in sound."""
        rows = collect(self._to_compare)
        for name in ("frame", "sound"):
            self.memory[f"{name}_partners"] = nearest(rows[name], rows["video"], self.neighbours)

    def _to_compare(self, batch: Batch) -> dict[str, Tensor]:
        assert batch.video is not None
        frames = (
            self.visual(batch.frame).amax((2, 3))
            if self.frame_guide is None
            else self.frame_guide(batch.frame).mean((2, 3))
        )
        sounds = (
            self.audio(batch.sound).amax((2, 3))
            if self.sound_guide is None
            else self.sound_guide(batch.waveform).mean((2, 3))
        )
        return {"frame": frames, "sound": sounds, "video": batch.video}

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Each pair of a clip's frames with its sounds should match better than the same frames with the sounds of
        other clips.

        Views pass one after the other, so that batch norms treat them separately, as in the release. In validation
        clips have one view.
        """
        seen, heard = {}, {}
        for name, frames, sounds in (
            ("own", batch.frame, batch.sound),
            ("augmented", batch.view2, batch.sound2),
            ("near", batch.partner_frame, batch.partner_sound),
        ):
            if frames is not None:
                seen[name] = self.see(frames)
            if sounds is not None:
                heard[name] = self.hear(sounds)
        terms = {}
        for x, frame in seen.items():
            for y, sound in heard.items():
                terms[f"places_{x}_{y}"] = self._contrast(self.fit_of_places(frame.places, sound.sound))
                if frame.whole is not None and sound.whole is not None:
                    terms[f"whole_{x}_{y}"] = self._contrast(frame.whole @ sound.whole.T)
        return terms

    def fit_of_places(self, places: Tensor, sounds: Tensor) -> Tensor:
        """How well each frame (B, C, h, w) matches each sound (A, C), (B, A): mean over positions, weighted by confidence."""
        similarity = pairwise_maps(places, sounds)
        return weighted_mean(similarity, log_sure(similarity, self.positive, self.sharpness))

    def _contrast(self, similarity: Tensor) -> Tensor:
        """Similarities (B, B), frame by sound."""
        logits, own = similarity / self.temperature, torch.arange(len(similarity), device=similarity.device)
        loss = F.cross_entropy(logits, own)
        return loss + F.cross_entropy(logits.T, own) if self.both_ways else loss

    def locate(self, batch: Batch) -> Tensor:
        """Cosines (B, 1, h, w); with `objects` the guided map in [0, 1], (B, 1, H, W) if guided at the size of the frame."""
        maps = cosine_map(self.see(batch.frame).places, self.hear(batch.sound).sound)
        objects = self.look(batch)
        if objects is None:
            return maps
        return guided(maps, objects, self.alpha, batch.frame.shape[2:] if self.guided_at == "frame" else maps.shape[2:])

    def look(self, batch: Batch) -> Tensor | None:
        """Object map: (B, 1, h, w), the mean absolute feature of the ImageNet encoder."""
        return object_maps(self.objects, batch.frame)

    def place_features(self, batch: Batch) -> Tensor | None:
        return self.see(batch.frame).places

    def embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The whole frame and the whole sound, as in the paper's retrieval; or the mean of all positions and the sound."""
        frame, sound = self.see(batch.frame), self.hear(batch.sound)
        if frame.whole is not None and sound.whole is not None:
            return frame.whole, sound.whole
        return F.normalize(frame.places.mean((2, 3)), dim=1), sound.sound


STAGES = (SslAlignment,)

# the authors' file contains {"model_state_dict": state dict, ...}, 261 entries, or Hard Way's 248 without projections
NAMES = {
    "imgnet.": "visual.",
    "audnet.conv1_a.": "audio.conv1.",
    "audnet.": "audio.",
    "img_proj.": "frame_projection.",
    "aud_proj.": "sound_projection.",
}
UNUSED = (*UNUSED_OF_EACH, "vision_fc1.", "conv3.", "norm3.")


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    require(state, ["imgnet.conv1.weight", "audnet.conv1_a.weight"], "SSL-Alignment")
    return ({"whole": "img_proj.weight" in without_wrapper(state)},)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: SslAlignment, two: nn.Module | None = None, dictionary: Any = None
) -> SslAlignment:
    """The authors' state dict as our stage; AvlocError if it does not fit."""
    load_published(one, state, NAMES, UNUSED, "SSL-Alignment", own=("objects.", "frame_guide.", "sound_guide."))
    return one


PUBLISHED = Published(
    "ssl_alignment_vggsound_144k", arguments_of, import_state, own=("objects", "frame_guide", "sound_guide")
)
