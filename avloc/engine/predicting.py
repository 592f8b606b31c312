"""Heat maps of a test set: by a stage with the right sound, with the wrong sound, and without any."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from avloc.annotations.truth import Truth
from avloc.data.loader import Batch, Loader
from avloc.data.parts import parts_of_store
from avloc.data.plans import Plan
from avloc.data.scenes import scenes_of, sounds_of
from avloc.data.store import Store
from avloc.engine.collect import collect
from avloc.engine.contract import refuse_maps
from avloc.engine.mask_truth import masks_to_score
from avloc.errors import DataError
from avloc.methods.base import Localizer

Maps = NDArray[np.float32]
BATCH = 64


@dataclass(frozen=True)
class Frames:
    """The frames of a split that a protocol scores: plan (n rows), names, and the truth of the sounding objects.

    In mixtures, the frames of a row are stacked vertically; `layers` has those at each position.
    """

    store: Store
    plan: Plan
    truth: Truth

    def images(self) -> NDArray[np.uint8]:
        return self.store.frames(self.plan.clips, self.plan.picks)

    def objects(self) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Boxes (M, 4) of all objects, including silent ones, and the row (M,) of each."""
        rows, kept = _rows_of(self.store, self.plan)
        return self.store.boxes.xyxy[kept], rows

    @property
    def layers(self) -> "list[Frames]":
        return [Frames(self.store, plan, self.truth) for plan in self.plan.layers]


def frames_to_score(store: Store, frames: str, seed: int, name: str) -> Frames:
    """The annotated frames of each clip: ``all``, the ``first``, or one at ``random``; the ground truth has a row for
    each.

    Frames without annotation are left out; DataError if none are annotated. A store with masks is scored on its masks.
    """
    clips, picks = np.nonzero(store.annotated)
    if frames != "all":
        order = np.random.default_rng(seed).permutation(len(clips)) if frames == "random" else np.arange(len(clips))
        first = np.unique(clips[order], return_index=True)[1]
        clips, picks = clips[order][first], picks[order][first]
    if not len(clips):
        raise DataError(
            f"{store.path}: no frame of split {store.split_name} is annotated; prepare it with its annotation file"
        )
    plan = Plan(clips.astype(np.int64), picks.astype(np.int64))
    keys = store.frame_keys
    ids = [keys[clip][pick] or f"{store.ids[clip]}#{pick}" for clip, pick in zip(clips, picks, strict=True)]
    rows, kept = _rows_of(store, plan)
    boxes = store.boxes
    sounding = boxes.sounding[kept] & (boxes.label[kept] >= 0)
    silent = ~boxes.sounding[kept]
    scenes, kinds = scenes_of(store), sounds_of(store)
    drawn = masks_to_score(store, plan) if store.masked else {}
    truth = Truth(
        ids=ids,
        videos=[store.videos[clip] for clip in clips],
        boxes=boxes.xyxy[kept][sounding],
        box_clip=rows[sounding],
        box_class=boxes.label[kept][sounding],
        classes=store.classes,
        silent_boxes=boxes.xyxy[kept][silent] if silent.any() else None,
        silent_clip=rows[silent] if silent.any() else None,
        silent_class=boxes.label[kept][silent] if silent.any() else None,
        scenes=None if scenes is None else [scenes[clip] for clip in clips],
        sound=None if kinds is None else [kinds[clip] for clip in clips],
        votes=store.votes,
        parts={part: inside[clips] for part, inside in parts_of_store(store).items()},
        name=name,
        sha256=store.fingerprint,
        **drawn,
    )
    return Frames(store, plan, truth)


