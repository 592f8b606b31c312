"""The interactive part of the page: the tools above the clips, and their script.

The page is complete without them: the tools stay hidden until the script runs.
"""

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from avloc.drawing.flags import FLAGS
from avloc.drawing.markup import text

KEYS = {
    "j, k": "next, previous clip",
    "o": "show or hide all pictures of the clip",
    "s": "play or pause its sound",
    "h": "show or hide the heat maps",
    "[, ]": "make the heat maps more or less transparent",
    "/": "find a clip by its id",
    "r": "show all clips again",
}


@cache
def script() -> str:
    return Path(__file__).with_name("page.js").read_text(encoding="utf-8")


def policy() -> str:
    """What the browser allows on the page: embedded pictures and sounds, and this one script; nothing external."""
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    return (
        "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def tools(sets: Sequence[str], classes: Sequence[str], used: Sequence[str], runs: Sequence[str]) -> str:
    """The tools for clips of these test sets, sounding classes and flags; option values are numbers."""
    order = [("chosen", "as chosen")]
    for number, run in enumerate(runs):
        of_run = f" of {run}" if len(runs) > 1 else ""
        order += [(f"low {number}", f"lowest score{of_run} first"), (f"high {number}", f"highest score{of_run} first")]
    if len(runs) > 1:
        order.append(("apart", "largest difference first"))
    flag_options = [(str(number), flag) for number, flag in enumerate(FLAGS) if flag in used]
    choices = [
        ("order", "Sort", order),
        ("of-set", "Test set", [("", "all"), *_numbered(sets)]),
        ("of-class", "Sounding class", [("", "all"), *_numbered(classes)]),
        ("of-flag", "Flag", [("", "all"), *flag_options]),
    ]
    selects = "".join(_select(identity, label, options) for identity, label, options in choices)
    keys = "".join(f"<dt><kbd>{text(key)}</kbd></dt><dd>{text(what)}</dd>" for key, what in KEYS.items())
    meanings = "".join(f"<dt>{text(flag)}</dt><dd>{text(FLAGS[flag])}</dd>" for flag in FLAGS if flag in used)
    return (
        f'<div id="tools" role="search" aria-label="Clips" hidden>{selects}'
        '<label>Id <input id="of-id" type="search" autocomplete="off" spellcheck="false"/></label>'
        '<label>Heat maps <input id="opacity" type="range" min="0" max="100" value="75"/></label>'
        '<output id="shown" aria-live="polite"></output>'
        f'<details><summary>Keys and flags</summary><dl class="keys">{keys}</dl><dl class="keys">{meanings}</dl>'
        "</details></div>"
    )


def _numbered(names: Sequence[str]) -> list[tuple[str, str]]:
    return [(str(number), name) for number, name in enumerate(names)]


def _select(identity: str, label: str, options: Sequence[tuple[str, str]]) -> str:
    listed = "".join(f'<option value="{text(value)}">{text(words)}</option>' for value, words in options)
    return f'<label>{text(label)} <select id="{identity}">{listed}</select></label>'
