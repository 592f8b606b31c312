"""The search of the built site, in a browser: what a reader types leads to the page that answers it."""

import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: what is typed, and the page and the section that come first
FIRST = {
    "threshold": ("FAQ", "Whose threshold is this?"),
    "--opacity": ("Commands", "avloc predict"),
    "--quiet-below": ("Your own videos", "Silence and off-screen sounds"),
    "cIoU": ("cIoU, consensus IoU", None),
    "wrong sound": ("FAQ", "Does my model use the sound, or is it as good with the wrong sound?"),
    "resume": ("Commands", "Resume after an interruption"),
    "own video": ("Your own videos", None),
    "batch_size": ("Configuration", "train"),
}


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    for needed in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(needed, reason="the extra docs is not installed")
    place = tmp_path_factory.mktemp("site")
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "-q", "--site-dir", place], cwd=ROOT, check=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=place)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def page(browser, address):
    page = browser.new_page()
    page.goto(address)
    return page


@pytest.mark.parametrize("typed", FIRST)
def test_a_search_shows_first_what_answers_it(page, typed):
    title, section = FIRST[typed]
    page.reload()
    page.click(".md-search__input")
    page.keyboard.type(typed)
    first = page.locator(".md-search-result__item").first
    first.wait_for()
    page.wait_for_timeout(500)  # until the search of the last letter has answered
    assert first.locator("h1, h2").nth(0).inner_text() == title
    if section is not None:
        assert first.locator("h2").nth(0).inner_text() == section
