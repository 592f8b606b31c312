"""The page in headless Chromium, opened as a file: sort, filter, opacity, keyboard, links, and without its script."""

import re
from pathlib import Path
from urllib.parse import quote

import pytest

from avloc.drawing.card import anchor
from avloc.drawing.flags import FLAGS
from avloc.drawing.tools import KEYS, script, tools
from avloc.verbs.visualize import visualize
from tests.drawing.tiny_run import HOSTILE, make_run, make_store

IDS = [f"{HOSTILE}{n}/{'key' if n % 2 else '000#0'}" for n in range(6)]  # scored 0, 10, ... 50 %
SHOWN = """() => [...document.querySelectorAll("article.clip")].filter((clip) => clip.checkVisibility())
    .map((clip) => clip.dataset.id)"""


@pytest.fixture(scope="module")
def address(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("page with spaces & #")
    report = visualize(run=make_run(folder / "run", make_store(folder / "store")).path, clips=4).report
    return report.as_uri()


@pytest.fixture
def page(browser, address):
    """A page on which nothing may go wrong and from which nothing may be asked of the network."""
    opened, wrong = browser.new_page(), []
    opened.on("console", lambda said: wrong.append(said.text))
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("dialog", lambda dialog: wrong.append(f"a script of a name ran: {dialog.message}"))
    opened.on("request", lambda asked: wrong.append(asked.url) if asked.url.startswith("http") else None)
    opened.goto(address)
    yield opened
    opened.close()
    assert wrong == []


def test_clips_are_sorted_by_their_score_within_each_set(page):
    page.select_option("#order", "low 0")
    assert page.evaluate(SHOWN) == IDS * 2
    page.select_option("#order", "high 0")
    assert page.evaluate(SHOWN) == IDS[::-1] * 2
    page.select_option("#order", "chosen")
    assert page.evaluate(SHOWN)[:3] == [IDS[5], IDS[2], IDS[0]]


def test_clips_are_filtered_by_set_class_flag_and_id_together(page):
    assert page.inner_text("#shown") == "12 of 12 clips"
    page.select_option("#of-set", label="mosaic")
    assert page.inner_text("#shown") == "6 of 12 clips" and page.locator("section.set:visible").count() == 1
    page.select_option("#of-class", label="harp")
    assert sorted(page.evaluate(SHOWN)) == [IDS[2], IDS[5]]
    page.fill("#of-id", "5/KEY")
    assert page.evaluate(SHOWN) == [IDS[5]]
    page.select_option("#of-flag", label="median")
    assert page.inner_text("#shown") == "0 of 12 clips" and page.locator("section.set:visible").count() == 0
    page.press("#of-id", "Escape")
    page.keyboard.press("r")
    assert page.inner_text("#shown") == "12 of 12 clips"


def test_the_slider_fades_the_heat_map_over_the_frame(page):
    heat = page.locator("img.heat").first

    def opacity() -> float:
        return float(heat.evaluate("(layer) => getComputedStyle(layer).opacity"))

    assert opacity() == 0.75
    page.locator("#opacity").fill("20")
    assert opacity() == pytest.approx(0.2)
    page.keyboard.press("h")  # a letter in a field is no command
    assert opacity() == pytest.approx(0.2)
    page.evaluate("() => document.activeElement.blur()")
    page.keyboard.press("h")
    assert opacity() == 0
    page.keyboard.press("h")
    page.keyboard.press("]")
    assert opacity() == pytest.approx(0.3)


def test_keys_step_through_the_clips_that_are_shown(page):
    page.select_option("#order", "low 0")
    page.select_option("#of-set", label="solo")
    page.evaluate("() => document.activeElement.blur()")

    def current() -> str:
        return page.evaluate("() => document.activeElement.dataset.id")

    page.keyboard.press("j")
    page.keyboard.press("j")
    assert current() == IDS[1]
    page.keyboard.press("k")
    page.keyboard.press("k")
    assert current() == IDS[0]
    page.keyboard.press("o")
    opened = page.locator("article.clip.current details").first
    assert opened.evaluate("(details) => details.open") and page.locator("article.clip details[open]").count() == 1
    page.keyboard.press("/")
    assert page.evaluate("() => document.activeElement.id") == "of-id"


def test_a_link_leads_to_its_clip_even_if_a_filter_hides_it(page, address):
    page.select_option("#of-set", label="solo")
    name = anchor("mosaic", IDS[3])
    page.evaluate("(hash) => { location.hash = hash }", f"#{quote(name, safe='')}")
    page.wait_for_function("(name) => document.activeElement.id === name", arg=name)
    assert page.inner_text("#shown") == "12 of 12 clips"
    page.goto("about:blank")
    page.goto(f"{address}#{quote(name, safe='')}")
    assert page.evaluate("() => document.activeElement.id") == name
    page.evaluate("() => { location.hash = '#%E0%A4%A' }")  # no letter: nothing happens


def test_every_picture_can_be_seen_and_every_sound_be_played(page):
    wide = page.evaluate(
        "async () => (await Promise.all([...document.images].map((one) => one.decode().then(() => 1)))).length"
    )
    assert wide == page.locator("img").count()
    seconds = page.evaluate(
        """() => Promise.all([...document.querySelectorAll("audio")].map((one) => new Promise((done, failed) => {
            one.onloadedmetadata = () => done(one.duration); one.onerror = failed; one.preload = "auto"; one.load(); })))"""
    )
    assert len(seconds) == 18 and min(seconds) > 0.9


def test_without_its_script_the_page_is_whole_and_without_tools(browser, address):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto(address)
    assert plain.locator("article.clip:visible").count() == 12 and not plain.locator("#tools").is_visible()
    assert plain.locator("img.heat").first.evaluate("(layer) => getComputedStyle(layer).opacity") == "0.75"
    context.close()


def test_all_that_the_script_looks_for_is_there():
    """Held without a browser, too."""
    markup = tools(["solo"], ["harp"], ["best"], ["run"])
    for name in ("order", "of-set", "of-class", "of-flag", "of-id", "opacity", "shown", "tools"):
        assert f'id="{name}"' in markup and f'"{name}"' in script()
    assert "</" not in script() and "http" not in script()


def test_the_documentation_lists_the_flags_and_keys_that_there_are():
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text(encoding="utf-8")
    listed = dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", page, re.MULTILINE))
    assert {name: what for name, what in listed.items() if what not in ("does", "meaning", "---")} == {**KEYS, **FLAGS}
