"""avloc: where in a picture does the sound come from? Every command `avloc X --option` is here as `avloc.x(option=...)`."""

import importlib
from typing import Any

from avloc import registry

__version__ = "0.2.0"

_PLACES = {
    **{registry.prepare_name(module): module for module in registry.data_sets().values()},
    **registry.verbs(),
    "AvlocError": "avloc.errors",
    "score": "avloc.scoring.score_maps",
    "score_all": "avloc.scoring.score_maps",
    "Truth": "avloc.annotations.truth",
    "PROTOCOLS": "avloc.protocols.named",
    "Protocol": "avloc.protocols.protocol",
    "write_predictions": "avloc.predictions",
    "Store": "avloc.data.store",
    "Clip": "avloc.data.clip",
    "Batch": "avloc.data.loader",
    "FrameView": "avloc.data.views",
    "LogMel": "avloc.data.views",
    "LogStft": "avloc.data.views",
    "VggishPatches": "avloc.data.views",
    "Waveform": "avloc.data.views",
    "Localizer": "avloc.methods.base",
    "Needs": "avloc.data.needs",
    "Phase": "avloc.methods.base",
    "Published": "avloc.methods.base",
    "Train": "avloc.methods.base",
    "Run": "avloc.engine.run",
    "load": "avloc.engine.loaded",
    "Model": "avloc.engine.loaded",
    "Found": "avloc.engine.found",
    "FoundBox": "avloc.engine.found_boxes",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """Public names are imported on first use, so that `import avloc` is fast."""
    if name not in _PLACES:
        raise AttributeError(f"module 'avloc' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PLACES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
