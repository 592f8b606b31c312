"""Protocols for the class of every pixel, for pictures of their own size, for boxes of language models, and for sounds that
nothing in view makes."""

from dataclasses import replace

from avloc.protocols.named_single import AVSBENCH
from avloc.protocols.protocol import Protocol

GAR = "VisualAIKHU/GAR-SSL@bc85ec0 (CVPR 2026, arXiv 2604.06824)"
VSSL = "xavijuanola/vssl_eval@e8ebbc9 (Juanola et al., arXiv 2410.01020)"
CAVP = "cyh-0/CAVP@96a6c34 (Chen et al., CVPR 2024)"
COMBO = "yannqi/COMBO-AVS@cb8af1c (Yang et al., CVPR 2024)"

_AVSS = Protocol(
    "avss",
    AVSBENCH,
    unit="labels",
    resize="bilinear",
    mask="none",
    truth="union",
    negatives="zero",
    padding=10,
    report=("miou", "fscore", "miou_nobg", "fscore_nobg"),
)

NEWER = (
    _AVSS,
    replace(_AVSS, name="avss-real", source=COMBO, padding=0),
    replace(
        _AVSS,
        name="cavp",
        source=CAVP,
        padding=0,
        report=("miou_set", "accuracy_set", "fdr_set", "f1_set", "f03_set"),
    ),
    Protocol(
        "avloc-avatar",
        "this package, after arXiv 2507.04667 as far as its rule is known",
        unit="picture",
        resize="bilinear",
        mask="absolute",
        cut=0.1,
        strict=True,
        truth="union",
        report=("ciou", "auc", "ciou_single", "ciou_mixed", "ciou_multi", "tn_rate"),
    ),
    Protocol(
        "gar",
        GAR,
        unit="union",
        mask="absolute",
        truth="union",
        corners="rounded",
        pixel_ap="binary",
        grid=False,
        missing="drop",
        report=("ciou@0.3", "ciou@0.5", "auc", "cap", "piap", "ciou"),
    ),
    Protocol(
        "vssl-eval",
        VSSL,
        unit="sounds",
        mask="absolute",
        strict=True,
        truth="union",
        undefined="nan",
        report=(
            *(f"{name}_{rule}" for rule in ("maxq3", "max", "max10") for name in ("ciou", "auc")),
            *(f"{name}_{kind}" for name in ("pia", "aoc") for kind in ("silence", "noise", "offscreen")),
            "f_pos_neg",
            "f_auc_aoc",
        ),
    ),
)
