"""All keys of a configuration as Markdown: names, types and defaults from signatures, meanings from docstrings."""

import inspect
import re
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import yaml
from tables import code, sentence, table

from avloc.config import _plain
from avloc.engine.experiment import load_method, method_names
from avloc.engine.sections import SECTIONS
from avloc.engine.settings import ClusterSettings, Data, Inference, Start, TestSet
from avloc.kinds import members
from avloc.methods.base import Train
from avloc.ranges import range_of

#: the sections that all methods share, and what each is for
FIXED: dict[str, tuple[str, Callable[..., Any]]] = {
    "data": ("`stage1.data`, `stage2.data`", Data),
    "train": ("`stage1.train`, `stage2.train`", Train),
    "cluster": ("`cluster`", ClusterSettings),
    "start": ("`start`", Start),
    "inference": ("`inference`", Inference),
    "evaluate": ("`evaluate.NAME`, one for each test set", TestSet),
}
#: keys of a model that mean the same in every method
SENSES = {
    "frame": "how the method sees frames",
    "sound": "how the method hears: the view of the waveform that its sound encoder gets",
    "visual": "the frame encoder",
    "audio": "the sound encoder",
}
BASES = {int: "whole number", float: "number", bool: "true or false", str: "text", Path: "path", type(None): "null"}

CONFIGURATION = """# Configuration

A configuration is a YAML file. `avloc recipes` lists those that come with avloc, and
`avloc recipes NAME --copy mine.yaml` copies one. Any key can be overridden for one run with `--set`,
such as `--set stage1.train.epochs=5`.
Unknown keys, wrong types and missing keys are reported all at once, each with its line.

The top-level keys are {sections}. `method` names a method of avloc or an importable module, and `seed` is a
whole number (default 0). A stage has the keys `data`, `model` and `train`.
The keys of `model` depend on the method: see [model keys](models.md).

"""
MODELS = """# Model keys

The keys under `stage1.model` and `stage2.model` are the arguments of the method's classes.
Keys that take a section link to its own keys.

"""


def configuration_page() -> str:
    parts = [CONFIGURATION.format(sections=", ".join(code(one) for one in SECTIONS))]
    for where, target in FIXED.values():
        parts.append(f"## {where.split(',')[0].strip('`').split('.')[-1] if 'NAME' not in where else 'evaluate'}\n")
        parts.append(f"{where}.\n\n{keys_table(target)}")
    return "\n".join(parts)


def models_page() -> str:
    """Methods first, then the views and encoders that their keys take."""
    parts, waiting = [MODELS], []
    for name in method_names():
        stages = load_method(name).STAGES
        for number, stage in enumerate(stages, 1):
            title = name if len(stages) == 1 else f"{name}, stage {number}"
            parts.append(f"## {title}\n\n{introduction(stage)}\n\n{keys_table(stage)}")
            waiting += [one for one in sections_of(stage) if one not in waiting]
    for section in waiting:  # grows meanwhile
        waiting += [one for one in sections_of(section) if one not in waiting]
    for section in sorted(waiting, key=lambda one: one.__name__):
        title = f"{section.__name__}{_of_method(section)} {{#{anchor(section)}}}"
        parts.append(f"## {title}\n\n{introduction(section)}\n\n{keys_table(section)}")
    return "\n".join(parts)


def _of_method(section: Any) -> str:
    """In brackets the method that alone has it; empty for those that methods share."""
    package, _, rest = section.__module__.removeprefix("avloc.").partition(".")
    return f" ({rest.partition('.')[0]})" if package == "methods" else ""


def anchor(section: Any) -> str:
    return f"{section.__name__}{_of_method(section)}".lower().translate({ord(" "): "-", ord("("): None, ord(")"): None})


def link(section: Any) -> str:
    return f"[{section.__name__}](models.md#{anchor(section)})"


def keys_table(target: Callable[..., Any]) -> str:
    rows = []
    for name, one in inspect.signature(target, eval_str=True).parameters.items():
        default = "required" if one.default is inspect.Parameter.empty else value_of(_made(target, one))
        rows.append((code(name), type_of(one.annotation), default, meaning(target, name)))
    return table(("key", "value", "default", "meaning"), rows)


