"""Builds a command from a verb: its options, the call by keyword, and how the result is shown."""

import importlib
import inspect
from collections.abc import Callable
from typing import Any, get_args

import typer

from avloc.cli.from_signature import EMPTY, arguments_for, option, options_of
from avloc.cli.shown import FAILED, SHOWN
from avloc.options import Ask, Parameter, parameters_of

Function = Callable[..., Any]


def _flag(name: str, help: str, short: str | None = None) -> Parameter:
    return Parameter(name, bool, help, Ask(short=short), several=False, pairs=False, optional=False)


#: options of every command besides those of its verb; the last two are also accepted before the command
VERBOSE = _flag("verbose", "log progress in detail on stderr", "v")
QUIET = _flag("quiet", "show no progress on stderr; warnings and errors still appear", "q")
JSON = _flag("json", "print the result as JSON on stdout")


class Verb:
    """A function, the functions that show its result, and its command-line parameters.

    shows: None if only JSON is shown. fails: None if the exit status is always 0. Their keyword parameters are options
    too, unless the verb has a parameter of that name: then they get its value.
    """

    def __init__(self, function: Function) -> None:
        self.function = function
        kind = _result(function)
        self.shows = _function(SHOWN.get(kind))
        self.fails = _function(FAILED.get(kind))
        self.parameters = parameters_of(function)

    def options(self, command: str, panel: str | None = None) -> list[inspect.Parameter]:
        own = list(options_of(self.function, command, panel))
        for extra in (self.shows, self.fails):
            if extra is not None:
                own += [one for one in options_of(_keywords(extra), command, panel) if one.name not in self.parameters]
        return own

    def call(self, title: str, given: dict[str, Any]) -> Any:
        from avloc.cli.shown_progress import progress

        arguments = arguments_for(self.function, given)
        if "progress" not in self.parameters:
            return self.function(**arguments)
        with progress(title, many=title.startswith("prepare "), alike=title not in ("demo", "run")) as shown:
            return self.function(**arguments, progress=shown)

    def show(self, result: Any, given: dict[str, Any], json: bool) -> None:
        """On stdout; exits with status 1 if the result is a failed check."""
        from avloc.cli.show import print_json, shown

        shows = self.shows
        if json or shows is None:
            shown(lambda: print_json(result))
        else:
            shown(lambda: shows(result, **_told(shows, given)))
        if self.fails is not None and self.fails(result, **_told(self.fails, given)):
            raise typer.Exit(1)


def build(title: str, name: str, functions: tuple[Function, ...], help: str, panel: str | None) -> Any:
    """The command of one verb, or of two that share it; see `avloc.cli.evaluate`."""
    from avloc.cli import evaluate
    from avloc.cli.show import guarded, say_more

    verbs = tuple(Verb(function) for function in functions)
    options = verbs[0].options(title) if len(verbs) == 1 else evaluate.options(verbs, title)
    defaults = {one.name: one.default for one in options}

    @guarded
    def command(json: bool, verbose: bool, quiet: bool, **given: Any) -> None:
        if verbose or quiet:
            say_more(verbose, quiet)
        verb = verbs[0] if len(verbs) == 1 else evaluate.chosen(verbs, given, defaults)
        verb.show(verb.call(title, given), given, json)

    shared = [option(one, False, title) for one in (VERBOSE, QUIET, JSON)]
    options = sorted([*options, *shared], key=lambda one: one.default is not EMPTY)
    command.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in options}
    alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    alone.command(name, help=help, rich_help_panel=panel)(command)
    return typer.main.get_command(alone)


def _result(function: Function) -> str:
    """The name of the type that a function returns, or of its items if it returns a list."""
    kind = function.__annotations__.get("return")
    for inner in get_args(kind):
        kind = inner
    return kind if isinstance(kind, str) else getattr(kind, "__name__", "")


def _function(place: str | None) -> Function | None:
    if place is None:
        return None
    module, _, name = place.partition(".")
    found: Function = getattr(importlib.import_module(f"avloc.cli.{module}"), name)
    return found


def _keywords(function: Function) -> Function:
    """The same with only the parameters after the star."""
    names = [one.name for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]

    def only() -> None: ...

    only.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.signature(function).parameters[name] for name in names]
    )
    only.__annotations__ = {name: function.__annotations__[name] for name in names}
    only.__wrapped__ = function  # type: ignore[attr-defined]
    return only


def _told(function: Function, given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in inspect.signature(function).parameters if name in given}
