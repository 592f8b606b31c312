"""The navigation of mkdocs.yml: FOLDER/* stands for the pages of a folder that are not named elsewhere."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]


def named(nav: Any) -> Iterator[str]:
    """All pages that it names."""
    for one in nav.values() if isinstance(nav, dict) else nav:
        if isinstance(one, str):
            yield one
        else:
            yield from named(one)


def unfolded(nav: Any, known: Collection[str]) -> Any:
    """The same with the pages of FOLDER/* in the order of their names, without those that are known."""
    if isinstance(nav, dict):
        return {title: unfolded(one, known) for title, one in nav.items()}
    if not isinstance(nav, list):
        return nav
    found: list[Any] = []
    for one in nav:
        if isinstance(one, str) and one.endswith("/*"):
            places = [page.relative_to(DOCS).as_posix() for page in sorted(DOCS.glob(f"{one}.md"))]
            found += [place for place in places if place not in known]
        else:
            found.append(unfolded(one, known))
    return found
