"""One thread for each process of the tests, and of those they start: nets this small are slower with more. All hear Ctrl-C."""

import os
import shutil
import signal
from typing import Any

import hypothesis
import pytest

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"
# what a shell starts in the background ignores Ctrl-C, and so would the commands that tests interrupt
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionstart() -> None:
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--examples", type=int, default=2000, help="damaged inputs of the tests marked fuzz, in all")
    parser.addoption("--kills", type=int, default=2, help="kills of the tests marked fuzz, in all")
    parser.addoption("--fuzz-seed", type=int, default=0, help="seed of damage and kills; another one is another night")


def pytest_configure(config: pytest.Config) -> None:
    # the same examples in every run: a submission is not refused for what it did not change; nights draw other ones
    hypothesis.settings.register_profile("repeatable", derandomize=True)
    if not config.getoption("--fuzz-seed"):
        hypothesis.settings.load_profile("repeatable")
    config.addinivalue_line(
        "markers", "fuzz: damaged inputs and kills; --examples, --kills and --fuzz-seed say how many"
    )
    config.addinivalue_line(
        "markers", "slow: whole trainings, several processes, videos; all that is marked fuzz is slow too"
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("fuzz"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window, for the tests of pages."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    known = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("AVLOC_CHROMIUM") or next(filter(None, map(shutil.which, known)), None)
    if program is None:
        pytest.skip("no Chromium here; AVLOC_CHROMIUM names one")
    with playwright.sync_playwright() as running:
        yield running.chromium.launch(executable_path=program, args=["--no-sandbox"])


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """How many inputs were tried and refused, of the tests marked fuzz."""
    told = [
        f"{report.nodeid.rpartition('[')[2].rstrip(']')}: {value}"
        for reports in terminalreporter.stats.values()
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == "fuzz" and getattr(report, "when", "") == "call"
    ]
    if told:
        terminalreporter.write_sep("-", f"fuzz, seed {config.getoption('--fuzz-seed')}")
        for line in told:
            terminalreporter.write_line(line)
