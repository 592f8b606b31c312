"""YAML sections bound to the signatures they configure; every mistake at once, each with file, line, key and a suggestion.

There is no separate schema: a section is checked against the constructor or the settings class that receives it.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from avloc.errors import ConfigError
from avloc.files import regular, why
from avloc.kinds import kind_at, members, of_its_kind
from avloc.naming import shortened, words
from avloc.plain_yaml import NotYaml, compose, plain_yaml, value_of
from avloc.room import ask_for_room


@dataclass
class Section:
    """A YAML mapping that knows the line of each of its keys: `lines` is keyed by the path below this section, and is 0
    for values from `--set`.
    """

    source: str
    values: dict[str, Any]
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    path: tuple[str, ...] = ()

    def child(self, key: str) -> "Section":
        below = {path[1:]: line for path, line in self.lines.items() if path[:1] == (key,)}
        value = self.values.get(key)
        return Section(self.source, {} if value is None else value, below, (*self.path, key))

    def where(self, path: Iterable[str | int] = ()) -> str:
        """``file:line: dotted.key`` of the nearest key that has a line, or ``--set dotted.key``."""
        keys = tuple(str(part) for part in path)
        line = next((self.lines[keys[:n]] for n in range(len(keys), -1, -1) if keys[:n] in self.lines), None)
        name = ".".join((*self.path, *keys)) or "the whole file"
        if line == 0:
            return f"--set {name}"
        return f"{self.source}: {name}" if line is None else f"{self.source}:{line}: {name}"


def read_section(path: Path, overrides: Sequence[str] = ()) -> Section:
    """The mapping in a YAML file, with ``key=value`` overrides (dotted keys, values as YAML)."""
    try:
        text = regular(path).read_text(encoding="utf-8")
        node = compose(text)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; `avloc recipes` lists the configurations that come with avloc"
        ) from None
    except NotYaml as error:
        raise ConfigError(f"{path}:{error.line}: not YAML ({error})") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({why(error)})") from error
    if not isinstance(node, yaml.MappingNode):
        raise ConfigError(
            f"{path}:1: expected `key: value` lines, found {'nothing' if node is None else 'something else'}"
        )
    section = Section(str(path), {})
    problems: list[str] = []
    section.values = _mapping(node, (), section, problems)
    lay_over(section, overrides, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    return section


def lay_over(section: Section, overrides: Sequence[str], problems: list[str]) -> None:
    """Apply ``key=value`` overrides to a section; malformed ones are added to `problems`."""
    for override in words(overrides):
        _override(section, override, problems)


def _mapping(node: yaml.MappingNode, path: tuple[str, ...], section: Section, problems: list[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key in values:
            problems.append(f"{section.source}:{key_node.start_mark.line + 1}: {'.'.join((*path, key))}: given twice")
        section.lines[(*path, key)] = key_node.start_mark.line + 1
        if isinstance(value_node, yaml.MappingNode):
            values[key] = _mapping(value_node, (*path, key), section, problems)
        else:
            try:
                values[key] = value_of(value_node)
            except NotYaml as error:
                problems.append(
                    f"{section.source}:{key_node.start_mark.line + 1}: {'.'.join((*path, key))}: not a value ({error})"
                )
    return values


def _override(section: Section, override: str, problems: list[str]) -> None:
    name, equals, text = override.partition("=")
    keys = name.split(".")
    if not equals or not all(keys):
        problems.append(f"--set {override}: expected key=value, as in stage1.train.lr=3e-4")
        return
    values = section.values
    for key in keys[:-1]:
        if values.get(key) is None:
            values[key] = {}
        if not isinstance(values[key], dict):
            problems.append(f"--set {override}: {key} is a value, not a section")
            return
        values = values[key]
    try:
        values[keys[-1]] = _with_text_keys(plain_yaml(text))
    except NotYaml:
        problems.append(f"--set {override}: {text!r} is not a YAML value")
    for path in [path for path in section.lines if path[: len(keys)] == tuple(keys)]:
        del section.lines[path]
    section.lines[tuple(keys)] = 0


def _with_text_keys(value: Any) -> Any:
    """The keys of mappings as text, as they are read from a file."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(one) for key, one in value.items()}
    return value


