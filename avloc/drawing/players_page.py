"""A page with the overlays of many videos side by side. The videos are next to it; nothing else is loaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from avloc.drawing import markup
from avloc.drawing.markup import text
from avloc.drawing.overlay import ramp_of
from avloc.drawing.style import CSS

TITLE = "Where does the sound come from?"
POLICY = "default-src 'none'; media-src 'self' file:; style-src 'unsafe-inline'"
OWN = """
.players { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(22rem, 100%), 1fr));
  margin-top: 1rem; }
.players .clip { margin: 0; }
.players video { display: block; width: 100%; max-height: 22rem; background: #000; border-radius: 4px; }
"""
HEAD = 1000  # characters of a page that are enough to recognise it
WHAT = (
    "Each video has its own sound and a heat map of where the sound comes from. The strip at the bottom shows the waveform; "
    "where it is a flat line, the sound is silent and no heat map is shown."
)


@dataclass(frozen=True)
class Player:
    """video, files: paths relative to the page. files: the other outputs, by title. lines: information about the video.
    colours: of its heat maps.
    """

    title: str
    video: str
    lines: Sequence[str]
    files: dict[str, str]
    colours: str = "inferno"


def players_page(players: Sequence[Player], failed: Sequence[str] = ()) -> str:
    """failed: a line for each unusable input."""
    cards = "\n".join(map(_card, players))
    left_out = f'<div class="notes"><b>Could not be used</b>{markup.items(failed)}</div>' if failed else ""
    ramps = "".join(f'<i class="heat" style="background: {_gradient(one)}"></i>' for one in _colours_of(players))
    key = (
        f'<ul class="key"><li>{ramps}heat map, low to high, on one scale for each video</li>'
        '<li><i class="sounding"></i>sounds</li><li><i class="silent"></i>seen, but silent</li></ul>'
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>{CSS}{OWN}</style>\n</head>\n<body>\n"
        f"<header><h1>{TITLE}</h1>{markup.paragraph(WHAT)}{key}</header>\n"
        f'<main>\n{left_out}\n<div class="players">\n{cards}\n</div>\n</main>\n</body>\n</html>\n'
    )


def is_players_page(beginning: str) -> bool:
    """Whether the first characters of a file are those of such a page, from this version or an earlier one."""
    return POLICY in beginning and f"<title>{TITLE}</title>" in beginning


def _colours_of(players: Sequence[Player]) -> list[str]:
    return sorted({player.colours for player in players}) or [Player.colours]


def _gradient(colours: str) -> str:
    """CSS of a colour map, at five of its 256 levels."""
    stops = ramp_of(colours)[[0, 64, 128, 191, 255]]
    return f"linear-gradient(90deg, {', '.join(f'#{bytes(stop).hex()}' for stop in stops)})"


def _card(player: Player) -> str:
    links = ", ".join(f'<a href="{_address(place)}">{text(name)}</a>' for name, place in player.files.items())
    lines = "".join(f"<br>{text(line)}" for line in player.lines)
    return (
        f'<figure class="clip"><video controls preload="metadata" src="{_address(player.video)}" '
        f'aria-label="{text(f"Overlay of {player.title}")}"></video>'
        f"<figcaption><b>{text(player.title)}</b>{links}{lines}</figcaption></figure>"
    )


def _address(place: str) -> str:
    """A relative path as a URL; the colon of a name such as "a:b.mp4" must not look like a scheme."""
    return text("./" + quote(place.encode("utf-8", "surrogateescape")))
