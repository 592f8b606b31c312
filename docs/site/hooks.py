"""What MkDocs calls while it builds the site: pages that are generated, the navigation, and links that lead out of docs/."""

import re
from typing import Any

from mkdocs.structure.files import File
from navigation import named, unfolded
from notebook import notebook_page
from places import GENERATED, NOTEBOOKS, OUTSIDE, ROOT, led, outside_page
from searching import BOOST

#: the first number of an interval such as [57.5, 61.8]; a line must not break after it
LOW = re.compile(r"(\[[-+]?[\d.]+), (?=[-+]?[\d.]+\])")
CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>)", re.DOTALL)


def on_config(config: Any) -> Any:
    config.nav = unfolded(config.nav, set(named(config.nav)))
    return config


def on_files(files: Any, config: Any) -> Any:
    made = {page: make() for page, make in GENERATED.items()}
    made |= {page: outside_page(name) for name, page in OUTSIDE.items() if page != "index.md"}
    made |= {page: notebook_page(ROOT / "docs" / place) for place, page in NOTEBOOKS.items()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    place = page.file.src_uri
    if place in BOOST:
        page.meta["search"] = {"boost": BOOST[place]}
    return markdown if place in NOTEBOOKS.values() else led(markdown, place)


def on_page_content(html: str, **_: Any) -> str:
    """Intervals in text and tables stay in one piece; code is left as it is, to be copied."""
    parts = CODE.split(html)
    parts[::2] = [LOW.sub(r"\1,&nbsp;", part) for part in parts[::2]]
    return "".join(parts)
