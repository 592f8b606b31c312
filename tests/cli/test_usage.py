"""A misspelt command line is answered in one line with status 2; help flows to any width; pipes may close early."""

import signal
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from avloc.cli.app import app
from avloc.cli.usage import flowing
from tests.commands import refused, shown

RUNNER = CliRunner()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["trian-stage1"], ["No such command 'trian-stage1'", "train-stage1", "`avloc --help`"]),
        (["train-stage1", "--confg", "x"], ["No such option: --confg", "--config", "`avloc train-stage1 --help`"]),
        (["predict", "--stage", "one"], ["'--stage'", " int"]),
        (["predict"], ["--store"]),
        (["compare", "a.json"], ["missing argument 'b'"]),
        (["visualize", "--clips", "0"], ["'--clips'", "1"]),
        (["data", "show", "store", "-video/000"], ["No such option", "put -- before words that begin with a dash"]),
    ],
)
def test_a_mistake_in_the_command_line_is_answered_in_one_line(line, words):
    found = RUNNER.invoke(app, line)
    assert found.exit_code == 2 and found.stdout == ""
    assert found.stderr.startswith("avloc: ") and len(found.stderr.splitlines()) == 1
    assert all(word.lower() in found.stderr.lower() for word in words), found.stderr


@pytest.mark.parametrize(
    "line", [["evaluate", "--run", "a", "--run", "b"], ["train-stage1", "--config", "a", "--config=a"]]
)
def test_an_option_that_takes_one_value_is_refused_when_it_is_given_twice(line):
    assert f"Invalid value for '{line[1]}': given 2 times; expected once" in refused(*line)


def test_an_option_that_takes_several_values_may_be_repeated():
    assert "given 2 times" not in refused("evaluate", "--run", "gone", "--sets", "a", "--sets", "b")


def test_an_option_of_two_dashes_needs_no_dashes_before_it():
    assert "put --" not in RUNNER.invoke(app, ["data", "show", "store", "clip", "--splt", "x"]).stderr


@pytest.mark.parametrize("line", [[], ["data"], ["predict"]])
def test_the_help_shows_no_type_next_to_a_flag_and_one_next_to_an_option_with_a_value(line):
    text = shown(*line, "--help")
    assert "--help" in text and "<bool>" not in text and "BOOL" not in text
    assert line != ["predict"] or ("--every" in text and "float" in text.lower())


def test_a_shared_option_can_have_a_help_of_its_own():
    assert "A prepared store instead of inputs." in shown("predict", "--help")


@pytest.mark.parametrize("line", [["--version"], ["--help"], ["data", "--help"], ["recipes"]])
def test_what_works_has_status_0(line):
    assert RUNNER.invoke(app, line).exit_code == 0


@pytest.mark.parametrize("line", [["--help"], ["prepare", "--help"], ["data", "--help"]])
def test_a_list_of_commands_imports_none_of_them(line):
    program = f"""
import atexit, sys
atexit.register(lambda: print(*sys.modules, file=sys.stderr))
sys.argv = ["avloc", *{line!r}]
from avloc.cli import main
main()
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {
        name for name in found.stderr.split() if name.startswith(("avloc.verbs", "avloc.prepare", "avloc.engine"))
    }
    assert "Usage: avloc" in found.stdout and not loaded


def help_texts():
    for name, command in typer.main.get_command(app).commands.items():
        yield name, command
        yield from ((f"{name} {other}", inner) for other, inner in getattr(command, "commands", {}).items())


@pytest.mark.parametrize(("name", "command"), help_texts())
def test_lines_of_help_that_stay_lines_fit_80_columns(name, command):
    for paragraph in command.help.split("\n\n"):
        lines = paragraph.splitlines()
        assert len(lines) == 1 or max(map(len, lines)) <= 78, name
    assert "\b" not in command.help


def test_paragraphs_flow_and_marked_ones_keep_their_lines():
    text = """One.

    Two goes
    on.

    \b
    a  1
    b  2
    """
    assert flowing(text) == "One.\n\nTwo goes on.\n\na  1\nb  2"


def test_a_pipe_that_closes_early_is_no_failure():
    """A table of rich and plain lines: its reader has gone before anything is written."""
    program = "import sys; from avloc.cli import main; sys.stdin.readline(); sys.argv = ['avloc', 'recipes']; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.close()
    process.stdin.write(b"go\n")
    process.stdin.close()
    complaint = process.stderr.read()
    assert (process.wait(timeout=60), complaint) == (0, b"")


@pytest.mark.parametrize("where", ["avloc.cli.commands", "rich.logging"])
def test_an_interruption_while_the_program_starts_shows_no_traceback(where):
    """Once while its commands are loaded, once while its log is set up."""
    program = f"""
import os, signal, sys
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == {where!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
sys.argv = ["avloc", "recipes"]
from avloc.cli import main
main()
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert found.returncode == 128 + signal.SIGINT
    assert "Traceback" not in found.stderr and found.stdout == ""
    assert found.stderr.strip() == "avloc: interrupted before anything was done"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["demo", "--seed", "-1"], "seed is -1; expected a whole number from 0 to 4,294,967,295"),
        (["demo", "--seed", str(10**30)], "expected a whole number from 0 to 4,294,967,295"),
        (
            ["prepare", "synthetic", "--out", "w", "--videos", str(10**12)],
            "videos 1000000000000: too many; ask for at most",
        ),
        (
            ["pseudo-labels", "--store", "s", "--split", "a", "--name", "../x", "--tags"],
            "name is '../x'; expected a word",
        ),
        (["pseudo-labels", "--store", "s", "--split", "a", "--name", "", "--tags"], "name is ''; expected a word"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_anything_is_done(tmp_path, monkeypatch, line, words):
    monkeypatch.chdir(tmp_path)
    found = RUNNER.invoke(app, line)
    assert found.exit_code == 2 and words in found.stderr and list(tmp_path.iterdir()) == []
