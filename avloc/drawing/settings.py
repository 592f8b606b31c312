"""Settings that differ from the defaults."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any


def differing(target: Callable[..., Any], values: Mapping[str, Any], prefix: str) -> list[tuple[str, str, str]]:
    """(dotted key, value, default) of each value that differs from the default of `target`'s parameter.

    A mapping configures an object: its keys are compared with the attributes of the default object, if any.
    """
    parameters, found = inspect.signature(target).parameters, []
    for key, value in values.items():
        default = parameters[key].default if key in parameters else inspect.Parameter.empty
        for name, here in value.items() if isinstance(value, dict) else [("", value)]:
            usual = getattr(default, name, None) if name else default
            if here != usual and _short(here) != _short(usual):
                found.append((".".join(filter(None, (prefix, key, name))), _short(here), _short(usual)))
    return found


def _short(value: Any) -> str:
    """A value on one line; empty for a parameter without a default."""
    if value is inspect.Parameter.empty:
        return ""
    if value is None or isinstance(value, str):
        return value or "none"
    return json.dumps(value, default=str, ensure_ascii=False)
