"""Published protocols for several sources, classes or clusters in a clip, with corrected versions of the buggy ones."""

from dataclasses import replace
from typing import Any

from avloc.protocols.named_single import C2F, DSOL
from avloc.protocols.protocol import Protocol

AVGN = "stoneMo/AVGN@5ab8cab (Mo and Tian, CVPR 2023)"
NOPRIOR = "VisualAIKHU/NoPrior_MultiSSL@9910fb1 (Kim et al., CVPR 2024)"
TVSL = "enyac-group/T-VSL@2cddbbb (Mahmud et al., CVPR 2024)"
DENSEAV = "mhamilton723/DenseAV@2221b8c (Hamilton et al., CVPR 2024)"

_DSOL_DUET = Protocol(
    "dsol-duet",
    DSOL,
    unit="class",
    aggregate="frame",
    mask="relative",
    cut=0.2,
    strict=True,
    truth="union",
    corners="extent",
    missing="drop",
    report=("ciou@0.3", "ciou@0.5", "auc", "nsa", "ciou"),
)
_AVGN = Protocol(
    "avgn",
    AVGN,
    unit="source",
    resize="bicubic",
    align_corners=True,
    normalise="fixed",
    mask="absolute",
    boxes="xywh-as-corners",
    pixel_ap="swapped",
    grid=False,
    strict_success=True,
    undefined="nan",
    report=("ciou@0.1", "ciou@0.3", "ciou@0.5", "auc", "piap", "ciou"),
)
_NOPRIOR = Protocol(
    "noprior",
    NOPRIOR,
    unit="greedy",
    canvas="tall",
    resize="cv2-cubic",
    normalise="minmax",
    mask="rank-or-one",
    strict=True,
    corners="extent-split",
    pixel_ap="binary",
    grid=False,
    missing="drop",
    undefined="nan",
    report=("ciou@0.3", "ciou@0.5", "auc", "cap", "piap", "ciou"),
)
_TVSL = Protocol(
    "tvsl",
    TVSL,
    unit="source",
    canvas="wide",
    resize="bicubic",
    normalise="inverted-nan",
    mask="absolute",
    cut=0.1,
    boxes="xywh-as-corners",
    pixel_ap="continuous",
    undefined="nan",
    report=("ciou", "smooth_iou", "auc", "pixel_ap"),
)


def _named(protocol: Protocol, name: str, **axes: Any) -> Protocol:
    """A variant with its own name."""
    return replace(protocol, name=name, **axes)


MULTI = (
    _named(_DSOL_DUET, "dsol-synthetic", cut=0.5, nsa_maps=11),
    _DSOL_DUET,
    Protocol(
        "c2f-class",
        C2F,
        unit="class",
        aggregate="frame",
        size=256,
        normalise="relu",
        mask="relative",
        cut=0.1,
        strict=True,
        truth="union",
        corners="extent",
        level=2,
        missing="drop",
    ),
    _AVGN,
    _named(_AVGN, "avgn-rel", normalise="fixed-minmax", mask="rank"),
    _named(_AVGN, "avgn-val", align_corners=False, normalise="fixed-minmax", mask="rank"),
    _named(
        _AVGN,
        "avgn-fixed",
        source=AVGN + ", corrected",
        boxes="as-written",
        pixel_ap="binary",
        report=("ciou@0.1", "ciou@0.3", "ciou@0.5", "auc", "cap", "piap", "ciou"),
    ),
    _NOPRIOR,
    _named(_NOPRIOR, "noprior-fixed", source=NOPRIOR + ", corrected", missing="zero"),
    _TVSL,
    _named(
        _TVSL,
        "tvsl-fixed",
        source=TVSL + ", corrected",
        normalise="inverted",
        boxes="as-written",
        report=("ciou@0.3", "ciou", "smooth_iou", "auc", "pixel_ap"),
    ),
    Protocol(
        "denseav",
        DENSEAV,
        unit="pixels",
        resize="bilinear",
        normalise="minmax-set",
        mask="none",
        pixel_ap="pooled",
        truth="union",
        report=("cap", "best_iou"),
    ),
)
