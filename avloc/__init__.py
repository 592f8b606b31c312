"""avloc: where in a picture does the sound come from? Every command `avloc X --option` is here as `avloc.x(option=...)`."""

import importlib
from typing import Any

__version__ = "0.1.0"

_DATA_SETS = (
    "music",
    "music_synthetic",
    "audioset_instrument",
    "soundnet_flickr",
    "ave",
    "vggsound",
    "avsbench",
    "avatar",
    "synthetic",
    "folder",
)
_VERBS = (
    "data_check",
    "data_merge",
    "data_show",
    "pseudo_labels",
    "train_stage1",
    "cluster",
    "match_clusters",
    "train_stage2",
    "evaluate",
    "evaluate_predictions",
    "compare",
    "leaderboard",
    "benchmarks",
    "visualize",
    "predict",
    "demo",
    "recipes",
    "import_weights",
)
_PLACES = {
    **{f"prepare_{name}": f"avloc.prepare.{name}" for name in _DATA_SETS},
    "prepare_import": "avloc.prepare.import_",
    **{name: f"avloc.verbs.{name}" for name in _VERBS},
    "AvlocError": "avloc.errors",
    "Store": "avloc.data.store",
    "Clip": "avloc.data.clip",
    "Batch": "avloc.data.loader",
    "FrameView": "avloc.data.views",
    "LogMel": "avloc.data.views",
    "LogStft": "avloc.data.views",
    "VggishPatches": "avloc.data.views",
    "Localizer": "avloc.methods.base",
    "Phase": "avloc.methods.base",
    "Train": "avloc.methods.base",
    "Run": "avloc.engine.run",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """Public names are imported when they are first used, so that `import avloc` is quick."""
    if name not in _PLACES:
        raise AttributeError(f"module 'avloc' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
