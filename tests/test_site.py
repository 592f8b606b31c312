"""The documentation site: every page is in its navigation, every command and key is on a generated page."""

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TOOLS = DOCS / "site"


@pytest.fixture(scope="module")
def site():
    """A module of docs/site by its name."""
    sys.path.insert(0, str(TOOLS))
    yield importlib.import_module
    sys.path.remove(str(TOOLS))


def navigation() -> Any:
    return yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]


@pytest.fixture(scope="module")
def navigated(site) -> list[str]:
    """Places in docs/ of all pages of the navigation, in their order."""
    pages = site("navigation")
    return list(pages.named(pages.unfolded(navigation(), set(pages.named(navigation())))))


def test_every_page_is_in_the_navigation_once(navigated):
    written = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert written <= set(navigated)
    assert len(navigated) == len(set(navigated))


def test_every_entry_of_the_navigation_is_a_page(site, navigated):
    made = set(site("places").GENERATED) | set(site("places").OUTSIDE.values()) | set(site("places").NOTEBOOKS.values())
    missing = [page for page in navigated if page not in made and not (DOCS / page).exists()]
    assert not missing


def test_every_command_has_its_options_on_a_generated_page(site):
    from test_docs import commands

    pages = site("command_pages")
    text = pages.commands_page() + pages.prepare_page()
    for name, command in commands().commands.items():
        for full, one in (
            {f"{name} {child}": inner for child, inner in command.commands.items()}
            if hasattr(command, "commands")
            else {name: command}
        ).items():
            part = text.partition(f"\n## avloc {full}\n")[2].partition("\n## ")[0]
            assert part, full
            options = {option for parameter in one.params for option in parameter.opts if option.startswith("--")}
            shared = text if name == "prepare" else part + text.partition("\n## ")[0]
            assert not [option for option in options - {"--help"} if f"`{option}" not in shared], full


def test_every_key_of_a_configuration_has_a_meaning(site):
    pages = site("key_pages")
    text = pages.configuration_page()
    assert "| `batch_size` | whole number from 1 to 1,000,000 | `32` | Clips per step and per process. |" in text
    assert not re.findall(r"^\| `\w+` .*\| +\|$", text + pages.models_page(), re.M)


def test_every_link_between_generated_sections_has_its_section(site):
    text = site("key_pages").models_page()
    anchors = set(re.findall(r"\{#([\w-]+)\}", text))
    assert set(re.findall(r"models\.md#([\w-]+)", text)) <= anchors
    assert len(anchors) == len(re.findall(r"\{#([\w-]+)\}", text))


def test_every_public_name_is_on_the_page_of_the_python_api(site):
    import avloc

    text = site("python_page").python_page()
    missing = [name for name in avloc._PLACES if f".{name}\n" not in text and f"avloc.{name}`" not in text]
    assert not missing


def test_links_that_leave_the_docs_lead_to_pages_of_the_site(site):
    led = site("places").led
    assert led("[c](../CHANGELOG.md#unreleased)", "index.md") == "[c](changelog.md#unreleased)"
    assert led("[l](../../LICENSE)", "data/music.md") == "[l](../license.md)"
    assert led("[n](tutorials/own_videos.ipynb)", "predict.md") == "[n](tutorials/own_videos.md)"
    assert led("[m](methods/index.md)", "index.md") == "[m](methods/index.md)"


def test_a_notebook_becomes_a_page_with_its_code(site):
    text = site("notebook").notebook_page(DOCS / "tutorials" / "own_videos.ipynb")
    assert text.startswith("# Where does the sound come from?")
    assert "```python\nfrom fractions import Fraction" in text


def test_every_link_of_the_changelog_and_its_like_leads_to_a_page(site, navigated):
    places = site("places")
    for name in places.OUTSIDE:
        if name == "README.md":
            continue
        for target in re.findall(r"\]\((?![a-z]+:)([^)\s#]+)", places.outside_page(name)):
            assert target in navigated, f"{name}: {target}"


def test_every_page_that_counts_more_or_less_in_a_search_exists(site, navigated):
    assert set(site("searching").BOOST) <= set(navigated)
