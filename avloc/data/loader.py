"""From a store to Batches: an epoch is first drawn as a plan of indices and then read, so that it can be repeated exactly.

A split that fits in memory stays on the model's device and no worker process is used; a larger one is read by workers.
Both give the same Batches.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch
from torch import Generator, Tensor

from avloc import processes
from avloc.data.as_stored import heard
from avloc.data.batch import Batch
from avloc.data.kept import Kept
from avloc.data.labels import Labels
from avloc.data.memory import stays_in_memory
from avloc.data.needs import Needs
from avloc.data.nothing import nothing
from avloc.data.optical_flow import motion_of
from avloc.data.plans import Indices, Plan, anew, draw_plan, video_numbers, with_partners
from avloc.data.raw_batches import RawBatch, gathered, received
from avloc.data.stacking import one_above_the_other
from avloc.data.store import Store
from avloc.data.workers import Job, Workers
from avloc.errors import DataError


class Senses(Protocol):
    """The part of a Localizer that the loader needs: its views and its `needs`. It can have `frame2` and `sound2`,
    other views of the same frame and sound for training, and `memory`, which contains the lists of partners.
    """

    frame: Any
    sound: Any
    needs: Needs


class Loader:
    """Batches of one split for one method, on one device.

    `resident` keeps the raw split on the device: True (DataError if it does not fit), False, or None to decide by its
    size and the free memory. `workers` read what is not resident: their number, or the workers of another loader, which
    are then shared. `labels` are pseudo labels of the split's clips. `kept` contains features of frozen encoders, which
    then replace `frame`, `negative`, `frames` and `view2`, or of `sound`, in a Batch. `anew` lets each training epoch
    pair frames and sounds of a class anew. `buffer` is that of `plans.through_buffer`; None for the store's own.
    """

    def __init__(
        self,
        store: Store,
        senses: Senses,
        device: torch.device,
        workers: int | Workers = 0,
        resident: bool | None = None,
        labels: Labels | None = None,
        kept: Kept | None = None,
        anew: bool = False,
        buffer: int | None = None,
    ):
        self._moves = getattr(senses, "motion", None) is not None
        if self._moves and store.frames_per_clip < 2:
            raise DataError(
                f"{store.path} has one frame for each clip, so no optical flow; prepare it with more, or set model.flow to none"
            )
        self.anew, self.buffer = anew, buffer or store.buffer
        self.store, self.senses, self.device = store, senses, device
        self.workers = workers if isinstance(workers, Workers) else Workers(workers)
        self._videos = torch.from_numpy(video_numbers(store)).to(device)
        self._labels = torch.from_numpy(np.asarray(store.labels)).to(device)
        self._scores = None
        if labels is not None:
            self._scores = torch.from_numpy(labels.sound).to(device), torch.from_numpy(labels.frame).to(device)
        self._proposals = None
        if senses.needs.proposals and labels is not None and labels.proposals is not None:
            assert labels.proposal_classes is not None
            boxes, kinds = torch.from_numpy(labels.proposals), torch.from_numpy(labels.proposal_classes)
            self._proposals = boxes.to(device), kinds.to(device)
        self.kept = kept or Kept()
        self._raw: tuple[Tensor | None, Tensor | None] | None = None
        everything = self.kept.frames is not None and self.kept.sounds is not None
        if not everything and stays_in_memory(store, device, resident):
            self._raw = (
                None if self.kept.frames else torch.from_numpy(store.all_frames()).to(device),
                None if self.kept.sounds else torch.from_numpy(store.all_sounds()).to(device),
            )
        elif not everything:
            every = store.frames_per_clip if senses.needs.every_frame else 0
            moving = store.frames_per_clip if self._moves else 0
            self._job = Job(store.clip_reader, every, self.kept.frames is None, self.kept.sounds is None, moving)
            self.workers.start()

    @property
    def resident(self) -> bool:
        return self._raw is not None

    def steps(self, batch_size: int) -> int:
        """Training batches per epoch and process; the last clips that do not fill a batch are left out of the epoch."""
        return max(1, len(self.store) // (batch_size * processes.world_size()))

    def training(self, batch_size: int, seed: int, epoch: int, begin: int = 0) -> Iterator[Batch]:
        """Batches of a training epoch for this process, augmented, from index `begin` on; depends only on its arguments."""
        plan = draw_plan(self.store, (seed, epoch), self.senses.needs.negatives, True, self.buffer)
        if self.anew:
            plan = anew(self.store, plan, (seed, epoch))
        lists = getattr(self.senses, "memory", {})
        if self.senses.needs.partners and "frame_partners" in lists:
            frames, sounds = (lists[name].cpu().numpy() for name in ("frame_partners", "sound_partners"))
            plan = with_partners(self.store, plan, frames, sounds, (seed, epoch))
        world, rank = processes.world_size(), processes.rank()
        size = min(batch_size, len(plan) // world) or 1
        starts = [(step * world + rank) * size for step in range(begin, self.steps(batch_size))]
        parts = [plan.rows(start, start + size) for start in starts]
        for step, (part, raw) in enumerate(self._read(parts), start=begin):
            generator = Generator().manual_seed(seed_of(seed, epoch, rank, step))
            yield self._batch(part, raw, generator)

    def in_order(
        self, batch_size: int, seed: int | None = None, augment: bool = False, steps: Sequence[int] | None = None
    ) -> Iterator[Batch]:
        """Every clip of the split once, in store order; the first frame of each, or a random one if there is a seed.

        steps: see `of`.
        """
        if seed is None:
            plan = Plan(np.arange(len(self.store)), np.zeros(len(self.store), np.int64))
        else:
            plan = draw_plan(self.store, (seed,), self.senses.needs.negatives, shuffle=False)
        yield from self.of(plan, batch_size, None if seed is None or not augment else seed, steps)

    def of(
        self, plan: Plan, batch_size: int, augment_seed: int | None = None, steps: Sequence[int] | None = None
    ) -> Iterator[Batch]:
        """The Batches of any plan, in order, in the test view unless there is a seed for augmentation.

        steps: only these, exactly as they would be among all; this is how several processes share the work.
        """
        steps = range(-(-len(plan) // batch_size)) if steps is None else steps
        parts = [plan.rows(step * batch_size, (step + 1) * batch_size).layers for step in steps]
        read = self._read([layer for layers in parts for layer in layers])
        for step, layers in zip(steps, parts, strict=True):
            generator = None if augment_seed is None else Generator().manual_seed(seed_of(augment_seed, step))
            clips = [self._batch(*found, generator) for found in islice(read, len(layers))]
            yield one_above_the_other(
                clips, self.senses.sound if getattr(self.senses, "mixes_waveforms", False) else None
            )

    def _read(self, parts: list[Plan]) -> Iterator[tuple[Plan, RawBatch]]:
        every = self.senses.needs.every_frame
        if self.kept.frames and self.kept.sounds:
            yield from ((part, RawBatch(None, None)) for part in parts)
            return
        if self._raw is not None:
            frames, sounds = self._raw
            for part in parts:
                yield part, gathered(frames, sounds, part, every, self._moves)
            return
        borrowed = bool(self.workers.count)
        for part, arrays in zip(parts, self.workers.read(self._job, parts, str(self.store.path)), strict=True):
            yield part, received(arrays, self.device, borrowed)

    def _batch(self, part: Plan, raw: RawBatch, generator: Generator | None) -> Batch:
        index = torch.from_numpy(part.clips).to(self.device)
        state = None if generator is None else generator.get_state()
        frame = self._seen(raw.frames, part.clips, part.picks, generator)
        motion = self._moving(raw, generator, state)
        sound, waveform = self._heard(raw.sounds, part.heard, generator)
        batch = Batch(
            frame, sound, waveform, index=index, video=self._videos[index], labels=self._labels[index], motion=motion
        )
        if self.senses.needs.views == 2:
            batch.view2 = self._seen(raw.frames, part.clips, part.picks, generator)
        if generator is not None:
            self._add_second(batch, part, raw, generator)
        if self.kept.frames and self.senses.needs.every_frame:
            rows = self.kept.frames
            batch.frames = rows.every(part.clips, rows.draw(len(part), generator)).to(self.device)
        elif raw.every is not None:
            batch.frames = self._all_frames(raw.every, generator)
        if generator is not None and (count := self.senses.needs.noises):
            batch.noise = self._of_nothing(count, generator)
        if self._scores is not None:
            told = torch.from_numpy(part.heard).to(self.device)
            batch.sound_scores, batch.frame_scores = self._scores[0][told], self._scores[1][index]
        if self._proposals is not None:
            picks = torch.from_numpy(part.picks).to(self.device)
            batch.proposals, batch.proposal_classes = (
                found[index] if self.senses.needs.every_frame else found[index, picks].unsqueeze(1)
                for found in self._proposals
            )
        if part.negative_clips is not None and part.negative_picks is not None:
            batch.negative = self._seen(raw.negatives, part.negative_clips, part.negative_picks, generator)
            batch.negative_index = torch.from_numpy(part.negative_clips).to(self.device)
        return batch

    def _moving(self, raw: RawBatch, generator: Generator | None, state: Tensor | None) -> Tensor | None:
        """The optical flow, augmented with the same draws as the frame, whose generator was in this state."""
        if raw.before is None or raw.after is None:
            return None
        draws = None if state is None else Generator().set_state(state)
        return motion_of(self.senses, raw.before, raw.after, draws)

    def _add_second(self, batch: Batch, part: Plan, raw: RawBatch, generator: Generator) -> None:
        """The second views for training, and the partners."""
        frame2, sound2 = (getattr(self.senses, name, None) for name in ("frame2", "sound2"))
        if frame2 is not None:
            batch.view2 = frame2(raw.frames, generator)
        if sound2 is not None and raw.sounds is not None:
            batch.sound2 = heard(sound2, raw.sounds, generator)[0]
        if part.partner_clips is not None and part.partner_picks is not None and part.partner_sounds is not None:
            batch.partner_frame = self._seen(raw.partners, part.partner_clips, part.partner_picks, generator)
            batch.partner_sound = self._heard(raw.partner_sounds, part.partner_sounds, generator)[0]

    def _seen(self, raw: Tensor | None, clips: Indices, picks: Indices, generator: Generator | None) -> Tensor:
        """The view of one frame of each clip, or its cached features."""
        rows = self.kept.frames
        if rows is not None:
            return rows.of(clips, picks, rows.draw(len(clips), generator)).to(self.device)
        return self.senses.frame(raw, generator)

    def _heard(self, raw: Tensor | None, clips: Indices, generator: Generator | None) -> tuple[Tensor, Tensor | None]:
        rows = self.kept.sounds
        if rows is not None:
            return rows.of(clips, np.zeros_like(clips), rows.draw(len(clips), generator)).to(self.device), None
        assert raw is not None
        return heard(self.senses.sound, raw, generator)

    def _of_nothing(self, count: int, generator: Generator) -> Tensor:
        """The view of noise sounds, or their cached features."""
        kept = self.kept.noises
        if kept is not None:
            return kept[torch.randint(len(kept), (count,), generator=generator)].to(self.device)
        return self.senses.sound(nothing(count, self.store.samples, generator).to(self.device), None)

    def _all_frames(self, frames: Tensor, generator: Generator | None) -> Tensor:
        """(B, F, H, W, 3) uint8 to (B, F, 3, H, W); all frames of a clip are augmented in the same way."""
        if generator is None:
            return self.senses.frame(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        state = generator.get_state()
        seen = [self.senses.frame(moment, generator.set_state(state)) for moment in frames.unbind(1)]
        return torch.stack(seen, dim=1)


def seed_of(*numbers: int) -> int:
    """One 63-bit seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