def _rows_of(store: Store, plan: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The plan's row of each box, and the indices of these boxes in the store."""
    place = np.full((len(store), store.frames_per_clip), -1, np.int64)
    place[plan.clips, plan.picks] = np.arange(len(plan))
    rows = place[store.boxes.clip, store.boxes.frame]
    kept = np.flatnonzero(rows >= 0)
    return rows[kept], kept


def wrong_sounds(store: Store, plan: Plan, seed: int, in_view: NDArray[np.bool_] | None = None) -> Plan:
    """The same frames, each with the sound of another video's clip that shares none of its sounding classes.

    in_view: (N, C), further classes for each clip of the store that must not sound, such as those of silent objects.

    If every other video shares a class (two sources of few classes), any other video is used. A clip whose sound
    nothing in view makes has no class, so its sound is not used: it could match a class in view elsewhere.
    """
    random = np.random.default_rng(seed)
    labels, kinds, layers = np.asarray(store.labels), sounds_of(store), plan.layers
    around = labels if in_view is None else labels | in_view
    own = np.ones(len(store), bool) if kinds is None else np.array(kinds) == "own"
    everything = np.flatnonzero(own)
    apart: dict[bytes, NDArray[np.int64]] = {}  # clips without a class, which many clips have in common
    of_video: dict[str, list[int]] = {}
    for clip, video in enumerate(store.videos):
        of_video.setdefault(video, []).append(clip)
    heard = np.empty((len(layers), len(plan)), np.int64)
    for row, clips in enumerate(zip(*(layer.clips.tolist() for layer in layers), strict=True)):
        seen = around[list(clips)].any(0)
        kind = seen.tobytes()
        if kind not in apart:
            apart[kind] = np.flatnonzero(own & ~(labels & seen).any(1))
        same = np.array(sorted({clip for one in clips for clip in of_video[store.videos[one]]}))
        choice = next((found for found in (apart[kind], everything) if len(found) > len(_places(found, same))), None)
        if choice is None:
            raise DataError(f"{store.path}: split {store.split_name} has one video; a wrong sound needs another")
        left_out = _places(choice, same)
        for number in range(len(layers)):
            place = int(random.choice(len(choice) - len(left_out)))
            for other in left_out:  # in rising order, to skip the clips of the same video
                place += place >= other
            heard[number, row] = choice[place]
    first, *under = (Plan(layer.clips, layer.picks, sounds=sounds) for layer, sounds in zip(layers, heard, strict=True))
    return replace(first, under=tuple(under))


def _places(clips: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of some clips among others; both rise."""
    places = np.searchsorted(clips, some)
    there = places < len(clips)
    there[there] = clips[places[there]] == some[there]
    return places[there]


def maps_of(
    localizer: Localizer,
    loader: Loader,
    plan: Plan,
    locate: Callable[[Batch], Tensor] | None = None,
    batch_size: int = BATCH,
    tell: Callable[[int], None] | None = None,
) -> Maps:
    """Heat maps (n, K, h, w) float32 of every row of the plan; `tell` is called with the number of finished ones."""

    def located(batch: Batch) -> dict[str, Tensor]:
        maps = localizer.locate(batch) if locate is None else locate(batch)
        if locate is None:
            refuse_maps(localizer, maps, batch)
        return {"maps": maps.float()}

    with torch.inference_mode():
        rows = collect(localizer, located, loader, plan, batch_size, tell=tell)
    return rows["maps"].numpy()


def maps_of_parts(localizer: Localizer, loader: Loader, tell: Callable[[int], None] | None = None) -> Maps:
    """Heat maps (N F, K, h, w) of all F frames of every clip, clip by clip, each with its own F-th of the clip's sound;
    `tell` is called with the number of finished frames.
    """
    count, samples = loader.store.frames_per_clip, loader.store.samples
    clips = np.arange(len(loader.store))

    def part(pick: int) -> Maps:
        start, stop = pick * samples // count, (pick + 1) * samples // count

        def locate(batch: Batch) -> Tensor:
            if batch.waveform is None:
                raise DataError(
                    f"{loader.store.path} contains no waveforms, so frames cannot use their own parts of the sound"
                )
            heard = batch.waveform[:, start:stop]
            return localizer.locate(replace(batch, waveform=heard, sound=localizer.sound(heard)))

        told = None if tell is None else lambda done: tell(pick * len(clips) + done)
        return maps_of(localizer, loader, Plan(clips, np.full(len(clips), pick)), locate, tell=told)

    maps = np.stack([part(pick) for pick in range(count)], axis=1)
    return maps.reshape(-1, *maps.shape[2:])


def sees_without_sound(localizer: Localizer, loader: Loader, plan: Plan) -> bool:
    """Whether the localizer, with its arguments, provides maps without sound."""
    with torch.inference_mode():
        return localizer.look(next(iter(loader.of(plan.rows(0, 1), 1)))) is not None