def check(section: Section, target: Callable[..., Any], problems: list[str]) -> dict[str, Any]:
    """The section as typed keyword arguments of `target`; mistakes are added to `problems`.

    Types are enforced by pydantic from the annotations of the signature; unknown keys are refused with the nearest name.
    """
    ask_for_room()
    from pydantic import ConfigDict, ValidationError, create_model

    from avloc.ranges import no_numbers

    parameters = _parameters(target)
    given = section.values if isinstance(section.values, Mapping) else {}
    parameters = {
        name: one.replace(annotation=of_its_kind(one.annotation, given.get(name))) for name, one in parameters.items()
    }
    model = create_model(
        "Section", __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **_fields(parameters)
    )
    try:
        checked = model.model_validate(section.values)
    except ValidationError as error:
        problems += dict.fromkeys(_explain(section, parameters, detail) for detail in error.errors())
        return {}
    found = {name: getattr(checked, name) for name in checked.model_fields_set}
    problems += [f"{section.where(where)}: {what}" for where, what in no_numbers(given, found)]
    return found


def bind(section: Section, target: Callable[..., Any]) -> Any:
    """`target` called with the section's values; ConfigError with every mistake, a line each."""
    problems: list[str] = []
    arguments = check(section, target, problems)
    if problems:
        raise ConfigError("\n".join(problems))
    return target(**arguments)


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(target, eval_str=True).parameters


def _fields(parameters: Mapping[str, inspect.Parameter]) -> dict[str, Any]:
    return {
        name: (
            Any if parameter.annotation is inspect.Parameter.empty else parameter.annotation,
            ... if parameter.default is inspect.Parameter.empty else parameter.default,
        )
        for name, parameter in parameters.items()
    }


def _explain(section: Section, parameters: Mapping[str, inspect.Parameter], detail: Mapping[str, Any]) -> str:
    from avloc.ranges import range_of

    first, rest = detail["loc"][:1], detail["loc"][1:]
    known = list(parameters)
    kind: Any = None
    keys: tuple[str | int, ...] = ()
    if first and first[0] in parameters:
        kind, keys = kind_at(parameters[first[0]].annotation, rest)
        known = [key for one in members(kind) for key in _keys(one)]
    where = section.where((*first, *keys))
    if detail["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"{section.where((*first, *keys, *rest[-1:]))}: unknown key{suggestion(str(detail['loc'][-1]), known)}"
    if detail["type"] in ("missing", "missing_argument"):
        return f"{where}: missing, and it has no default"
    found = "null, but a value is needed" if detail["input"] is None else shortened(detail["input"])
    if detail["type"] in ("dataclass_type", "model_type", "dict_type"):
        return f"{where}: found {found}; expected a section of `key: value` lines"
    told = "expected a path" if detail["type"] == "path_type" else detail["msg"][0].lower() + detail["msg"][1:]
    if detail["type"].startswith(("greater_than", "less_than")) and (expected := range_of(kind)):
        told = f"expected a {expected}"
    return f"{where}: found {found}; {told}"


def _keys(kind: Any) -> list[str]:
    return [one.name for one in fields(kind)] if is_dataclass(kind) else []


def suggestion(name: str, known: list[str]) -> str:
    """The end of an error about an unknown name: the most similar known one, or else all of them."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean '{near[0]}'?" if near else f"; expected one of {', '.join(known)}" if known else ""


def dump(values: Mapping[str, Any]) -> str:
    """YAML text of plain values, keys in the order given."""
    return yaml.safe_dump(_plain(values), sort_keys=False, allow_unicode=True, width=120)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value


def flat(values: Any, prefix: str = "") -> dict[str, Any]:
    """Nested sections as one mapping from dotted keys to values."""
    if not isinstance(values, dict):
        return {prefix: values}
    return {
        key: value for name, part in values.items() for key, value in flat(part, f"{prefix}.{name}".lstrip(".")).items()
    }


def read_scalar(text: str) -> Any:
    """One value as YAML, as `--set` reads it; ValueError if it is invalid."""
    return plain_yaml(text)
