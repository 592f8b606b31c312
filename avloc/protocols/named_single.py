"""Published protocols for one map per clip, and the one recommended here; docs/protocols has a page on each."""

from avloc.protocols.protocol import Protocol

HARDWAY = "hche11/Localizing-Visual-Sounds-the-Hard-Way@8fe8cbb (Chen et al., CVPR 2021)"
EZVSL = "stoneMo/EZ-VSL@95ff5bf (Mo and Morgado, ECCV 2022)"
FNAC = "OpenNLPLab/FNAC_AVL@0a0ca78 (Sun et al., CVPR 2023)"
SLAVC = "stoneMo/SLAVC@05b429c (Mo and Morgado, NeurIPS 2022)"
VCS = "DongzhanZhou visual-context release@385ae88 (Zhou et al., WACV 2023)"
SSPL = "zjsong/SSPL@d1af4c7 (Song et al., CVPR 2022)"
KAIST = "kaistmm/SSLalignment@e7ae3c5 (Senocak et al., ICCV 2023)"
ACL = "swimmiing/ACL-SSL@57f4a6c (Park et al., WACV 2024)"
C2F = "shvdiwnkozbw/Multi-Source-Sound-Localization@de67ce3 (Qian et al., ECCV 2020)"
DSOL = "DTaoo/Discriminative-Sounding-Objects-Localization@7f40207 (Hu et al., NeurIPS 2020)"

AVSBENCH = "OpenNLPLab/AVSBench@f7414af (Zhou et al., ECCV 2022)"

_EXTENDED = ("locacc", "auc", "ciou", "precision_all", "ap", "max_f1")

SINGLE = (
    Protocol(
        "avloc",
        "this package; docs/protocols/avloc.md gives the reasons",
        unit="auto",
        mask="top",
        corners="centre",
        pixel_ap="pooled",
        report=("locacc", "auc", "ciou", "cap", "piap", "auroc"),
    ),
    Protocol(
        "hardway", HARDWAY, normalise="inverted", mask="rank-or-one", strict=True, corners="below", undefined="nan"
    ),
    Protocol("ez-vsl", EZVSL, resize="bilinear", align_corners=True, normalise="minmax", undefined="nan"),
    Protocol("fnac-bilinear", FNAC, resize="bilinear", align_corners=True, normalise="minmax", undefined="nan"),
    # FNAC_AVL's test.py resizes the audio-visual map bicubically, but the object map as EZ-VSL does
    Protocol(
        "fnac-bicubic",
        FNAC,
        resize="bicubic",
        normalise="minmax",
        object_resize="bilinear-aligned",
        undefined="nan",
    ),
    Protocol(
        "slavc",
        SLAVC,
        resize="bicubic",
        align_corners=True,
        normalise="fixed",
        mask="absolute",
        strict_success=True,
        undefined="nan",
        report=_EXTENDED,
    ),
    Protocol(
        "slavc-rel",
        SLAVC,
        resize="bicubic",
        align_corners=True,
        normalise="fixed-minmax",
        strict_success=True,
        undefined="nan",
        report=_EXTENDED,
    ),
    Protocol("vcs", VCS, mask="median", corners="below", undefined="nan"),
    Protocol("sspl", SSPL, normalise="minmax-nan", mask="absolute", corners="below", undefined="nan"),
    Protocol("sspl-median", SSPL, normalise="minmax-nan", corners="below", undefined="nan"),
    Protocol(
        "kaist",
        KAIST,
        resize="bilinear",
        align_corners=True,
        normalise="minmax",
        strict=True,
        negatives="zero",
        undefined="nan",
        report=("locacc", "auc", "ciou", "iiou", "iauc"),
    ),
    Protocol(
        "kaist-adap",
        KAIST,
        resize="bilinear",
        align_corners=True,
        normalise="minmax",
        mask="area",
        strict=True,
        negatives="zero",
        undefined="nan",
        report=("locacc", "auc", "ciou", "iiou", "iauc"),
    ),
    Protocol(
        "acl",
        ACL,
        resize="bilinear",
        normalise="minmax-if-needed",
        mask="best",
        report=("locacc", "auc", "ciou", "ap", "max_f1"),
    ),
    Protocol(
        "c2f-flickr",
        C2F + ", networks of the authors' second code base",
        size=256,
        resize="bilinear",
        # dividing each class's map by its maximum is the method's part; the fused map is not divided
        mask="absolute",
        cut=0.1,
        corners="one-based",
        undefined="nan",
    ),
    Protocol(
        "c2f-flickr-half",
        C2F + ", evaluation of the authors' first code base",
        size=256,
        resize="bilinear",
        normalise="max",
        mask="absolute",
        strict=True,
        corners="one-based",
        undefined="nan",
    ),
    Protocol(
        "c2f-flickr-saved",
        C2F + ", cal_metric on saved maps",
        size=256,
        resize="bilinear",
        mask="absolute",
        cut=0.001,
        strict=True,
        corners="one-based",
        undefined="nan",
    ),
    Protocol(
        "c2f-agnostic",
        C2F,
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
    Protocol(
        "dsol-solo",
        DSOL,
        mask="relative",
        cut=0.1,
        strict=True,
        truth="union",
        corners="extent",
        missing="drop",
        report=("iou@0.5", "auc", "iou"),
    ),
    Protocol(
        "avsbench",
        AVSBENCH,
        unit="batch",
        resize="bilinear",
        mask="absolute",
        strict=True,
        truth="union",
        negatives="zero",
        # 4 videos of 5 frames, as in test.sh of both subsets
        batch=20,
        report=("miou", "fscore"),
    ),
)
