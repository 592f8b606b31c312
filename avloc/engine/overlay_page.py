"""The page of an output folder: all inputs with overlays in it, from any call or process."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from avloc.drawing.overlay import Colours
from avloc.drawing.players_page import Player, players_page
from avloc.engine.earlier_results import PAGE
from avloc.engine.found_files import read_head
from avloc.engine.overlay_many import Failed
from avloc.files import write_text
from avloc.walking import files_in


def write_page(out: Path, failed: Sequence[Failed]) -> Path:
    players = []
    for path in files_in(out, ".json", deep=True):
        try:
            head = read_head(path)
            players.append(_player(head, path, out))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # another program's JSON
    page = out / PAGE
    write_text(page, players_page(players, [one.message for one in failed]))
    return page


def _player(head: dict[str, Any], path: Path, out: Path) -> Player:
    written = {Path(place).suffix for place in head["written"]}  # beside the JSON, wherever that call's folder was
    name = path.relative_to(out).as_posix().removesuffix(".json")
    files = {"JSON": f"{name}.json", "CSV": f"{name}.csv"}
    if ".h5" in written:
        files["maps"] = f"{name}.h5"
    colours = head["made_with"].get("colours")
    return Player(name, f"{name}.mp4", lines_of(head), files, colours if colours in get_args(Colours) else "inferno")


def lines_of(head: dict[str, Any]) -> list[str]:
    """Information about one input for the reader."""
    lines = [f"{head['seconds']:.1f} s, {head['method']}, a map every {head['every']:g} s"]
    if head["sound_tracks"] == 0:
        lines.append("no sound track")
    elif head["silent_seconds"]:
        lines.append(f"silent for {head['silent_seconds']:.1f} s")
    if head["elsewhere_seconds"]:
        lines.append(f"a sound from elsewhere for {head['elsewhere_seconds']:.1f} s")
    if head["sound_tracks"] > 1:
        lines.append(f"{head['sound_tracks']} sound tracks, of which one was used")
    if head["heard"]:
        lines.append("heard: " + ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in head["heard"].items()))
    if head["broken_pictures"]:
        lines.append(f"{head['broken_pictures']} of {head['pictures']} pictures are damaged")
    return lines
