"""`avloc X --option` is `avloc.x(option=...)`: the same names and the same defaults, for every command."""

import ast
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import avloc
from avloc import registry
from avloc.cli.app import app
from avloc.cli.commands import PANELS
from avloc.options import parameters_of
from avloc.prepare.pool.scale import Scale, Work
from avloc.verbs.evaluate_predictions import evaluate_predictions
from avloc.verbs.import_weights import import_into_run
from tests.commands import error_of, shown

# commands whose verb is not the public name of the same spelling; evaluate has one for runs and one for predictions
VERBS: dict[str, tuple[Callable[..., Any], ...]] = {
    "evaluate": (avloc.evaluate, evaluate_predictions),
    "import-weights": (import_into_run,),
}
SHOWN = {  # options that change what is shown or the exit status, not what is done
    "match-clusters": {"strict"},
    "evaluate": {"worst", "by"},
    "leaderboard": {"format"},
}
SPELT = {("import-weights", "path"): "--from", ("weights fetch", "source"): "--from", ("evaluate", "axes"): "--axis"}


def commands() -> Iterator[tuple[str, Any]]:
    for name, command in typer.main.get_command(app).commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {other}", inner) for other, inner in below.items())


COMMANDS = dict(commands())


def verbs(name: str) -> tuple[Callable[..., Any], ...]:
    return VERBS.get(name) or (getattr(avloc, name.replace(" ", "_").replace("-", "_")),)


def takes(verb: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a verb and their defaults; those that all preparing verbs share are the fields of Work."""
    own = {
        name: one.default for name, one in inspect.signature(verb).parameters.items() if one.kind is not one.VAR_KEYWORD
    }
    return {name: own[name] if name in own else getattr(Work, name) for name in parameters_of(verb)}


def same(value: Any) -> Any:
    """A default as both sides write it: nothing given is nothing, lists are tuples."""
    return () if value is None else tuple(value) if isinstance(value, list | tuple) else value


def parameters(command: Any) -> dict[str, Any]:
    shared = ("json", "verbose", "quiet", "help")
    return {parameter.name: parameter for parameter in command.params if parameter.name not in shared}


def test_every_command_asked_for_is_there():
    wanted = {
        "prepare music", "prepare music-synthetic", "prepare synthetic", "train-stage1", "cluster", "match-clusters",
        "train-stage2", "evaluate", "visualize", "demo", "recipes", "import-weights", "compare", "leaderboard", "benchmarks",
    }  # fmt: skip
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_the_verbs_parameters(name):
    options = set(parameters(COMMANDS[name])) - SHOWN.get(name, set())
    assert options == {parameter for verb in verbs(name) for parameter in takes(verb)} - {"progress"}


@pytest.mark.parametrize("name", COMMANDS)
def test_defaults_are_the_verbs_defaults(name):
    for verb in verbs(name):
        for parameter, default in takes(verb).items():
            option = parameters(COMMANDS[name]).get(parameter)
            if option is None:
                continue
            if default is inspect.Parameter.empty:
                # evaluate takes either a run or predictions, so neither can be required
                assert option.required or name == "evaluate", f"{name} --{parameter}"
            else:
                assert same(option.default) == same(default), f"{name} --{parameter}"
                assert not option.required


def test_what_all_data_sets_share_has_the_defaults_of_a_call_without_it():
    shared = {
        name: one.ask.default for name, one in parameters_of(avloc.prepare_ave).items() if name in Scale.__annotations__
    }
    assert shared == {name: getattr(Work, name) for name in Scale.__annotations__} and shared["timeout"] > 0


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_is_spelt_as_its_parameter(name):
    for key, option in parameters(COMMANDS[name]).items():
        if option.param_type_name == "option":
            assert option.opts == [SPELT.get((name, key), f"--{key.replace('_', '-')}")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained_and_prints_json(name):
    assert COMMANDS[name].help
    assert "json" in {parameter.name for parameter in COMMANDS[name].params}
    assert all(len(option.help) > 5 and option.help[-1] == "." for option in COMMANDS[name].params), name


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_that_is_read_from_the_file_is_the_functions_own(name):
    """`avloc --help` imports no verb; what it shows is what Python shows."""
    from avloc.cli.usage import flowing

    assert COMMANDS[name].help == flowing(verbs(name)[0].__doc__)


def test_every_verb_is_a_command_with_a_heading_of_its_own():
    known = {name.replace(" ", "_").replace("-", "_") for name in COMMANDS}
    files = {name for name in registry.verbs() if name != "evaluate_predictions"}
    assert files | {registry.prepare_name(module) for module in registry.data_sets().values()} == known
    listed = {name for names in PANELS.values() for name in names}
    assert {name.partition(" ")[0] for name in COMMANDS} == listed


def test_the_commands_of_the_help_are_under_their_headings():
    text = shown("--help", width=80)
    assert all(heading in text for heading, names in PANELS.items() if names)
    assert "Assign clusters to classes" in text and "More" not in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--benchmark", "vggss"], "--benchmark only works with --predictions"),
        (["--run", "here", "--seed", "3"], "--seed only works with --predictions"),
        (["--axis", "size=3"], "--axis only works with --predictions"),
        (["--val-ids", "x"], "--val-ids only works with --predictions"),
        (["--predictions", "p.h5", "--run", "here"], "--run is for evaluating a run"),
        (["--predictions", "p.h5", "--sets", "one"], "--sets is for evaluating a run"),
    ],
)
def test_an_option_of_the_other_kind_of_evaluation_is_refused(arguments, words):
    assert words in error_of("evaluate", *arguments)


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        (["prepare", "folder", "--source", "v", "--out", "s", "--short", "pad"], ["'fail'", "'repeat'"]),
        (["prepare", "folder", "--source", "v", "--out", "s", "--store", "zip"], ["'hdf5'", "'lmdb'"]),
        (["prepare", "import", "--source", "v", "--out", "s", "--layout", "tar"], ["'sspl'", "'coarse-to-fine'"]),
        (["prepare", "synthetic", "--out", "w", "--preset", "huge"], ["'quick'", "'full'"]),
        (["leaderboard", "--format", "pdf"], ["'md'", "'csv'"]),
        (
            ["import-weights", "--method", "dsol", "--stage", "3", "--from", "x", "--run", "r"],
            ["'--stage'", "2"],
        ),
    ],
)
def test_a_choice_that_is_none_is_answered_with_the_choices(words, listed):
    line = error_of(*words)
    assert all(word in line for word in listed), line


def test_garbage_is_collected_once_a_command_begins():
    """The start does without; a command that trains for days must not."""
    program = (
        "import gc, sys, avloc.verbs.recipes as verb\n"
        "def recipes(): sys.exit(7 if gc.isenabled() else 8)\n"
        "verb.recipes = recipes; sys.argv = ['avloc', 'recipes']; from avloc.cli import main; main()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_type_checkers_and_editors_see_every_public_name_where_it_is():
    package = Path(avloc.__file__).parent
    stub = ast.parse((package / "__init__.pyi").read_text())
    seen = {alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == avloc._PLACES and (package / "py.typed").exists()
