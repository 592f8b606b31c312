"""Shows the results of `avloc predict`: for videos and pictures, and for a store."""

from typing import TYPE_CHECKING, cast

from avloc.cli.show import say, table
from avloc.naming import counted

if TYPE_CHECKING:
    from avloc.engine.overlaid import Overlaid
    from avloc.engine.predicting_stores import Predicted
    from avloc.verbs.predict import Overlays


def show_predicted(found: "Predicted | Overlays") -> None:
    if hasattr(found, "overlays"):
        _show_overlays(cast("Overlays", found))
        return
    found = cast("Predicted", found)
    say(
        f"{found.predictions}: {counted(found.frames, 'frame', 'frames')} of {counted(found.clips, 'clip', 'clips')}; "
        f"when and where: {found.table}"
    )
    say(f"open {found.strips}")


def _show_overlays(found: "Overlays") -> None:
    rows = [_row(one) for one in found.overlays]
    if rows:
        table("", ["overlay", "seconds", "silent", "heard", ""], rows, right=(1, 2))
    done = len(found.overlays)
    skipped = sum(not one.fresh for one in found.overlays)
    earlier = f", {skipped} of them by an earlier call" if skipped else ""
    seconds = sum(one.seconds for one in found.overlays)
    silent = sum(one.silent_seconds for one in found.overlays)
    say(
        f"{done} {'overlay' if done == 1 else 'overlays'} by {found.model}{earlier}: {seconds:.1f} s, silent {silent:.1f} s"
    )
    if not found.calibrated and done:
        say(f"{found.model} is not calibrated: a sound from outside the picture gets a heat map too")
    if found.failed:
        from avloc.engine.overlay_many import reasons

        say(f"{len(found.failed)} could not be used: {reasons(found.failed)}")
        for one in found.failed:
            say(f"  {one.message}")
    if found.passed:
        say(found.passed)
    say(f"open {found.page}")


def _row(one: "Overlaid") -> list[str]:
    heard = ", ".join(list(one.heard)[:3])
    notes = []
    if one.sound_tracks == 0:
        notes.append("no sound track")
    if one.sound_tracks > 1:
        notes.append(f"{one.sound_tracks} sound tracks (--track chooses)")
    if one.elsewhere_seconds:
        notes.append(f"sound from elsewhere {one.elsewhere_seconds:.1f} s")
    if one.broken:
        notes.append(f"{one.broken} damaged pictures")
    return [str(one.video), f"{one.seconds:.1f}", f"{one.silent_seconds:.1f}", heard, "; ".join(notes)]
