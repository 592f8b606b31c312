"""Turns a function's parameters into options: name, type, choices, default and help are only declared with the parameter."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from avloc.cli.completion import values_of
from avloc.options import Parameter, parameters_of

EMPTY = inspect.Parameter.empty


def options_of(function: Callable[..., Any], command: str, panel: str | None = None) -> Iterator[inspect.Parameter]:
    """The parameters from which typer makes the options of a command; without `progress`, which the command line shows
    itself.

    panel: the heading in the help.
    """
    declared = inspect.signature(function).parameters
    for name, parameter in parameters_of(function).items():
        if name != "progress":
            default = declared[name].default if name in declared else parameter.ask.default
            yield option(
                parameter, default, command, panel if name in declared else "Options of all `prepare` commands"
            )


def option(parameter: Parameter, default: Any, command: str, panel: str | None = None) -> inspect.Parameter:
    """One parameter; `default` is `EMPTY` if it has none."""
    ask, kind = parameter.ask, parameter.kind
    help = f"{parameter.help[:1].upper()}{parameter.help[1:]}."
    completion = values_of(command, parameter)
    about: dict[str, Any] = {"help": help, "autocompletion": completion, "rich_help_panel": panel}
    if kind is int or kind is float:
        about |= {"min": ask.least, "max": ask.most}
    if ask.metavar is not None:
        about["metavar"] = ask.metavar
    if parameter.several or parameter.pairs:
        if not ask.positional:
            about["metavar"] = ask.metavar or ("<path>" if kind is Path else "<str>")
        if parameter.fixed:
            kind = tuple[(kind,) * parameter.fixed]  # type: ignore[misc]
        else:
            kind = list[str] if parameter.pairs or parameter.choices else list[kind]  # type: ignore[valid-type]
        default = EMPTY if default is EMPTY else list(default) if default else None
    if default is None:
        kind = kind | None
    names = [_with_negative(parameter, default), *([f"-{ask.short}"] if ask.short else [])]
    shown = typer.Argument(**about) if ask.positional else typer.Option(*names, **about)
    return inspect.Parameter(
        parameter.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=Annotated[kind, shown]
    )


def spelt(parameter: Parameter) -> str:
    return parameter.ask.name or f"--{parameter.name.strip('_').replace('_', '-')}"


def _with_negative(parameter: Parameter, default: Any) -> str:
    """A flag that is off by default needs no --no-NAME."""
    name = spelt(parameter)
    return f"{name}/--no-{name.removeprefix('--')}" if parameter.kind is bool and default is not False else name


def arguments_for(function: Callable[..., Any], given: dict[str, Any]) -> dict[str, Any]:
    """The values of a command line as keyword arguments of a function: only its own parameters, and only those given."""
    found = {}
    for name, parameter in parameters_of(function).items():
        if name not in given:
            continue
        value = given[name]
        if parameter.ask.commas:
            value = [word.strip() for text in value or () for word in text.split(",") if word.strip()]
        if (parameter.several or parameter.pairs) and not value:
            continue  # the function's own default
        found[name] = _pairs(parameter, value) if parameter.pairs else value
    return found


def _pairs(parameter: Parameter, words: list[str]) -> dict[str, str]:
    from avloc.errors import ConfigError

    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{spelt(parameter)} {word}: expected NAME=VALUE")
        key = name.strip().replace("-", "_")
        if key in found:
            raise ConfigError(f"{spelt(parameter)} {word}: {key} is given twice, first as {found[key]}; give it once")
        found[key] = value.strip()
    return found
