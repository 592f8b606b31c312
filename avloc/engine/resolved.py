"""A configuration with all of its values: missing ones are filled with the defaults of the code."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from avloc.engine.card import without_places
from avloc.engine.settings import Inference

if TYPE_CHECKING:
    from avloc.engine.experiment import Experiment

#: settings of a training that change its numbers only by rounding
_WHERE = ("device", "workers", "resident", "keep", "save_every", "compile")
#: settings of later versions: at these values, which mean the earlier behaviour, a configuration keeps its fingerprint
_LATER = {"gather": False, "sync_bn": False}


def resolved(experiment: "Experiment") -> dict[str, Any]:
    """Plain values, as in a YAML file; reading them gives the same experiment."""
    found: dict[str, Any] = {
        "method": experiment.method,
        "seed": experiment.seed,
        "start": _plain(experiment.start),
    }
    for number, stage in experiment.stages.items():
        parts = {"model": _arguments(experiment.localizers[number - 1], stage.model)}
        if stage.data is not None:
            parts["data"] = _plain(stage.data)
        found[f"stage{number}"] = parts | {"train": _plain(stage.train)}
    found["cluster"] = _plain(experiment.cluster)
    found["inference"] = _plain(experiment.inference)
    found["evaluate"] = {name: _plain(test) for name, test in experiment.evaluate.items()}
    return found


def free_to_change(key: str) -> bool:
    """Whether a run can resume with another value: test sets, how their maps are computed, where and how a store is
    read, and how often a state is written.
    """
    free = (".data.cache", ".data.read_ahead", ".train.save_every")
    return key.startswith(("evaluate.", "inference.")) or key.endswith(free)


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Of a configuration, the same on every machine: stores and runs count by name only; test sets and settings that
    only affect where and how fast it runs do not count.
    """
    kept = without_places(values)
    if kept.get("inference") == _plain(Inference()):
        del kept["inference"]
    for stage in (part for name, part in kept.items() if name.startswith("stage")):
        train = {key: value for key, value in stage["train"].items() if key not in _WHERE}
        stage["train"] = {key: value for key, value in train.items() if key not in _LATER or value != _LATER[key]}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]


def _arguments(target: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a call would bind, including defaults."""
    parameters = inspect.signature(target).parameters
    return {name: _plain(given.get(name, one.default)) for name, one in parameters.items()}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value) if one.init}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
