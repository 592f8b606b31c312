"""One input from start to end: its maps, then its video with the overlay, its JSON, table, stills and maps."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.engine.earlier_results import ENDINGS, places_of, unfinished
from avloc.engine.found_files import Kept, kept, maps_file, marked, write_found_json, write_found_table
from avloc.engine.inputs import Input
from avloc.engine.moving_overlay import Between, Scale, Written, write_overlay
from avloc.engine.overlaid import How, Overlaid, made_with, summary
from avloc.engine.spool import Spool
from avloc.engine.stills import stills_in
from avloc.engine.windows import Asked, Model, listening_of, moments, times_of
from avloc.errors import AvlocError
from avloc.files import replacing, why, write_bytes
from avloc.naming import utf8_name
from avloc.prepare.media.container import refuse_unreadable
from avloc.prepare.streams.loudness import Span
from avloc.prepare.streams.source import Source, open_still, open_video
from avloc.prepare.streams.tape import SoundTape

#: frames done, frames of the video, and a description; a frame is first analysed and later drawn, and
#: each counts half
Tell = Callable[[int, int, str], None]
NAMED = 5  # classes of an input that its summary names


@dataclass(frozen=True)
class _Analysed:
    """What the first pass finds. scale: of the colours. tape: the sound. quiet: the silent intervals in s. elsewhere:
    maps whose sound comes from outside the picture. heard: in how many maps each class sounds.
    """

    scale: Scale
    tape: SoundTape
    quiet: list[Span]
    elsewhere: int
    heard: Counter[str]


def overlay_one(model: Model, one: Input, out: Path, how: How, who: Mapping[str, Any], tell: Tell) -> Overlaid:
    """Write everything about one input below `out`; the JSON is written last and marks it as complete.

    MediaError if the input cannot be used; then none of its files are left.
    """
    for path in one.files:
        refuse_unreadable(path)
    made = made_with(one, how, who)
    place = {end: out / f"{one.name}{end}" for end in ENDINGS}
    written: list[Path] = []
    with ExitStack() as stack, _all_or_none(written):
        source = stack.enter_context(_open(one, how.track))
        stack.enter_context(_begun(out, one.name))
        spool: Spool[Kept] = stack.enter_context(Spool())
        analysed = _analyse(model, one, source, how, place, spool, tell)
        if how.maps:
            written.append(place[".h5"])
        drawn = _draw(source, how, analysed, place, spool, written, tell)
        write_found_table(place[".csv"], iter(spool), analysed.scale)
        written.append(place[".csv"])
        about = {
            **_about_input(one, source),
            **_about_maps(model, how, source, analysed, len(spool)),
            "model": who["model"],
            "pictures": drawn.pictures,
            "broken_pictures": drawn.broken,
            "sound_copied": drawn.copied,
            "written": [str(path.relative_to(out)) for path in written],
            "made_with": made,
        }
        write_found_json(place[".json"], about, iter(spool), analysed.scale)
    return summary(one, out, about)


def _analyse(
    model: Model, one: Input, source: Source, how: How, place: Mapping[str, Path], spool: Spool[Kept], tell: Tell
) -> _Analysed:
    """The first pass: heat maps into the spool and, if wanted, into a file."""
    asked = Asked(how.every, how.quiet_below, source.size if how.masks else None)
    rate = listening_of(model).rate
    tape, scale = SoundTape(source.sound(rate), rate), Scale()
    frames, elsewhere = _frames(source), 0
    with ExitStack() as files:
        maps = None
        if how.maps:
            attributes = {"method": model.method, "source": utf8_name(str(one.path)), "every": how.every}
            maps = files.enter_context(maps_file(place[".h5"], one.name, model.classes, attributes))
        for moment in moments(model, source, tape, asked):
            if maps is not None:
                maps.add(moment)
            scale.add(moment)
            elsewhere += moment.sounding is False and not moment.silent
            spool.add(kept(moment))
            tell(int(frames * 0.5 * moment.time / source.seconds), frames, "computing heat maps")
        _remove_earlier(place)
    tape.finish()
    heard: Counter[str] = Counter()
    for item in spool:  # which boxes are shown depends on the scale of all maps
        heard.update({box.name for box, _ in marked(item, scale) if box.sounding and box.name is not None})
    return _Analysed(scale, tape, tape.loudness.quiet(how.quiet_below, source.seconds), elsewhere, heard)


def _draw(
    source: Source,
    how: How,
    analysed: _Analysed,
    place: Mapping[str, Path],
    spool: Spool[Kept],
    written: list[Path],
    tell: Tell,
) -> Written:
    """The second pass: the video with its overlay and, if wanted, the stills; each is added to `written` when complete."""
    between = Between((item.moment for item in spool), analysed.scale, analysed.quiet)
    loudness, frames = analysed.tape.loudness, _frames(source)

    def seen(time: float) -> None:
        tell(int(frames * (0.5 + 0.5 * time / source.seconds)), frames, "drawing")

    with ExitStack() as files:
        stills = None
        if how.frames:
            stills = files.enter_context(stills_in(place[".frames"], times_of(source.seconds, how.every)))
        with replacing(place[".mp4"]) as temporary:
            drawn = write_overlay(
                temporary, source, between, how.overlay(), loudness, analysed.quiet, stills=stills, tell=seen
            )
        written.append(place[".mp4"])
    if how.frames:
        written.append(place[".frames"])
    return drawn


def _frames(source: Source) -> int:
    return max(round(source.seconds * float(source.frame_rate)), 1)


def _about_input(one: Input, source: Source) -> dict[str, Any]:
    return {
        "source": str(one.path),
        "sound_file": None if one.sound is None else str(one.sound),
        "places": places_of(one.files),
        "seconds": round(source.seconds, 3),
        "size": list(source.size),
        "frame_rate": round(float(source.frame_rate), 3),
        "sound_tracks": source.tracks if source.has_sound else 0,
    }


def _about_maps(model: Model, how: How, source: Source, analysed: _Analysed, count: int) -> dict[str, Any]:
    silent = sum(stop - start for start, stop in analysed.quiet)
    elsewhere = min(analysed.elsewhere * how.every, source.seconds)
    return {
        "method": model.method,
        "classes": None if model.classes is None else list(model.classes),
        "window": listening_of(model).seconds,
        "every": how.every,
        "scale": [round(edge, 6) for edge in analysed.scale.limits],
        "calibrated": getattr(model, "calibration", None) is not None,
        "quiet_below": how.quiet_below,
        "silent": [list(span) for span in analysed.quiet],
        "silent_seconds": round(silent, 3),
        "elsewhere_seconds": round(elsewhere, 3),
        "heard": {name: round(number / max(count, 1), 4) for name, number in analysed.heard.most_common(NAMED)},
        "maps": count,
    }


@contextmanager
def _all_or_none(written: list[Path]) -> Iterator[None]:
    """Removes the files written so far if the rest fails or is interrupted."""
    try:
        yield
    except BaseException:
        for path in written:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise


@contextmanager
def _begun(out: Path, name: str) -> Iterator[None]:
    """A mark beside the files while they are written: after a kill it says that they are ours (see earlier_results.py)."""
    mark = unfinished(out, name)
    try:
        mark.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AvlocError(f"{mark.parent}: cannot be written ({why(error)}); give another folder with --out") from None
    write_bytes(mark, b"")
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def _remove_earlier(place: Mapping[str, Path]) -> None:
    """The files of an earlier call, so that none of them stays; the JSON is last, because it says what the others are."""
    shutil.rmtree(place[".frames"], ignore_errors=True)
    for ending in (".csv", ".mp4", ".h5", ".json"):
        place[ending].unlink(missing_ok=True)


def _open(one: Input, track: int | None) -> AbstractContextManager[Source]:
    if one.sound is not None:
        return open_still(one.path, one.sound, track)
    return open_video(one.path, track)
