"""What every file of avloc/prepare promises: found by its name, each option explained where it is declared."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

import avloc
from avloc import registry
from avloc.cli.app import app
from avloc.options import parameters_of
from avloc.prepare.pool.scale import Scale
from avloc.prepare.writing.store_folder import Prepared
from tests.commands import error_of, shown

FOLDER = Path(avloc.__file__).parent / "prepare"
FILES = sorted(path for path in FOLDER.glob("*.py") if path.stem != "__init__")
by_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def name_of(path: Path) -> str:
    return path.stem.rstrip("_").replace("_", "-")


def function_of(path: Path) -> Any:
    return getattr(avloc, f"prepare_{path.stem.rstrip('_')}")


def command_of(path: Path) -> Any:
    return typer.main.get_command(app).commands["prepare"].commands[name_of(path)]


def test_there_are_data_sets():
    assert {"music", "vggsound", "folder", "import"} <= set(registry.data_sets())
    assert set(registry.data_sets()) == {name_of(path) for path in FILES}


@by_file
def test_its_function_is_named_after_its_file_and_public(path):
    function = function_of(path)
    assert function.__module__ == f"avloc.prepare.{path.stem}"
    assert f"prepare_{path.stem.rstrip('_')}" in avloc.__all__


@by_file
def test_each_parameter_carries_its_help(path):
    for name, parameter in parameters_of(function_of(path)).items():
        assert name == "progress" or len(parameter.help) > 8, name
        assert not parameter.help.endswith("."), f"{name}: the command line ends the sentence"


@by_file
def test_its_options_are_its_parameters(path):
    wanted = set(parameters_of(function_of(path))) - {"progress"}
    assert {option.name for option in command_of(path).params} == wanted | {"json", "quiet", "verbose"}


@by_file
def test_recipes_and_help_list_it_with_the_first_line_of_its_docstring(path):
    title = ast.get_docstring(
        next(node for node in ast.parse(path.read_text()).body if getattr(node, "name", "").startswith("prepare_"))
    ).splitlines()[0]
    listed = {one.name: one.title for one in avloc.recipes().data}
    assert listed[name_of(path)] == title.rstrip(".")
    flat = " ".join(shown("prepare", "--help", width=200).split())
    assert name_of(path) in flat and title[:40] in flat


@by_file
def test_a_data_set_that_fills_a_store_takes_what_all_of_them_take(path):
    function = function_of(path)
    if inspect.signature(function).return_annotation is Prepared:
        assert set(Scale.__annotations__) <= set(parameters_of(function))
        assert {"out", "frames", "store"} <= set(parameters_of(function))
        assert {"source", "pictures"} & set(parameters_of(function))  # of one folder, or of pictures and sounds


@by_file
def test_a_choice_that_is_none_is_refused_from_python_too(path):
    function = function_of(path)
    choices = {name: one.choices for name, one in parameters_of(function).items() if one.choices}
    assert choices
    required = [one for one in inspect.signature(function).parameters.values() if one.default is one.empty]
    given = {one.name: "x" for one in required if one.kind is not one.VAR_KEYWORD}
    given |= {name: values[0] for name, values in choices.items()}
    for name, values in choices.items():
        with pytest.raises(avloc.AvlocError, match=f"{name} is 'nonsense'; expected .*{values[0]}"):
            function(**{**given, name: "nonsense"})


def test_a_data_set_of_another_package_is_found_by_its_dotted_name(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "frogs.py").write_text(
        "from __future__ import annotations\n"
        "from typing import Annotated, Literal\n"
        "def prepare_frogs(\n"
        "    croak: Annotated[int, 'how loud'] = 3, pond: Annotated[Literal['big', 'small'] | None, 'where'] = None\n"
        ") -> dict:\n"
        "    '''Frogs, many of them.'''\n"
        "    return {'croak': croak, 'pond': pond}\n"
    )
    environment = {"PYTHONPATH": str(FOLDER.parents[1]), "PATH": "/usr/bin:/bin", "COLUMNS": "100"}

    def avloc_prepare(*words: str) -> subprocess.CompletedProcess[str]:
        # as the console command runs: the current folder is not on the path by itself
        program = "import sys; sys.path.remove(''); from avloc.cli import main; main()"
        line = [sys.executable, "-c", program, "prepare", *words]
        return subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    found = avloc_prepare("mine.frogs", "--croak", "5", "--pond", "big")
    assert json.loads(found.stdout) == {"croak": 5, "pond": "big"}
    found = avloc_prepare("mine.frogs", "--help")
    assert "Frogs, many of them." in found.stdout and "How loud." in found.stdout
    for words, complaint in (
        (["mine.toads"], "mine.toads: no such module; expected a file mine/toads.py"),
        (["mine.frogs.x"], "mine.frogs.x: no such module"),
        (["mine.frogs", "--pond", "wet"], "'big', 'small'"),
        (["os.path"], "the module os.path has no function prepare_path"),
        (["..x"], "'..x' is not the name of a module"),
    ):
        found = avloc_prepare(*words)
        assert found.returncode == 2 and complaint in found.stderr and len(found.stderr.splitlines()) == 1, found.stderr


def test_a_data_set_that_is_none_is_answered_with_the_nearest():
    assert "vggsound" in error_of("prepare", "vgsound")
