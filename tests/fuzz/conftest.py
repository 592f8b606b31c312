"""Whole files of every kind, made once for the tests of a process."""

import pytest

from tests.fuzz.made import Made, make_all


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make_all(tmp_path_factory.mktemp("fuzz") / "made")
