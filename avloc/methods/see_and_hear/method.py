"""The maps: how much each category is heard times how much it is seen at each position."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from avloc import weights
from avloc.data.loader import Batch
from avloc.data.views import FrameView, Waveform
from avloc.errors import AvlocError
from avloc.methods.base import Localizer, Needs
from avloc.methods.see_and_hear.categories import FACE, MOTION, plain, read_categories
from avloc.methods.see_and_hear.faces import Faces, drawn, talking
from avloc.nn.audioset import audioset_names
from avloc.nn.motion import motion_maps
from avloc.nn.place_classifier import PlaceClassifier
from avloc.nn.tagger import Tagger
from avloc.nn.timm_encoder import Timm

HALVES = (0.5, 0.5, 0.5)
FRAME = FrameView(size=288, resize=288, crop=False, augment=False, mean=HALVES, std=HALVES)
EYES = Timm("tf_efficientnet_lite0", "package", output_stride=16)


class SeeAndHear(Localizer):
    """A map of each category: the tagger's score of its AudioSet classes, their highest, times the probability of its ImageNet
    classes at each position, their sum (the CAM baseline of 2020 with pretrained networks).

    visual: a convolutional network of timm with its ImageNet head. audio: a tagger of AudioSet's classes; its `windows` says
    whether the mean or the maximum over the clip counts.
    faces: YuNet's file, or ``yunet``, for the categories that people make by mouth, such as speech; None asks motion instead.
    Of several faces the one whose lower half moves with the sound is brightest. Where no face is found, and for clapping and
    footsteps, places count that move when the sound is loud; both need clips of 4 frames or more.
    maps: one for each category (``classes``, with their names), or their maximum (``fused``).
    categories: a CSV with columns category, heard, seen that adds to the table or replaces rows of it.
    """

    needs_training = False
    needs = Needs(every_frame=True)
    looks = "seen without sound"
    window = 0.975
    window_frames = 8
    sees_probabilities = True

    def __init__(
        self,
        frame: FrameView = FRAME,
        sound: Waveform = Waveform(16_000),
        visual: Timm = EYES,
        audio: Tagger = Tagger("yamnet"),
        faces: str | None = "yunet",
        maps: Literal["classes", "fused"] = "classes",
        categories: Path | None = None,
    ):
        super().__init__()
        if audio.output != "scores" or audio.project is not None or audio.windows == "each":
            raise AvlocError(
                "see_and_hear multiplies scores: leave out audio.output and audio.project, windows is mean or max"
            )
        self.frame, self.sound, self.maps = frame, sound, maps
        self._detector: Faces | None = None
        self.visual, self.audio = PlaceClassifier(visual, frame), audio.build(1, sound)
        if not self.audio.network.classes:
            raise AvlocError(f"audio.tagger is {audio.tagger}, which has no classes; choose yamnet, cnn14 or another")
        sounds, sights = audioset_names(self.audio.network.classes), _imagenet_names()
        self.categories = read_categories(categories, sounds, sights)
        self.faces = faces
        members = torch.zeros(len(self.categories), len(sights))
        for row, category in enumerate(self.categories):
            members[row, list(category.seen)] = 1
        self.register_buffer("members", members, persistent=False)

    @property
    def map_names(self) -> tuple[str, ...] | None:
        return tuple(category.name for category in self.categories) if self.maps == "classes" else None

    def maps_named(self, label: str) -> list[int]:
        """The category of that name, else those with an AudioSet or ImageNet class of that name."""
        own = [row for row, category in enumerate(self.categories) if plain(category.name) == plain(label)]
        return own or [row for row, category in enumerate(self.categories) if plain(label) in category.names]

    def do_without(self) -> str:
        """Faces, if YuNet's file is missing; sounds of the mouth are then located by motion."""
        if self.faces != "yunet" or weights.kept("yunet").exists():
            return ""
        self.faces = None
        return "finds no faces without YuNet and uses motion for speech; get it with `avloc weights fetch yunet`"

    def locate(self, batch: Batch) -> Tensor:
        """(B, K, h, w) in [0, 1], K categories in the order of `map_names`, or 1."""
        return self._shown(self.heard(batch) * self.seen(batch, batch.sound))

    def locate_and_look(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        likely = self.visual(batch.frame)
        maps = self._shown(self.heard(batch) * self.seen(batch, batch.sound, likely))
        return maps, self._shown(self.seen(batch, None, likely))

    def fits(self, batch: Batch) -> Tensor | None:
        """The cosine of the audible and the visible categories: whether they agree, at any loudness."""
        heard, seen = self.heard(batch).flatten(1), self.seen(batch, batch.sound).amax((2, 3))
        return F.cosine_similarity(heard, seen.to(heard.dtype), dim=1)

    def heard(self, batch: Batch) -> Tensor:
        """How much of each category is heard, (B, K, 1, 1) in [0, 1]."""
        scores = self.audio.features(batch.sound).flatten(1)
        return torch.stack([scores[:, list(one.heard)].amax(1) for one in self.categories], dim=1)[:, :, None, None]

    def look(self, batch: Batch) -> Tensor | None:
        """How much each category is seen, regardless of the sound."""
        return self._shown(self.seen(batch, None))

    def seen(self, batch: Batch, sound: Tensor | None, likely: Tensor | None = None) -> Tensor:
        """For each category and position, (B, K, h, w) in [0, 1]; without `sound` nobody talks or moves with it.

        likely: the classifier's output for the frames, if known already.
        """
        likely = self.visual(batch.frame) if likely is None else likely
        found = torch.einsum("kj,bjhw->bkhw", self.members, likely)
        shape = (likely.shape[2], likely.shape[3])
        moving = self._moving(batch, sound, shape)
        for by, maps in ((FACE, self._of_faces(batch, sound, moving, shape)), (MOTION, moving)):
            rows = [row for row, category in enumerate(self.categories) if category.by == by]
            found[:, rows] = maps[:, None].to(found.dtype)
        return found

    def _found(self, frames: Tensor) -> list[Tensor]:
        """The boxes of each frame's faces; YuNet is loaded on first use."""
        assert self.faces is not None
        self._detector = self._detector or Faces(self.faces)
        return self._detector.boxes(self._colours(frames))

    def _of_faces(self, batch: Batch, sound: Tensor | None, moving: Tensor, shape: tuple[int, int]) -> Tensor:
        """(B, h, w): the faces, with talking ones brightest; if there is no face, what moves with the sound."""
        if self.faces is None:
            return moving
        maps = []
        for clip, boxes in enumerate(self._found(batch.frame)):
            if not len(boxes):
                maps.append(moving[clip])
                continue
            weights = torch.ones(len(boxes), device=boxes.device)
            if sound is not None and batch.frames is not None:
                weights = talking(boxes, self._colours(batch.frames[clip]), sound[clip])
            maps.append(drawn(boxes, weights, shape))
        return torch.stack(maps)

    def _moving(self, batch: Batch, sound: Tensor | None, shape: tuple[int, int]) -> Tensor:
        if sound is None or batch.frames is None:
            return batch.frame.new_zeros(len(batch), *shape)
        maps = motion_maps(self._colours(batch.frames.flatten(0, 1)).unflatten(0, batch.frames.shape[:2]), sound)
        return F.interpolate(maps[:, None], shape, mode="area")[:, 0]

    def _colours(self, frames: Tensor) -> Tensor:
        """Standardised frames (n, 3, H, W) back in [0, 1]."""
        mean, std = (frames.new_tensor(values)[:, None, None] for values in (self.frame.mean, self.frame.std))
        return (frames * std + mean).clamp(0, 1)

    def _shown(self, maps: Tensor) -> Tensor:
        return maps if self.maps == "classes" else maps.amax(1, keepdim=True)


def _imagenet_names() -> list[str]:
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.IMAGENET1K_V1.meta["categories"])
