"""The authors' four files of SSPL, mapped to our parameters, and the sizes in them.

zjsong/SSPL @d1af4c7: frame_best.pth, sound_best.pth, ssl_head_best.pth, and with predictive coding pcm_best.pth.
"""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from avloc.errors import AvlocError
from avloc.methods.base import Localizer
from avloc.methods.sspl.method import Sspl
from avloc.nn.published import load_published, require

FILES = {
    "frame_best.pth": "frame.",
    "sound_best.pth": "sound.",
    "ssl_head_best.pth": "head.",
    "pcm_best.pth": "pcm.",
}
NAMES = {
    "frame.feat_extractor.": "visual.features.",
    "sound.fc.": "query.",
    "sound.": "audio.",
    "pcm.PredProcess.0.": "pcm.predict.0.",
    "pcm.PredProcess.1.conv2d.": "pcm.predict.1.",
    "pcm.PredProcess.2.conv2d.": "pcm.predict.2.",
    "pcm.ErrorProcess.0.": "pcm.correct.0.",
    "pcm.ErrorProcess.1.": "pcm.correct.1.",
    "pcm.ErrorProcess.2.convtrans2d.": "pcm.correct.2.",
    "pcm.ErrorProcess.3.": "pcm.out.",
    "pcm.b0.": "pcm.feedback_rates.",
    "pcm.a0.": "pcm.error_rates.",
    "pcm.BNPred.": "pcm.first_predicted.",
    "pcm.BNError.": "pcm.first_corrected.",
    "pcm.BNPred_step.": "pcm.predicted.",
    "pcm.BNError_step.": "pcm.corrected.",
    "head.projector.layer1.0.": "head.projector.0.",
    "head.projector.layer1.1.": "head.projector.1.",
    "head.projector.layer2.0.": "head.projector.3.",
    "head.projector.layer2.1.": "head.projector.4.",
    "head.projector.layer3.0.": "head.projector.6.",
    "head.projector.layer3.1.": "head.projector.7.",
    "head.predictor.layer1.0.": "head.predictor.0.",
    "head.predictor.layer1.1.": "head.predictor.1.",
    "head.predictor.layer2.": "head.predictor.3.",
}
_SIZES = ("sound.embeddings.0.weight", "sound.embeddings.4.weight", "head.predictor.layer1.0.weight")


def arguments_of(state: Mapping[str, Tensor]) -> tuple[dict[str, Any]]:
    """Arguments that fit the published weights: the number of cycles, and every size, inferred from names and shapes."""
    for file, prefix in list(FILES.items())[:3]:
        if not any(name.startswith(prefix) for name in state):
            raise AvlocError(
                f"no {file} here; give the folder of {', '.join(FILES)} (the last one with predictive coding)"
            )
    require(state, _SIZES, "SSPL")
    width, bottleneck = state[_SIZES[2]].shape[1], state[_SIZES[2]].shape[0]
    arguments: dict[str, Any] = {
        "visual": _stages(state, "frame.feat_extractor."),
        "audio": {
            **_stages(state, "sound.features."),
            "hidden": len(state[_SIZES[0]]),
            "dim": len(state[_SIZES[1]]),
        },
        "pcm_cycles": len([name for name in state if name.startswith("pcm.BNPred_step.") and name.endswith(".bias")])
        // 2,
        "head_width": width,
        "head_bottleneck": bottleneck,
    }
    return (arguments,)


def import_state(
    state: Mapping[str, Tensor], stage: int, one: Sspl, two: None = None, dictionary: None = None
) -> Localizer:
    """Load the published weights; AvlocError naming what is missing, unknown or of another shape."""
    load_published(one, state, NAMES, (), "SSPL")
    return one


def _stages(state: Mapping[str, Tensor], prefix: str) -> dict[str, list[int]]:
    """Widths and blocks of a stack of convolutions: consecutive numbers differ by two in a stage, and by three across a
    pool.
    """
    weights = {
        int(name[len(prefix) :].split(".")[0]): value for name, value in state.items() if name.startswith(prefix)
    }
    widths: list[int] = []
    blocks: list[int] = []
    before = None
    for number in sorted(weights):
        if before is None or number - before > 2:
            widths.append(len(weights[number]))
            blocks.append(0)
        blocks[-1] += 1
        before = number
    return {"widths": widths, "blocks": blocks}
