"""Every protocol, benchmark and command has a page, and the pages say what the code does."""

import re
from pathlib import Path

import numpy as np
import pytest
from making import truth_of

from avloc.annotations import BENCHMARKS
from avloc.protocols import PROTOCOLS
from avloc.protocols.protocol import axis_names
from avloc.scoring import score

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_page_lists_its_axes_as_they_are(name):
    text = (DOCS / "protocols" / f"{name}.md").read_text()
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", text, re.MULTILINE))
    for axis in axis_names():
        value = PROTOCOLS[name].axes()[axis]
        assert rows[axis] == (", ".join(value) if isinstance(value, list) else str(value))
    assert PROTOCOLS[name].source in text


def example(name: str) -> str:
    """A map that rises from left to right, and a box in the upper right of it: what the protocol gives."""
    protocol = PROTOCOLS[name]
    amount = 2 if protocol.level == 2 else 1  # a frame of two classes, both in the box
    truth = truth_of([[[0.25, 0, 1, 0.5]] * amount], [range(amount)], ("x", "y")[:amount])
    rising = np.tile(np.arange(14, dtype=np.float32) - 6.5, (14, 1))
    maps = np.stack([rising] * (amount if protocol.unit == "class" else 1))[None]
    more = {"negative_maps": {"silence": rising[None] / 4}} if protocol.unit == "sounds" else {}
    if protocol.unit == "labels":
        truth.labels = np.zeros((1, 224, 224), np.uint8)
        truth.labels[0, :112, 56:] = 1
        maps = np.stack([rising * 0, rising])[None]
    metrics = score(protocol, maps, truth, resamples=0, **more).metrics
    metric = next(
        metric for metric in ("ciou", "iou", "best_iou", "miou", "miou_set", "ciou_maxq3") if metric in metrics
    )
    return f"the box 0.25, 0, 1, 0.5: `{metric}` {metrics[metric].value:.4f}."


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_example_is_what_it_gives(name):
    assert example(name) in (DOCS / "protocols" / f"{name}.md").read_text()


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
