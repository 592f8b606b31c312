"""`avloc X --option` is `avloc.x(option=...)`: the same names and the same defaults, for every command."""

import dataclasses
import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Unpack

import pytest
import typer

import avloc
from avloc.cli.app import app
from avloc.prepare.pool.scale import Scale, Work
from avloc.verbs.benchmarks import benchmarks
from avloc.verbs.compare import compare
from avloc.verbs.evaluate_predictions import evaluate_predictions
from avloc.verbs.import_weights import import_into_run
from avloc.verbs.leaderboard import leaderboard

# commands whose verb is not the public name of the same spelling; evaluate has one for runs and one for predictions
VERBS: dict[str, tuple[Callable[..., Any], ...]] = {
    "evaluate": (avloc.evaluate, evaluate_predictions),
    "import-weights": (import_into_run,),
    "compare": (compare,),
    "leaderboard": (leaderboard,),
    "benchmarks": (benchmarks,),
}
SHOWN = {  # options that change what is shown or the exit status, not what is done
    "match-clusters": {"strict"},
    "evaluate": {"worst"},
    "leaderboard": {"format"},
}
NAMES = {("import-weights", "path"): "--from"}  # `from` is no name in Python
OTHER = {("evaluate", "axis"): "axes"}  # NAME=VALUE words for a mapping


def commands() -> Iterator[tuple[str, Any]]:
    for name, command in typer.main.get_command(app).commands.items():
        below = getattr(command, "commands", None)
        if below is None:
            yield name, command
        else:
            yield from ((f"{name} {other}", inner) for other, inner in below.items())


COMMANDS = dict(commands())


def verbs(name: str) -> tuple[Callable[..., Any], ...]:
    if name in VERBS:
        return VERBS[name]
    return (getattr(avloc, name.replace(" ", "_").replace("-", "_")),)


def takes(verb: Callable[..., Any]) -> dict[str, Any]:
    """The parameters of a verb and their defaults; those that all preparing verbs share are the fields of Work."""
    found = {}
    for parameter in inspect.signature(verb).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            assert parameter.annotation == Unpack[Scale]
            found |= {field.name: field.default for field in dataclasses.fields(Work)}
        else:
            found[parameter.name] = parameter.default
    return found


def same(value: Any) -> Any:
    """A default as both sides write it: nothing given is nothing, lists are tuples."""
    return () if value is None else tuple(value) if isinstance(value, list | tuple) else value


def parameters(command: Any) -> dict[str, Any]:
    return {parameter.name: parameter for parameter in command.params if parameter.name not in ("json", "help")}


def test_every_command_asked_for_is_there():
    wanted = {
        "prepare music", "prepare music-synthetic", "prepare synthetic", "train-stage1", "cluster", "match-clusters",
        "train-stage2", "evaluate", "visualize", "demo", "recipes", "import-weights", "compare", "leaderboard", "benchmarks",
    }  # fmt: skip
    assert wanted <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_options_are_the_verbs_parameters(name):
    options = set(parameters(COMMANDS[name])) - SHOWN.get(name, set())
    options = {OTHER.get((name, option), option) for option in options}
    taken = {parameter for verb in verbs(name) for parameter in takes(verb)}
    assert options == taken - {"progress"}


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


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_is_spelt_as_its_parameter(name):
    for key, option in parameters(COMMANDS[name]).items():
        if option.param_type_name == "option":
            assert option.opts == [NAMES.get((name, key), f"--{key.replace('_', '-')}")]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained_and_prints_json(name):
    assert COMMANDS[name].help
    assert "json" in {parameter.name for parameter in COMMANDS[name].params}
    assert all(option.help for option in COMMANDS[name].params if option.param_type_name == "option")


def test_every_verb_is_a_command():
    package = Path(avloc.__file__).parent
    modules = {path.stem for path in (package / "verbs").glob("*.py")} - {"__init__", "evaluate_predictions"}
    modules |= {f"prepare_{path.stem}".rstrip("_") for path in (package / "prepare").glob("*.py")} - {"prepare___init"}
    assert modules == {name.replace(" ", "_").replace("-", "_") for name in COMMANDS}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--benchmark", "vggss"], "--benchmark goes with --predictions"),
        (["--run", "here", "--seed", "3"], "--seed goes with --predictions"),
        (["--predictions", "p.h5", "--run", "here"], "--run is for evaluating a run"),
    ],
)
def test_an_option_of_the_other_kind_of_evaluation_is_refused(arguments, words):
    from typer.testing import CliRunner

    found = CliRunner().invoke(app, ["evaluate", *arguments])
    assert found.exit_code == 2 and words in found.stderr and len(found.stderr.splitlines()) == 1


def test_garbage_is_collected_once_a_command_begins():
    """The start does without; a command that trains for days must not."""
    program = (
        "import gc, sys, avloc; avloc.recipes = lambda *a, **k: sys.exit(7 if gc.isenabled() else 8); "
        "sys.argv = ['avloc', 'recipes']; from avloc.cli import main; main()"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_type_checkers_and_editors_see_every_public_name_where_it_is():
    import ast

    package = Path(avloc.__file__).parent
    stub = ast.parse((package / "__init__.pyi").read_text())
    seen = {alias.asname: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert seen == avloc._PLACES and (package / "py.typed").exists()
