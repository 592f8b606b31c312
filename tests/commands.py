"""Commands as a person gives them, run within this process."""

import json
from typing import Any

from typer.testing import CliRunner

from avloc.cli.app import app


def invoke(*words: object, width: int = 200, terminal: bool = False) -> Any:
    """`avloc WORDS` however it ends; `terminal`: as on a terminal of `width` columns, but without colours."""
    screen = {"COLUMNS": str(width), "TERM": "dumb"} | ({"FORCE_COLOR": "1"} if terminal else {})
    return CliRunner(env=screen).invoke(app, [str(word) for word in words])


def shown(*words: object, width: int = 200) -> str:
    """What a command that must succeed prints."""
    found = invoke(*words, width=width)
    assert found.exit_code == 0, f"{found.stdout}\n{found.stderr}\n{found.exception!r}"
    return found.stdout


def printed(*words: object) -> Any:
    """What a command that must succeed prints as JSON."""
    return json.loads(shown(*words, "--json"))


def refused(*words: object) -> str:
    """What a command says on stderr that must be refused, status 2."""
    found = invoke(*words)
    assert found.exit_code == 2, f"{found.stdout}\n{found.stderr}\n{found.exception!r}"
    return found.stderr


def error_of(*words: object) -> str:
    """The one line that a mistake is answered with; nothing on stdout."""
    found = invoke(*words)
    lines = found.stderr.splitlines()
    assert (found.exit_code, found.stdout, len(lines)) == (2, "", 1), f"{found.stderr}\n{found.exception!r}"
    assert lines[0].startswith("avloc: ")
    return lines[0]
