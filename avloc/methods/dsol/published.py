"""The authors' checkpoints of DSOL: which of their parameters is which of ours.

DTaoo/Discriminative-Sounding-Objects-Localization @7f40207; 259 entries (MUSIC stage one), 261 (stage two), 260 and 262
(AudioSet). Each of their encoders owns the first convolution of both modalities and an unused classifier.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.methods.dsol.stage_one import StageOne
from avloc.methods.dsol.stage_two import StageTwo

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
# The heads that AudioSet's code trains hang on the DataParallel wrapper (.module.) and are used by no forward pass.
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
    """Arguments of both stages that fit a published state dict; the AudioSet variant shows by the bias of conv_av."""
    state = _stripped(state)
    head = state.get("a_class_layer.weight")
    if head is None:
        raise AvlocError("this is no DSOL checkpoint: it has no a_class_layer.weight; give the authors' .pth file")
    audioset = "conv_av.bias" in state
    one = {"clusters": int(head.shape[0]), **(AUDIOSET_ONE if audioset else {})}
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
    state = _stripped(state)
    if (stage == 2) != ("obj_conv.weight" in state):
        raise AvlocError(
            f"this DSOL checkpoint is of stage {1 if stage == 2 else 2} (obj_conv is "
            f"{'missing' if stage == 2 else 'there'}); import it with --stage {1 if stage == 2 else 2}"
        )
    if stage == 2:
        assert two is not None
        two.start_from(one, dictionary)
        localizer = two
    renamed = {_ours(name): value for name, value in state.items() if not name.startswith(UNUSED)}
    expected = {
        name: value for name, value in localizer.state_dict().items() if not name.startswith(("teacher.", "dictionary"))
    }
    problems = [f"{name} is missing" for name in expected if name not in renamed]
    problems += [f"{name} is unknown" for name in renamed if name not in expected]
    problems += [
        f"{name} is {tuple(value.shape)}, not {tuple(expected[name].shape)}"
        for name, value in renamed.items()
        if name in expected and value.shape != expected[name].shape
    ]
    if problems:
        raise AvlocError(
            f"this checkpoint does not fit DSOL stage {stage}: {'; '.join(problems[:5])} ({len(problems)} in all)"
        )
    localizer.load_state_dict(renamed, strict=False)
    return localizer


def _stripped(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix("module."): value for name, value in state.items()}


def _ours(name: str) -> str:
    for theirs, ours in NAMES.items():
        if name.startswith(theirs):
            return ours + name[len(theirs) :]
    return name
