"""Errors of a misspelt command line, Ctrl-C during start-up, and the layout of help texts."""

import re
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from avloc.errors import AvlocError
from avloc.naming import printable


class BareFlags:
    """A command whose help shows no type next to a flag, which takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)  # type: ignore[misc]
        for param in params:
            if getattr(param, "is_flag", False) and param.metavar is None:
                param.metavar = ""
        return params


class Group(BareFlags, TyperGroup):
    """Commands below a word, such as `avloc data`."""


class Commands(Group):
    """The application's commands: a mistake in the command line gives one line, like any other error, and status 2."""

    def __init__(self, **settings: Any) -> None:
        from avloc.cli.commands import commands

        super().__init__(**{**settings, "commands": commands()})

    def main(self, *arguments: Any, **options: Any) -> Any:
        alone = options.pop("standalone_mode", True)
        options["standalone_mode"] = False
        if not alone:
            return super().main(*arguments, **options)
        try:
            status = super().main(*arguments, **options)
        except Exception as error:
            if isinstance(error, AvlocError):  # before a command started
                print(f"avloc: {printable(error)}", file=sys.stderr)
                sys.exit(2)
            if not hasattr(error, "format_message"):  # click's own errors, from whichever copy of click typer uses
                raise
            if type(error).__name__ != "NoArgsIsHelpError":  # the help was shown
                print(f"avloc: {printable(_one_line(error))}", file=sys.stderr)
            status = error.exit_code if hasattr(error, "exit_code") else 2
        sys.exit(status or 0)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("\navloc: interrupted before anything was done", file=sys.stderr)
            raise typer.Exit(130) from None


def _one_line(error: Any) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if context is None:
        return message
    option = str(getattr(error, "option_name", ""))
    takes_words = any(parameter.param_type_name == "argument" for parameter in context.command.params)
    dash = "; put -- before words that begin with a dash" if takes_words and option[:1] == "-" != option[1:2] else ""
    return f"{message}{dash}; `{context.command_path} --help` shows the options"


def flowing(text: str | None) -> str:
    r"""A docstring for `--help`, whose paragraphs fit any width; those that begin with a line of \b keep their lines.

    Paragraphs that begin with "From Python:" are for callers of the function, and left out.
    """
    import inspect

    paragraphs = inspect.cleandoc(text or "").partition("\n\nFrom Python:")[0].split("\n\n")
    flat = "\n\n".join(
        paragraph.removeprefix("\b\n") if paragraph.startswith("\b\n") else " ".join(paragraph.split())
        for paragraph in paragraphs
    )
    return re.sub(r"\[(?=[a-zA-Z/#@])", r"\\[", flat)  # rich would take it for markup
