"""Whole files of every kind, made once for the tests of a process, and commands that write."""

import shutil
from collections.abc import Iterator

import pytest

from tests import discs
from tests.fuzz.killed import Commands
from tests.fuzz.made import Made, make_all


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    found = make_all(tmp_path_factory.mktemp("fuzz") / "made")
    yield found
    shutil.rmtree(found.folder, ignore_errors=True)


@pytest.fixture(scope="session")
def commands(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    discs.own_mounts()  # before it starts anything, which is to see them too
    found = Commands(made, tmp_path_factory.mktemp("commands"))
    yield found
    found.starter.close()
    shutil.rmtree(found.place, ignore_errors=True)
