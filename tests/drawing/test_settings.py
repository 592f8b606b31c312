from dataclasses import dataclass

from avloc.drawing.settings import differing


@dataclass(frozen=True)
class View:
    size: int = 224
    mean: tuple[float, ...] = (0.5, 0.5)


def method(classes: int, frame: View = View(), other: View | None = None, pairs: str = "negative", rate: float = 1e-3):
    """Something to configure."""


def test_what_is_set_to_its_default_is_not_listed():
    assert differing(method, {"pairs": "negative", "rate": 0.001, "frame": {"mean": [0.5, 0.5]}}, "stage1") == []


def test_what_differs_is_listed_beside_its_default():
    values = {"classes": 8, "frame": {"size": 112}, "other": {"size": 160}, "pairs": "all", "rate": None}
    assert differing(method, values, "stage1.model") == [
        ("stage1.model.classes", "8", ""),
        ("stage1.model.frame.size", "112", "224"),
        ("stage1.model.other.size", "160", "none"),
        ("stage1.model.pairs", "all", "negative"),
        ("stage1.model.rate", "none", "0.001"),
    ]