def meanings(target: Callable[..., Any]) -> dict[str, str]:
    """What a docstring says of each key: ``key: ...`` or ``key, other: ...`` at the start of a sentence, up to the next."""
    return {name: sentence(as_yaml(said)) for names, said in _entries(target) for name in names}


def as_yaml(text: str) -> str:
    """Python's words for values as a configuration has them."""
    words = {"None": "`null`", "True": "`true`", "False": "`false`"}
    return re.sub(r"\b(None|True|False)\b", lambda word: words[word[0]], text)


def meaning(target: Callable[..., Any], name: str) -> str:
    """Its own entry; else that of the entry which mentions it; else what the key means in every method."""
    found = meanings(target)
    if name in found:
        return found[name]
    if name in SENSES:
        return sentence(SENSES[name])
    mentioned = next((names[0] for names, said in _entries(target) if re.search(rf"\b{name}\b", said)), None)
    return f"See {code(mentioned)}." if mentioned else ""


def introduction(target: Callable[..., Any]) -> str:
    """What a docstring says before it comes to the keys."""
    text = inspect.getdoc(target) or ""
    first = _marks(target, text)
    return text[: first[0].start()].strip().rstrip(":") if first else text


def _entries(target: Callable[..., Any]) -> list[tuple[list[str], str]]:
    text = inspect.getdoc(target) or ""
    marks = _marks(target, text)
    ends = [*(one.start() for one in marks[1:]), len(text)][: len(marks)]
    return [
        (re.findall(r"\w+", mark[1]), text[mark.end() : end].partition("\n\n")[0])
        for mark, end in zip(marks, ends, strict=True)
    ]


def _marks(target: Callable[..., Any], text: str) -> list[re.Match[str]]:
    names = "|".join(inspect.signature(target).parameters)
    return list(re.finditer(rf"(?:(?<=[.;] )|^)((?:(?:{names})(?:,\s)?)+):\s", text, re.M))


def sections_of(target: Callable[..., Any]) -> list[Any]:
    """The classes that keys of it take as sections."""
    found = []
    for one in inspect.signature(target, eval_str=True).parameters.values():
        found += [kind for kind in members(one.annotation) if _is_section(kind)]
    return list(dict.fromkeys(found))


def type_of(annotation: Any) -> str:
    kinds = []
    for kind in members(annotation):
        if _is_section(kind):
            kinds.append(link(kind))
        elif get_origin(kind) is Literal:
            kinds += [code(one) for one in get_args(kind)]
        else:
            kinds.append(_plain_kind(kind))
    return " or ".join(dict.fromkeys(kinds))


def _plain_kind(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return range_of(kind) or _plain_kind(get_args(kind)[0])
    if get_origin(kind) is tuple:
        inner = [one for one in get_args(kind) if one is not Ellipsis]
        count = "list of" if Ellipsis in get_args(kind) else f"{len(inner)} of"
        return f"{count} {_plain_kind(inner[0]).replace('number', 'numbers')}"
    if get_origin(kind) is dict:
        return "section"
    return BASES.get(kind, getattr(kind, "__name__", str(kind)))


def _is_section(kind: Any) -> bool:
    return inspect.isclass(kind) and kind.__module__.startswith("avloc.")


def value_of(value: Any) -> str:
    """A default as YAML writes it; a section as what it departs from its own defaults in."""
    if type(value).__module__.startswith("avloc."):
        kind = link(type(value))
        return f"{kind}: {code(_yaml(value))}" if _given(value) else kind
    return code(_yaml(value))


def _made(target: Callable[..., Any], one: inspect.Parameter) -> Any:
    """Its default, made where a dataclass makes one for each instance."""
    made = {field.name: field.default_factory for field in fields(target)} if is_dataclass(target) else {}
    return one.default if made.get(one.name, MISSING) is MISSING else made[one.name]()


def _given(value: Any) -> Any:
    """A section as a mapping of what departs from its defaults."""
    if not type(value).__module__.startswith("avloc."):
        return value
    declared = inspect.signature(type(value)).parameters
    found = {name: getattr(value, name) for name in declared}
    return {name: _given(one) for name, one in found.items() if one != declared[name].default}


def _yaml(value: Any) -> str:
    text = yaml.safe_dump(
        _plain(_given(value)), default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()
