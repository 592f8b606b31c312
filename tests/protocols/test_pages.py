"""Every protocol, benchmark and command has a page, and the pages say what the code does."""

import re
from pathlib import Path

import pytest

from avloc.annotations import BENCHMARKS
from avloc.protocols import PROTOCOLS
from avloc.protocols.protocol import axis_names

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_page_lists_its_axes_as_they_are(name):
    text = (DOCS / "protocols" / f"{name}.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", text, re.MULTILINE))
    for axis in axis_names():
        value = PROTOCOLS[name].axes()[axis]
        assert rows[axis] == (", ".join(value) if isinstance(value, list) else str(value))
    assert PROTOCOLS[name].source in text


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmarks_page_says_what_it_needs(name):
    text = (DOCS / "benchmarks" / f"{name}.md").read_text()
    one = BENCHMARKS[name]
    assert one.needs in text
    assert one.boxes in text
    assert one.origin in text


@pytest.mark.parametrize("folder", ["protocols", "benchmarks", "metrics"])
def test_links_between_pages_lead_somewhere(folder):
    for page in (DOCS / folder).glob("*.md"):
        for link in re.findall(r"\]\(([\w./-]+\.md)\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
