"""One clip on the page: its ground truth and heat map, its sound, and behind a click all its other maps."""

from collections.abc import Mapping, Sequence
from urllib.parse import quote

from avloc.drawing import markup
from avloc.drawing.flags import FLAGS, flags
from avloc.drawing.layers import frame_property, layered
from avloc.drawing.markup import text
from avloc.drawing.moments import Moment
from avloc.drawing.overlays import class_overlays, map_overlays, truth_overlays
from avloc.drawing.sets import heading


def anchor(name: str, clip: str) -> str:
    """The `id` of a clip on the page: clip-SET/ID; unprintable characters become blanks, as everywhere on the page."""
    return "".join(mark if mark.isprintable() else " " for mark in f"clip-{name}/{clip}")


def card(name: str, moments: Sequence[Moment], runs: Sequence[str], classes: Mapping[str, int], place: int) -> str:
    """A clip of the test set `name`, with index `place` on the page; one moment for each run of the page.

    classes: their numbers in the page's filter.
    """
    first, several = moments[0], len(moments) > 1
    found = [flags(moment) for moment in moments]
    all_flags = [flag for flag in FLAGS if any(flag in own for own in found)]
    frame, truth = truth_overlays(first)
    front, behind = [layered(first, truth)], [layered(first, frame)]
    for run, moment in zip(runs, moments, strict=True):
        own, *others = map_overlays(moment)
        front.append(layered(moment, own, f"{run}: {_score(moment)}" if several else ""))
        behind += [layered(moment, other, f"{run}: {other.title}" if several else "") for other in others]
    of_classes = "".join(_classes(moment, run if several else "") for run, moment in zip(runs, moments, strict=True))
    sound = markup.sound_figure(first.waveform, first.rate, first.clip)
    identity = anchor(name, first.choice.id)
    data = {
        "set": str(place),
        "id": first.choice.id,
        "scores": " ".join("-" if m.choice.score is None else f"{m.choice.score:.6f}" for m in moments),
        "classes": " ".join(str(classes[first.classes[number]]) for number in first.heard),
        "flags": " ".join(str(list(FLAGS).index(flag)) for flag in all_flags),
    }
    attributes = " ".join(f'data-{key}="{text(value)}"' for key, value in data.items())
    listed = "".join(
        f"<li>{text(_flag(flag, found, runs))}</li>" for flag in all_flags if flag not in first.choice.kinds
    )
    marks = f'<ul class="flags">{listed}</ul>' if listed else ""
    return (
        f'<article class="clip" id="{text(identity)}" tabindex="-1" aria-label="{text(f"{name}: {first.choice.id}")}" '
        f'{attributes} style="{frame_property(first.frame)}">'
        f"<header><h4>{text(first.choice.why.capitalize() if several else heading(first))}</h4>"
        f"<span>sounding: {text(first.names(first.heard))}</span>"
        f'<a href="#{quote(identity, safe="")}"><code>{text(first.choice.id)}</code></a></header>'
        f'<div class="cells">{"".join(front)}</div>'
        f"{markup.player(first.waveform, first.rate, first.clip)}"
        f"{marks}"
        f'<details><summary>All pictures of this clip</summary><div class="cells">{"".join(behind)}{sound}</div>'
        f"{of_classes}</details></article>"
    )


def _classes(moment: Moment, run: str) -> str:
    shown = "".join(layered(moment, one, f"{run}: {one.title}" if run else "") for one in class_overlays(moment))
    return f'<div class="cells">{shown}</div>' if shown else ""


def _score(moment: Moment) -> str:
    return "not scored" if moment.choice.score is None else f"{100 * moment.choice.score:.1f} %"


def _flag(flag: str, found: Sequence[Sequence[str]], runs: Sequence[str]) -> str:
    """A flag, with the runs that have it unless all do."""
    own = [run for run, flags in zip(runs, found, strict=True) if flag in flags]
    return flag if len(own) == len(runs) else f"{flag} ({', '.join(own)})"
