"""The module of a method by its name: a file of avloc/methods, or any importable module."""

import importlib
from typing import TYPE_CHECKING, Any

from avloc import registry
from avloc.errors import ConfigError
from avloc.naming import shortened

if TYPE_CHECKING:
    from avloc.methods.base import Published

#: flags of a Localizer that are fields of `needs` now
BEFORE = ("negatives", "views", "every_frame", "waveform", "noises", "proposals", "partners", "label_classes")


def method_names() -> list[str]:
    return registry.methods()


def load_method(name: str) -> Any:
    """The module; ConfigError if it does not exist, cannot be imported, or its STAGES are not Localizers."""
    if "." in name:
        found: Any = registry.outside(name)
    elif name in method_names():
        found = importlib.import_module(f"avloc.methods.{name}")
    else:
        raise ConfigError(
            f"method: {name!r} is unknown; expected one of {', '.join(method_names())}, or a module's dotted name"
        )
    _refuse_stages(found)
    return found


def published_of(module: Any) -> "Published | None":
    """The description of the authors' checkpoints in a method's module; None if it has none."""
    known: Published | None = getattr(module, "PUBLISHED", None)
    return known


def _refuse_stages(module: Any) -> None:
    from avloc.methods.base import Localizer

    name = module.__name__
    if not hasattr(module, "STAGES"):
        raise ConfigError(f"method: the module {name} has no STAGES, the tuple of its Localizers")
    stages = module.STAGES
    if not isinstance(stages, tuple | list) or not 1 <= len(stages) <= 2:
        raise ConfigError(
            f"method: STAGES of {name} is {shortened(stages)}; expected a tuple of one or two subclasses of avloc.Localizer"
        )
    for number, kind in enumerate(stages, start=1):
        if not isinstance(kind, type) or not issubclass(kind, Localizer):
            raise ConfigError(
                f"method: stage {number} of {name} is {shortened(kind)}; expected a subclass of avloc.Localizer"
            )
        problem = _missing(kind, Localizer)
        if problem:
            raise ConfigError(f"method: {name}.{kind.__name__} {problem}")


def _missing(kind: Any, base: Any) -> str:
    """What a class must have and lacks, as text."""
    if kind.locate is base.locate:
        return "defines no locate; expected a method locate(batch) that returns heat maps (B, K, h, w)"
    if kind.needs_training and kind.loss is base.loss and kind.phases is base.phases:
        return "defines no loss; expected a method loss(batch) that returns named terms, or needs_training = False"
    earlier = next((flag for flag in BEFORE if hasattr(kind, flag)), None)
    if earlier is not None:
        return f"sets {earlier}; expected needs = Needs({earlier}=...), which replaces it"
    return ""
