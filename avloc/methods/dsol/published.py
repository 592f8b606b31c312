"""The authors' checkpoints of DSOL, mapped to our parameters.

DTaoo/Discriminative-Sounding-Objects-Localization @7f40207; 259 entries (MUSIC stage one), 261 (stage two), 260 and 262
(AudioSet). Each of their encoders has the first convolution of both modalities and an unused classifier.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from avloc.methods.base import Localizer
from avloc.methods.dsol.stage_one import StageOne
from avloc.methods.dsol.stage_two import StageTwo
from avloc.nn.published import load_published, refuse_other_stage, require, without_wrapper

NAMES = {
    "visual_net.": "streams.visual.",
    "audio_net.conv1_a.": "streams.audio.conv1.",
    "audio_net.": "streams.audio.",
    "conv_v_1.": "streams.frame_projection.0.",
    "conv_v_2.": "streams.frame_projection.2.",
    "fc_a_1.": "streams.sound_projection.0.",
    "fc_a_2.": "streams.sound_projection.2.",
    "conv_av.": "streams.scale.",
    "v_class_layer.": "streams.frame_head.",
    "a_class_layer.": "streams.sound_head.",
    "obj_conv.": "object_scale.",
}
# the heads that AudioSet's code trains are attributes of the DataParallel wrapper (.module.) and used by no forward pass
UNUSED = (
    "visual_net.conv1_a.",
    "visual_net.fc.",
    "audio_net.conv1.weight",
    "audio_net.fc.",
    "v_class_layer.module.",
    "a_class_layer.module.",
)

AUDIOSET_ONE: dict[str, Any] = {
    "cosine": False,
    "logit_scale": None,
    "logit_bias": True,
    "frame": {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0)},
}
AUDIOSET_TWO: dict[str, Any] = {
    "masked": False,
    "object_maps": "sigmoid",
    "quadrants": False,
    "match": "bce",
    "teacher_temperature": 0.7,
    "match_first": 50,
    "weight": 1.0,
}


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of both stages that fit a published state dict; the AudioSet variant is recognised by the bias of conv_av."""
    state = without_wrapper(state)
    require(state, ["a_class_layer.weight"], "DSOL")
    audioset = "conv_av.bias" in state
    one = {"clusters": int(state["a_class_layer.weight"].shape[0]), **(AUDIOSET_ONE if audioset else {})}
    return one, dict(AUDIOSET_TWO) if audioset else {}


def import_state(
    state: Mapping[str, Tensor],
    stage: int,
    one: StageOne,
    two: StageTwo | None = None,
    dictionary: np.ndarray | None = None,
) -> Localizer:
    """Load a published state dict into stage one, or into a stage two that starts from it; AvlocError for misfits."""
    localizer: Localizer = one
    state = without_wrapper(state)
    refuse_other_stage(state, stage, "obj_conv.weight", "this DSOL checkpoint")
    if stage == 2:
        assert two is not None
        two.start_from(one, dictionary)
        localizer = two
    load_published(localizer, state, NAMES, UNUSED, f"DSOL stage {stage}", own=("teacher.", "dictionary"))
    return localizer
