"""Where pages lie on the site that are no files of docs/, and links that lead to them.

The pages of docs/ are written for a code host: their links go to CONTRIBUTING, CHANGELOG and the like in the folder above,
which MkDocs does not see. Here these files become pages of the site, and the links are led to them.
"""

import posixpath
import re
from pathlib import Path

from command_pages import commands_page, prepare_page
from key_pages import configuration_page, models_page
from python_page import python_page

ROOT = Path(__file__).parents[2]
#: files of the folder above docs/ that the site shows, and their page
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
    "SECURITY.md": "security.md",
    "THIRD_PARTY_NOTICES.md": "third_party_notices.md",
    "LICENSE": "license.md",
    "README.md": "index.md",
}
GENERATED = {
    "reference/commands.md": commands_page,
    "reference/prepare.md": prepare_page,
    "reference/configuration.md": configuration_page,
    "reference/models.md": models_page,
    "reference/python.md": python_page,
}
NOTEBOOKS = {"tutorials/own_videos.ipynb": "tutorials/own_videos.md"}


def outside_page(name: str) -> str:
    """A file above docs/ as a page in docs/: its links to docs/ are those of a page that lies there."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "LICENSE":
        return f"# Licence\n\n{text}"
    text = text.replace("](docs/", "](")
    return re.sub(r"\]\(([\w./-]+)", lambda link: f"]({OUTSIDE.get(link[1], link[1])}", text)


def led(markdown: str, page: str) -> str:
    """The text of a page with its links to files above docs/, and to notebooks, led to their pages."""
    folder = posixpath.dirname(page)
    return re.sub(r"\]\(([^)\s#:]+)", lambda link: f"]({_place(link[1], folder)}", markdown)


def _place(target: str, folder: str) -> str:
    whole = posixpath.normpath(posixpath.join(folder, target))
    page = OUTSIDE.get(whole.removeprefix("../")) if whole.startswith("../") else NOTEBOOKS.get(whole)
    return target if page is None else posixpath.relpath(page, folder or ".")
