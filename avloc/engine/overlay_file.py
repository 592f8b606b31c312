"""One input from start to end: its maps, then its video with the overlay, its JSON, table, stills and maps."""

import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from avloc.engine.found_files import Kept, kept, maps_file, marked, write_found_json, write_found_table
from avloc.engine.inputs import Input
from avloc.engine.moving_overlay import Between, Scale, write_overlay
from avloc.engine.overlaid import How, Overlaid, made_with, summary
from avloc.engine.spool import Spool
from avloc.engine.windows import Asked, Model, listening_of, moments
from avloc.errors import AvlocError
from avloc.files import replacing
from avloc.prepare.media.container import refuse_unreadable
from avloc.prepare.streams.source import Source, open_still, open_video
from avloc.prepare.streams.tape import SoundTape

#: frames done, frames of the video, and a description; a frame is first analysed and later drawn, and
#: each counts half
Tell = Callable[[int, int, str], None]
NAMED = 5  # classes of an input that its summary names


def overlay_one(model: Model, one: Input, out: Path, how: How, who: Mapping[str, Any], tell: Tell) -> Overlaid:
    """Write everything about one input below `out`; the JSON is written last and marks it as complete.

    MediaError if the input cannot be used; then none of its files are left.
    """
    for path in filter(None, (one.path, one.sound)):
        refuse_unreadable(path)
    made = made_with(one, how, who)
    place = {end: out / f"{one.name}{end}" for end in (".mp4", ".json", ".csv", ".h5", ".frames")}
    written: list[Path] = []
    listening = listening_of(model)
    with ExitStack() as stack, _all_or_none(written):
        source = stack.enter_context(_open(one, how.track))
        spool: Spool[Kept] = stack.enter_context(Spool())
        asked = Asked(how.every, how.quiet_below, source.size if how.masks else None)
        tape = SoundTape(source.sound(listening.rate), listening.rate)
        frames = max(round(source.seconds * float(source.frame_rate)), 1)
        scale = Scale()
        heard: Counter[str] = Counter()
        elsewhere = 0
        with ExitStack() as files:
            maps = None
            if how.maps:
                attributes = {"method": model.method, "source": str(one.path), "every": how.every}
                maps = files.enter_context(maps_file(place[".h5"], one.name, model.classes, attributes))
            for moment in moments(model, source, tape, asked):
                if maps is not None:
                    maps.add(moment)
                scale.add(moment)
                elsewhere += moment.sounding is False and not moment.silent
                spool.add(kept(moment))
                tell(int(frames * 0.5 * moment.time / source.seconds), frames, "computing heat maps")
        if how.maps:
            written.append(place[".h5"])
        tape.finish()
        quiet = tape.loudness.quiet(how.quiet_below, source.seconds)
        for item in spool:
            heard.update({box.name for box, _ in marked(item, scale) if box.sounding and box.name is not None})
        between = Between((item.moment for item in spool), scale, quiet)
        with _stills(place[".frames"] if how.frames else None, (item for item in _times(how, source))) as still:

            def seen(image: Any, time: float) -> None:
                still(image, time)
                tell(int(frames * (0.5 + 0.5 * time / source.seconds)), frames, "drawing")

            with replacing(place[".mp4"]) as temporary:
                drawn = write_overlay(temporary, source, between, how.overlay(), tape.loudness, quiet, tell=seen)
            written.append(place[".mp4"])
        if how.frames:
            written.append(place[".frames"])
        write_found_table(place[".csv"], iter(spool), scale)
        written.append(place[".csv"])
        about = {
            "source": str(one.path),
            "sound_file": None if one.sound is None else str(one.sound),
            "method": model.method,
            "model": who["model"],
            "seconds": round(source.seconds, 3),
            "size": list(source.size),
            "frame_rate": round(float(source.frame_rate), 3),
            "pictures": drawn.pictures,
            "broken_pictures": drawn.broken,
            "sound_tracks": source.tracks if source.has_sound else 0,
            "sound_copied": drawn.copied,
            "window": listening.seconds,
            "every": how.every,
            "classes": None if model.classes is None else list(model.classes),
            "scale": [round(edge, 6) for edge in scale.limits],
            "calibrated": getattr(model, "calibration", None) is not None,
            "quiet_below": how.quiet_below,
            "silent": [list(span) for span in quiet],
            "silent_seconds": round(sum(stop - start for start, stop in quiet), 3),
            "elsewhere_seconds": round(min(elsewhere * how.every, source.seconds), 3),
            "heard": {name: round(count / max(len(spool), 1), 4) for name, count in heard.most_common(NAMED)},
            "maps": len(spool),
            "written": [str(path.relative_to(out)) for path in written],
            "made_with": made,
        }
        write_found_json(place[".json"], about, iter(spool), scale)
    return summary(one, out, about)


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


def _open(one: Input, track: int | None) -> AbstractContextManager[Source]:
    if one.sound is not None:
        return open_still(one.path, one.sound, track)
    return open_video(one.path, track)


def _times(how: How, source: Source) -> list[float]:
    times: list[float] = np.arange(0, source.seconds, how.every).tolist()
    return times


@contextmanager
def _stills(folder: Path | None, times: Iterator[float]) -> Iterator[Callable[[Any, float], None]]:
    """A function that stores the pictures of some times as JPEG; the folder gets its name when all are there."""
    if folder is None:
        yield lambda image, time: None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    waiting = list(times)

    def keep(image: Any, time: float) -> None:
        while waiting and waiting[0] <= time + 1e-6:
            done, content = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            if done:
                (made / f"{waiting[0]:09.2f}.jpg").write_bytes(content.tobytes())
            waiting.pop(0)

    try:
        yield keep
        shutil.rmtree(folder, ignore_errors=True)
        os.chmod(made, 0o777 & ~_umask())
        os.replace(made, folder)
    except OSError as error:
        raise AvlocError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
