"""The authors' checkpoints of the simplified version, mapped to our parameters."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from avloc.methods.base import Localizer
from avloc.methods.coarse_to_fine.stage_one import StageOne
from avloc.methods.coarse_to_fine.stage_two import StageTwo
from avloc.nn.published import load_published, refuse_other_stage, require, without_wrapper

NAMES = {
    "vision.": "streams.visual.",
    "audio.conv1_a.": "streams.audio.conv1.",
    "audio.": "streams.audio.",
    "class_": "streams.class_",
    "avc.": "streams.avc.",
}
UNUSED = ("vision.conv1_a.", "vision.fc.", "audio.conv1.weight", "audio.fc.")


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of both stages that fit a published state dict."""
    state = without_wrapper(state)
    require(state, ["vision.conv1.weight", "audio.conv1_a.weight", "class_a.weight"], "coarse-to-fine (simplified)")
    return {"classes": int(state["class_a.weight"].shape[0])}, {}


def import_state(
    state: Mapping[str, Tensor], stage: int, one: StageOne, two: StageTwo | None = None, dictionary: Any = None
) -> Localizer:
    """Load a published state dict into stage one, or into a stage two that starts from it; AvlocError for misfits."""
    state = without_wrapper(state)
    refuse_other_stage(state, stage, "project_a.0.weight", "this checkpoint")
    if stage == 1:
        load_published(one, state, NAMES, UNUSED, "coarse-to-fine stage 1")
        return one
    assert two is not None
    two.start_from(one)
    names = {theirs: f"coarse.{ours}" for theirs, ours in NAMES.items()}
    load_published(two, state, names, UNUSED, "coarse-to-fine stage 2")
    return two
