"""Figures from a paper's tables, a repository's README or a page that quotes them; none is from memory.

A setting is the evaluation or training behind a figure: figures of two settings are not comparable, and none of them
was produced by this package. Values are percent, as printed.
"""

from dataclasses import dataclass

SOURCES: dict[str, str] = {
    "DSOL": "tables 1 and 2 in the README of DTaoo/Discriminative-Sounding-Objects-Localization@7f40207",
    "R": "README of the method's repository",
    "S1": "an aggregator's page for the DSOL paper",
    "S2": "wizwand.com, page of the Alignment paper",
    "S3": "wizwand.com, page of GAR-SSL",
    "S4": "notes on GAR-SSL (arXiv 2604.06824)",
    "S5": "notes on OA-SSL (arXiv 2506.18557)",
    "S6": "digest of SCAV (arXiv 2608.05816)",
    "S7": "notes of SouPLe (CVPR 2026)",
    "S8": "digest of EchoLoc (2026)",
}

AUDIOCLIP = "re-trained with AudioCLIP"
SOURCE_WISE = "source-wise, ResNet-18"
FRAME_WISE = "frame-wise"
LLM = "boxes of a language model, scored as by gar"
HALF = "half-area mask"
OGL = "half-area mask, with object maps"
SWEPT = "threshold chosen on the test set"
ADAPTIVE = "adaptive area"
OWN = "paper's own split and rule"


@dataclass(frozen=True)
class Figure:
    """The results of one method on one benchmark, as printed: metric to percent."""

    benchmark: str
    method: str
    year: int
    setting: str
    values: dict[str, float]
    source: str


def _figures(benchmark: str, metrics: str, rows: str) -> list[Figure]:
    """Rows `method | year | setting | values | source`, one per line; a dash is a value that was not printed."""
    names = metrics.split()
    found = []
    for line in rows.strip().splitlines():
        method, year, setting, values, source = (part.strip() for part in line.split("|"))
        numbers = zip(names, values.split(), strict=False)
        pairs = {name: float(text) for name, text in numbers if text != "-"}
        found.append(Figure(benchmark, method, int(year), _SETTINGS[setting], pairs, source))
    return found


_SETTINGS = {
    "ac": AUDIOCLIP,
    "sw": SOURCE_WISE,
    "fw": FRAME_WISE,
    "llm": LLM,
    "half": HALF,
    "ogl": OGL,
    "swept": SWEPT,
    "adap": ADAPTIVE,
    "own": OWN,
    "other": "rule not stated",
}

