"""The names of AudioSet's classes, in the order of each tagger's scores.

Gemmeke et al., ICASSP 2017; the names are of its ontology, CC BY-SA 4.0. YAMNet has 521 classes, PANNs the same and six more.
"""

from functools import cache
from pathlib import Path

#: index among PANNs' 527 -> the classes that YAMNet lacks
MORE = {
    1: "Male speech, man speaking", 2: "Female speech, woman speaking", 12: "Battle cry", 32: "Male singing",
    33: "Female singing", 277: "Funny music",
}  # fmt: skip


@cache
def audioset_names(classes: int = 521) -> tuple[str, ...]:
    """521 names in YAMNet's order, or 527 in that of PANNs."""
    names = Path(__file__).with_name("audioset.txt").read_text(encoding="utf-8").splitlines()
    if classes > len(names):
        for place, name in MORE.items():
            names.insert(place, name)
    return tuple(names)
