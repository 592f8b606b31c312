"""Commands that write, in want of something: each ends well or in a line, and run again it ends as if nothing had been.

pytest -m fuzz tests/fuzz/test_trouble.py --kills 100 --fuzz-seed 7
"""

import random
import resource
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import discs
from tests.fuzz.killed import PATIENCE, Commands

pytestmark = pytest.mark.fuzz
LARGE = (
    "sweep",
    "import-weights",
)  # several processes that load everything, or files of 90 MB; both only for nights of kills


def ended(commands: Commands, number: int, folder: Path) -> int | None:
    """The status of a command that must end well, in a line, or for want of memory by the system's hand."""
    status = commands.starter.wait(number, PATIENCE)
    said = folder.with_suffix(".log").read_text()
    assert "Traceback" not in said, said[-2000:]
    assert status in (0, 2), f"status {status}: {said[-2000:]}"
    if status == 2:
        last = [line for line in said.splitlines() if line.startswith("avloc: ")]
        assert last, said[-2000:]
    return status


def little(what: int, least: int, most: int) -> Callable[[Commands, str, Path, random.Random], str]:
    """Less of a resource than the command may need, at random."""

    def trouble(commands: Commands, name: str, folder: Path, chance: random.Random) -> str:
        limit = round(least * (most / least) ** chance.random())
        status = ended(commands, commands.start(name, folder, limits={what: limit}), folder)
        return f"limit {limit}, status {status}"

    return trouble


def two(commands: Commands, name: str, folder: Path, chance: random.Random) -> str:
    """The same command twice at once."""
    numbers = [commands.start(name, folder) for _ in range(2)]
    found = [ended(commands, number, folder) for number in numbers]
    assert 0 in found, folder.with_suffix(".log").read_text()[-2000:]
    return f"status {found}"


def forbidden(commands: Commands, name: str, folder: Path, chance: random.Random) -> str:
    """A folder that may be read and not written."""
    log = commands.place / f"forbidden {name}.log"
    with discs.read_only(folder.parent):
        number = commands.start(name, folder, log)
        status = ended(commands, number, log.with_suffix(""))
    return f"status {status}"


TROUBLES = {
    "few open files": little(resource.RLIMIT_NOFILE, 8, 200),
    "little memory": little(resource.RLIMIT_AS, 1 << 20, 1 << 30),
    "files that may not grow": little(resource.RLIMIT_FSIZE, 1 << 8, 1 << 20),
    "two at once": two,
    "nothing may be written": forbidden,
}


@pytest.mark.parametrize("what", TROUBLES)
def test_a_command_in_want_of_something_says_so_and_loses_nothing(commands, pytestconfig, record_property, what):
    count, seed = pytestconfig.getoption("--kills"), pytestconfig.getoption("--fuzz-seed")
    chance = random.Random(f"{what} {seed}")
    done: Counter[str] = Counter()
    failures: list[str] = []
    for number, name in commands.in_turn(chance, but=LARGE):
        if number >= count:
            break
        told = [f"seed {seed}", f"number {number}", name, what]

        def trouble(folder: Path, name: str = name, told: list[str] = told) -> None:
            told.append(TROUBLES[what](commands, name, folder, chance))
            done[told[-1].rpartition("status ")[2]] += 1

        failure = commands.disturbed(name, commands.folder(f"{what} {number}"), told, trouble)
        failures += filter(None, [failure])
    counts = ", ".join(f"status {status}: {count}" for status, count in sorted(done.items()))
    record_property("fuzz", f"{what}: {sum(done.values())} ({counts}), {len(failures)} ended otherwise")
    assert not failures, "\n".join(failures)


def test_a_disc_that_fills_costs_nothing_that_was_finished(commands, tmp_path, pytestconfig, record_property):
    count, seed = pytestconfig.getoption("--kills"), pytestconfig.getoption("--fuzz-seed")
    chance = random.Random(f"disc {seed}")
    failures: list[str] = []
    for number, name in commands.in_turn(chance, but=LARGE):
        if number >= count:
            break
        with discs.little_disc(commands.place / f"disc {number}", "256m") as disc:
            folder = disc / "in"
            told = f"seed {seed}, number {number}, {name}"
            try:
                commands.whole(name)
                commands.named[name].begin(folder)
                left = round(2 ** chance.uniform(12, 22))
                (disc / "ballast").write_bytes(bytes(max(shutil.disk_usage(disc).free - left, 0)))
                told += f", {left} bytes left"
                log = tmp_path / f"tried-{number}.log"
                status = commands.starter.wait(commands.start(name, folder, log), PATIENCE)
                said = log.read_text()
                assert status in (0, 2) and "Traceback" not in said, f"status {status}: {said[-2000:]}"
                (disc / "ballast").unlink()
                commands.refuse_other(name, folder)
            except (AssertionError, OSError) as error:
                failures.append(f"{told}: {error}")
                print(failures[-1], flush=True)
    record_property("fuzz", f"disc full: {count}, {len(failures)} ended otherwise")
    assert not failures, "\n".join(failures)
