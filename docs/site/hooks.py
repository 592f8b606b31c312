"""What MkDocs calls while it builds the site: pages that are generated, the navigation, and links that lead out of docs/."""

from typing import Any

from mkdocs.structure.files import File
from navigation import named, unfolded
from notebook import notebook_page
from places import GENERATED, NOTEBOOKS, OUTSIDE, ROOT, led, outside_page

#: front matter by which a search for an option or a key shows its definition first
FIRST_IN_SEARCH = "---\nsearch:\n  boost: 3\n---\n\n"


def on_config(config: Any) -> Any:
    config.nav = unfolded(config.nav, set(named(config.nav)))
    return config


def on_files(files: Any, config: Any) -> Any:
    made = {page: FIRST_IN_SEARCH + make() for page, make in GENERATED.items()}
    made |= {page: outside_page(name) for name, page in OUTSIDE.items() if page != "index.md"}
    made |= {page: notebook_page(ROOT / "docs" / place) for place, page in NOTEBOOKS.items()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    place = page.file.src_uri
    return markdown if place in NOTEBOOKS.values() else led(markdown, place)
