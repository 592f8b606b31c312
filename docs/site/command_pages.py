"""All commands and their options as Markdown, from the signatures that the command line is made of."""

import inspect
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from tables import code, sentence, table

from avloc.cli.command import JSON, QUIET, VERBOSE, Verb
from avloc.cli.commands import PREPARE, Lazy, commands
from avloc.cli.from_signature import EMPTY, option
from avloc.cli.usage import flowing

EVERYWHERE = [option(one, False, "") for one in (JSON, VERBOSE, QUIET)]
SHARED = "Options of all `prepare` commands"
KINDS = {Path: "path", str: "text", int: "whole number", float: "number", bool: "flag"}

HEAD = """# Commands

Every command with all of its options, as `avloc COMMAND --help` shows them.
[Commands](../cli.md) explains exit status, output and runs; the data sets have a [page of their own](prepare.md).

These options belong to every command:

"""
PREPARE_HEAD = """# Data set commands

{help}

These options belong to every command that prepares a data set, besides `--json`, `--verbose` and `--quiet`:

"""


def commands_page() -> str:
    """All commands but those of data sets."""
    parts = [HEAD + rows_of(EVERYWHERE)]
    for name, command in commands().items():
        if name == "prepare":
            continue
        for title, one in _inner(name, command):
            parts.append(section(title, one))
    return "\n".join(parts)


def prepare_page() -> str:
    """The commands of `avloc prepare`; options that all of them have are listed once."""
    group = commands()["prepare"].commands
    shared = {name: one for command in group.values() for name, one in _shared(command).items()}
    parts = [PREPARE_HEAD.format(help=prose(flowing(PREPARE))) + rows_of(list(shared.values()))]
    parts += [section(f"prepare {name}", one, without=set(shared)) for name, one in group.items()]
    return "\n".join(parts)


def section(title: str, command: Lazy, without: Collection[str] = ()) -> str:
    """Heading, help and options of one command."""
    own = [one for one in options(command) if not (one.name in without and _panel(one) == SHARED)]
    also = "Also takes the options of all `prepare` commands.\n" if len(own) < len(options(command)) else ""
    return f"\n## avloc {title}\n\n{prose(command.help)}\n\n{rows_of(own)}\n{also}"


def prose(help: str) -> str:
    """The help of a command: paragraphs that break their lines themselves as blocks, pages of the docs as links."""
    parts = [f"```text\n{part}\n```" if "\n" in part else linked(part) for part in help.split("\n\n")]
    return "\n\n".join(parts)


def linked(text: str) -> str:
    return re.sub(r"\bdocs/([\w/]+\.md)\b", r"[docs/\1](../\1)", text.replace("<", "&lt;"))


def options(command: Lazy) -> list[inspect.Parameter]:
    """Those of its verb, or of its verbs together, and of what shows the result."""
    found: dict[str, inspect.Parameter] = {}
    for function in command._load():
        for one in Verb(function).options(command._title):
            found.setdefault(one.name, one)
    return list(found.values())


def rows_of(parameters: list[inspect.Parameter]) -> str:
    rows = []
    for one in parameters:
        kind, shown = get_args(one.annotation)[:2]
        rows.append((spelt(one), kind_of(kind, shown), default_of(one.default, kind), sentence(shown.help or "")))
    return table(("option", "value", "default", "meaning"), rows)


def spelt(one: inspect.Parameter) -> str:
    """`--name`, `-n`; a word without a dash as NAME."""
    shown = get_args(one.annotation)[1]
    given = (
        shown.default,
        *(shown.param_decls or ()),
    )  # typer takes the first name for a default, until it builds the command
    names = [name for name in given if isinstance(name, str) and name.startswith("-")]
    return ", ".join(code(name) for name in names) if names else code(shown.metavar or one.name.upper())


def kind_of(kind: Any, shown: Any) -> str:
    """The kind of value in words, with its choices or its range."""
    members = [one for one in get_args(kind) if one is not type(None)] if type(None) in get_args(kind) else [kind]
    kind, several = members[0], ""
    if get_origin(kind) in (list, tuple):
        fixed = get_origin(kind) is tuple
        several = f", {len(get_args(kind))} of them" if fixed else ", repeatable"
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return " or ".join(code(one) for one in get_args(kind)) + several
    least, most = getattr(shown, "min", None), getattr(shown, "max", None)
    limits = f" from {least}" * (least is not None) + f" to {most}" * (most is not None)
    return KINDS.get(kind, getattr(kind, "__name__", str(kind))) + limits + several


def default_of(default: Any, kind: Any) -> str:
    if default is EMPTY:
        return "required"
    if default is None or default == []:
        return ""
    if kind is bool:
        return "on" if default else ""
    listed = default if isinstance(default, list | tuple) else [default]
    return ", ".join(code(one) for one in listed)


def _inner(name: str, command: Any) -> Iterator[tuple[str, Lazy]]:
    if isinstance(command, Lazy):
        yield name, command
    else:
        for child, one in command.commands.items():
            yield f"{name} {child}", one


def _panel(one: inspect.Parameter) -> str | None:
    panel = getattr(get_args(one.annotation)[1], "rich_help_panel", None)
    return None if panel is None else str(panel)


def _shared(command: Lazy) -> dict[str, inspect.Parameter]:
    return {one.name: one for one in options(command) if _panel(one) == SHARED}
