"""What commands show is text: whatever is in a name, no terminal obeys it, and no message is longer than it need be."""

import json
import logging
import subprocess
import sys

import pytest
import typer

from avloc.cli import show
from avloc.cli.show import guarded, print_json, say, table
from avloc.errors import ConfigError, DataError

HOSTILE = "\x1b[31m[/red][old]\x9b1m\u202e"


def test_a_table_takes_no_markup_and_no_escapes(capsys):
    table(HOSTILE, ["[bold]name", "n"], [[HOSTILE, 1], ["[link=x]y[/link]", None]], right=(1,))
    said = capsys.readouterr().out
    assert "[/red][old]" in said and "[bold]name" in said and "[link=x]y[/link]" in said
    assert "\\x1b[31m" in said and not set("\x1b\x9b\u202e") & set(said)


PATH = "runs/" + "a_long_name_without_any_blank-" * 5 + "/stage1/localize.safetensors"
PROSE = "a sentence of several words that has room to be broken between them " * 2


def test_without_a_terminal_no_cell_is_broken(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    table("", ["name", "n", "about"], [[PATH, 1, PROSE], ["b", 2, "short"]], right=(1,))
    said = capsys.readouterr().out
    head, first, second = said.splitlines()
    assert " \n" not in said
    assert head.split() == ["name", "n", "about"] and second.split() == ["b", "2", "short"]
    assert first.split() == [PATH, "1", *PROSE.split()]


@pytest.mark.parametrize("columns", [10, 40, 160, 400])
def test_on_a_terminal_sentences_are_broken_between_words_and_names_never(capsys, monkeypatch, columns):
    for name, value in {"COLUMNS": str(columns), "LINES": "25", "FORCE_COLOR": "1", "TERM": "dumb"}.items():
        monkeypatch.setenv(name, value)
    table("", ["name", "n", "about"], [[PATH, 1, PROSE], ["b", 2, "short"]], right=(1,))
    lines = capsys.readouterr().out.splitlines()
    words = " ".join(lines).split()
    assert PATH in words and words.count("sentence") == 2 and words.count("between") == 2
    assert (len(lines) == 3) == (columns == 400)


def test_lines_and_json_hold_nothing_that_a_terminal_obeys(capsys):
    say(f"{HOSTILE}\nnext\tcolumn", end="")
    assert capsys.readouterr().out == "\\x1b[31m[/red][old]\\x9b1m\\u202e\nnext\tcolumn"
    print_json({"id": HOSTILE + "\udce9\u00e9"})
    said = capsys.readouterr().out
    assert not set("\x1b\x9b") & set(said) and json.loads(said) == {"id": HOSTILE + "\udce9\u00e9"} and "\u00e9" in said


def refused(error: Exception) -> list[str]:
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit):
        guarded(command)()
    return []


def test_an_error_is_one_short_line(capsys):
    refused(DataError(f"{HOSTILE}\n{'x' * 90_000}; do this"))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("avloc: \\x1b[31m") and line.endswith("; do this") and len(line) < 450
    refused(ConfigError("a.yaml:1: one\na.yaml:2: two"))
    assert capsys.readouterr().err.splitlines() == ["avloc: a.yaml:1: one", "avloc: a.yaml:2: two"]


def test_a_line_of_the_log_is_one_line(capsys, monkeypatch):
    monkeypatch.setattr(logging.root, "handlers", [])
    show.start_log(False)
    logging.getLogger("avloc.x").warning("%s: %s", HOSTILE + "\n", "y" * 5000)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("WARNING  \\x1b[31m[/red]") and len(line) < 450 and "\x1b" not in line


def test_letters_that_stdout_cannot_hold_are_spelled_out(tmp_path):
    code = "from avloc.cli import show; show.start_log(False); show.say('caf\u00e9 \u732b'); print('caf\u00e9')"
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, env={"PYTHONIOENCODING": "ascii"}, check=True
    )
    assert found.stdout == b"caf\\xe9 \\u732b\ncaf\\xe9\n"


def test_a_title_that_is_wider_than_its_table_is_one_line(capsys):
    table("level of the maps against the clips' own sounds", ["sound", "clips"], [["silence", 12]], right=(1,))
    assert capsys.readouterr().out.splitlines() == [
        "level of the maps against the clips' own sounds", "sound    clips", "silence     12",
    ]  # fmt: skip