PUBLISHED: tuple[Figure, ...] = (
    *_figures(
        "dsol-solo",
        "iou@0.5 auc",
        """
        Sound-of-Pixels | 2018 | own | 40.5 43.3 | DSOL
        Object-that-sound | 2018 | own | 26.1 35.8 | DSOL
        Attention | 2018 | own | 37.2 38.7 | DSOL
        DMC | 2019 | own | 29.1 38.0 | DSOL
        DSOL | 2020 | own | 51.4 43.6 | DSOL
        """,
    ),
    *_figures(
        "dsol-duet",
        "ciou@0.3 auc nsa",
        """
        Sound-of-Pixels | 2018 | own | 16.8 16.8 92.0 | DSOL
        Object-that-sound | 2018 | own | 13.2 18.3 15.7 | DSOL
        Attention | 2018 | own | 21.5 19.4 54.6 | DSOL
        DMC | 2019 | own | 17.3 21.1 - | DSOL
        DSOL | 2020 | own | 30.2 22.1 83.1 | DSOL
        """,
    ),
    *_figures(
        "dsol-synthetic",
        "ciou@0.3 auc nsa",
        """
        Sound-of-Pixels | 2018 | own | 8.1 11.8 97.2 | DSOL
        Object-that-sound | 2018 | own | 3.7 10.2 19.8 | DSOL
        Attention | 2018 | own | 6.4 12.3 77.9 | DSOL
        DMC | 2019 | own | 7.0 16.3 - | DSOL
        DSOL | 2020 | own | 32.3 23.5 98.5 | DSOL
        """,
    ),
    *_figures(
        "audioset-instrument",
        "ciou@0.3 auc nsa",
        """
        Sound-of-Pixels | 2018 | own | 39.8 27.3 88.8 | DSOL
        Object-that-sound | 2018 | own | 27.1 21.9 16.5 | DSOL
        Attention | 2018 | own | 29.9 23.5 4.5 | DSOL
        DMC | 2019 | own | 32.0 25.2 - | DSOL
        DSOL | 2020 | own | 48.7 29.7 56.8 | DSOL
        """,
    ),
    *_figures(
        "music-duet",
        "ciou@0.3 auc cap",
        """
        Coarse-to-fine | 2020 | sw | 17.6 20.6 | S6
        DSOL | 2020 | sw | 30.1 22.3 | S6
        DSOL | 2020 | ac | 38.8 | S1
        LVS | 2021 | sw | 22.5 20.9 | S6
        Mix-and-Localize | 2022 | sw | 26.5 21.5 47.5 | S5 S6
        AVGN | 2023 | sw | 32.5 24.6 50.6 | S5 S6
        Alignment | 2023 | ac | 38.3 | S2
        NoPrior | 2024 | other | 38.6 30.1 52.1 | S5
        NoPrior | 2024 | fw | 2.5 13.2 21.7 | S6
        T-VSL | 2024 | ac | 43.2 35.9 62.9 | S5
        OA-SSL | 2025 | other | 45.9 36.1 61.4 | S5
        Qwen2.5-Omni | 2026 | llm | 50.6 40.8 | S4
        SCAV | 2026 | fw | 47.1 28.6 47.6 | S6
        GAR-SSL | 2026 | llm | 82.7 53.2 | S3 S4
        """,
    ),
    *_figures(
        "vggsound-duet",
        "ciou@0.3 auc cap",
        """
        Coarse-to-fine | 2020 | sw | 14.7 18.5 | S6
        DSOL | 2020 | sw | 22.3 21.1 | S6
        DSOL | 2020 | ac | 36.9 | S1
        LVS | 2021 | sw | 17.3 19.5 | S6
        Mix-and-Localize | 2022 | sw | 21.1 20.5 16.3 | S6
        AVGN | 2023 | sw | 26.2 23.8 21.9 | S6
        Alignment | 2023 | ac | 35.8 | S2
        NoPrior | 2024 | other | 46.9 29.2 | S5
        NoPrior | 2024 | fw | 18.1 16.8 26.8 | S6
        OA-SSL | 2025 | other | 55.2 44.8 45.9 | S5 S6
        Qwen2.5-Omni | 2026 | llm | 42.6 | S4
        SCAV | 2026 | fw | 53.3 32.0 53.0 | S6
        GAR-SSL | 2026 | llm | 77.6 45.8 | S3 S4
        """,
    ),
    *_figures(
        "vggsound-single",
        "ciou@0.5 auc piap",
        """
        DSOL | 2020 | ac | 46.8 | S1
        Alignment | 2023 | ac | 50.8 | S2
        OA-SSL | 2025 | other | 47.3 - 51.7 | S4
        GAR-SSL | 2026 | llm | 60.2 55.2 60.5 | S3 S4
        """,
    ),
    *_figures(
        "music-solo",
        "ciou@0.5 auc piap",
        """
        DSOL | 2020 | ac | 62.7 | S1
        Alignment | 2023 | ac | 66.4 | S2
        OA-SSL | 2025 | other | 71.1 | S4
        GAR-SSL | 2026 | llm | 98.5 | S3 S4
        """,
    ),
    *_figures(
        "vggss",
        "locacc auc",
        """
        DSOL | 2020 | other | 29.91 | S1
        LVS | 2021 | half | 30.30 36.40 | S8
        EZ-VSL, 144k | 2022 | ogl | 38.85 39.54 | R
        EZ-VSL, full | 2022 | ogl | 39.34 39.78 | R
        EZ-VSL | 2022 | half | 35.96 38.20 | S8
        FNAC, 144k | 2023 | ogl | 39.50 39.66 | R
        MarginNCE | 2023 | half | 38.25 39.06 | S8
        Alignment | 2023 | half | 39.94 | R
        Alignment, self-supervised | 2023 | half | 39.16 | R
        Alignment, pretrained vision | 2023 | half | 41.42 | R
        Alignment | 2023 | ogl | 42.64 | R S2
        ACL-SSL | 2024 | swept | 49.46 46.32 | S7
        EchoLoc | 2026 | half | 36.36 38.28 | S8
        SouPLe | 2026 | swept | 53.21 48.15 | S7
        SouPLe, 50 epochs | 2026 | swept | 54.76 49.40 | S7
        """,
    ),
    *_figures(
        "flickr-soundnet",
        "locacc auc",
        """
        DSOL | 2020 | other | 74.0 | S1
        EZ-VSL, 10k | 2022 | ogl | 81.93 62.58 | R
        EZ-VSL, 144k | 2022 | ogl | 83.13 63.06 | R
        EZ-VSL, VGGSound 144k | 2022 | ogl | 83.94 63.60 | R
        ACL-SSL | 2024 | swept | 80.80 64.62 | S7
        Alignment, VGGSound | 2023 | other | 82.4 | S2
        Alignment | 2023 | half | 85.20 | R
        Alignment, self-supervised | 2023 | half | 84.80 | R
        Alignment, pretrained vision | 2023 | half | 86.00 | R
        SouPLe | 2026 | swept | 84.80 67.64 | S7
        EchoLoc | 2026 | half | 84.34 54.29 | S8
        LVS | 2021 | adap | 77.20 62.72 | S8
        EZ-VSL | 2022 | adap | 78.00 63.82 | S8
        FNAC | 2023 | adap | 84.40 64.16 | S8
        MarginNCE | 2023 | adap | 86.00 68.32 | S8
        EchoLoc | 2026 | adap | 88.22 79.99 | S8
        """,
    ),
    *_figures(
        "flickr-soundnet-extended",
        "ap max_f1 locacc",
        """
        DSOL | 2020 | other | - - 72.91 | S1
        SLAVC | 2022 | ogl | 51.63 59.10 83.60 | R
        """,
    ),
    *_figures(
        "vggss-extended",
        "ap max_f1 locacc",
        """
        DSOL | 2020 | other | - - 26.87 | S1
        SLAVC | 2022 | ogl | 32.95 40.00 37.79 | R
        """,
    ),
    *_figures(
        "vggsound-instruments-multi",
        "ciou@0.1 auc cap",
        """
        DSOL | 2020 | ac | 85.9 | S1
        Alignment | 2023 | ac | 84.9 | S2
        SCAV | 2026 | fw | 76.0 21.1 32.0 | S6
        """,
    ),
    *_figures(
        "vggsound-instruments",
        "ciou@0.3 auc piap",
        """
        DSOL | 2020 | ac | 61.6 | S1
        Alignment | 2023 | ac | 65.8 | S2
        """,
    ),
)
