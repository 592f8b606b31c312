"""Whether a stage's embeddings of frames and sounds retrieve each other on a test set."""

from typing import Any

import numpy as np
import torch

from avloc.data.loader import Batch, Loader
from avloc.data.plans import Plan
from avloc.engine.collect import collect
from avloc.engine.predicting import BATCH, Frames
from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.naming import counted
from avloc.scoring.retrieval import LEAST, retrieval


def retrieval_of(localizer: Localizer, loader: Loader, frames: Frames, resamples: int, seed: int) -> dict[str, Any]:
    """Recall in both directions over the first scored frame of every clip with its own sound; AvlocError if the method
    does not embed both.
    """
    if frames.plan.under:
        raise AvlocError("--metric retrieval: mixtures (stacked) cannot be retrieved; leave out one of the two")
    _, first = np.unique(frames.plan.clips, return_index=True)
    kinds = frames.truth.sound
    rows = np.array([row for row in np.sort(first).tolist() if kinds is None or kinds[row] == "own"], np.int64)
    if len(rows) < LEAST:
        raise AvlocError(
            f"--metric retrieval: {counted(len(rows), 'clip with its', 'clips with their')} own sound; expected {LEAST} or more"
        )
    plan = Plan(frames.plan.clips[rows], frames.plan.picks[rows])

    def function(batch: Batch) -> dict[str, torch.Tensor]:
        both = localizer.embed(batch)
        if both is None:
            name = type(localizer).__name__
            raise AvlocError(f"--metric retrieval: {name} does not embed frame and sound in one space; leave it out")
        return {"frames": both[0].float(), "sounds": both[1].float()}

    with torch.inference_mode():
        found = collect(localizer, function, loader, plan, BATCH)
    videos = [frames.truth.videos[row] for row in rows.tolist()]
    return retrieval(found["frames"].numpy(), found["sounds"].numpy(), videos, resamples, seed)
