"""Every reader and command on damaged files: a right result or one line, never a traceback, a hang, a crash, or a wrong
result that is believed.

    pytest -m fuzz --examples 50000 --fuzz-seed 7
"""

import pytest

from tests.fuzz.areas import AREAS
from tests.fuzz.campaign import run_area
from tests.fuzz.not_files import KINDS, not_files

pytestmark = pytest.mark.fuzz
NIGHT = 10_000  # examples of a run that is not in a hurry


@pytest.mark.parametrize("area", AREAS)
def test_a_damaged_input_is_refused_in_a_line_or_read_as_it_is(made, area, pytestconfig, record_property):
    examples, seed = pytestconfig.getoption("--examples"), pytestconfig.getoption("--fuzz-seed")
    found = run_area(made, area, examples, seed)
    record_property(
        "fuzz", f"{found.inputs} inputs, {found.refused} refused in a line, {sum(found.count.values())} findings"
    )
    assert not found.findings, "\n".join(found.lines())


@pytest.mark.parametrize("area", [area for area in AREAS if area != "swapped"])  # copies runs, which hold only files
def test_what_is_not_a_file_is_refused_in_a_line(made, area, tmp_path, pytestconfig, record_property):
    """In the place of each kind of file there is something that might never end, a folder, or nothing."""
    for kind in KINDS if pytestconfig.getoption("--examples") > NIGHT else ("pipe",):
        found = not_files(made, area, kind, tmp_path)
        record_property("fuzz", f"{found.inputs} with a {kind}, {found.refused} refused in a line")
        assert not found.findings, "\n".join(found.lines())
