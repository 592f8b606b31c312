"""A user's files, folders, patterns and paths on stdin, as a list of inputs, each with a name."""

import glob
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from avloc.endings import STILLS, VIDEOS
from avloc.engine.earlier_results import is_result, refuse_overwriting, refuse_overwriting_page
from avloc.errors import AvlocError
from avloc.file_names import fitting
from avloc.naming import brief, printable, utf8_name
from avloc.prepare.parts.media_files import count_endings, passed_over
from avloc.walking import walk

LONGEST = 230  # bytes of a name; most file systems allow 255, and the mark of an unfinished input is 12 longer


@dataclass(frozen=True)
class Input:
    """path: a video, or a picture with its sound file. name: of the output files, relative to the output folder."""

    path: Path
    name: str
    sound: Path | None = None

    @property
    def files(self) -> list[Path]:
        return [self.path] if self.sound is None else [self.path, self.sound]


@dataclass
class Inputs:
    """passed: a text about files in the folders that are not videos; "" if there are none."""

    found: list[Input] = field(default_factory=list)
    passed: str = ""


def find_inputs(words: Sequence[str | Path], sound: Path | None, out: Path) -> Inputs:
    """words: files, folders, patterns with * ? [], or ``-`` for a path per line on stdin. out: the output folder.

    A file that is given twice counts once. In folders and patterns, results of earlier calls do not count. AvlocError if
    there are no inputs, or if a sound is given for anything but one picture.
    """
    places: dict[Path, str] = {}  # path -> name
    passed = _Passed(out)
    seen: set[Path] = set()
    for word in _spread(words, passed):
        path = Path(word)
        if path.is_dir():
            named = {place: os.path.splitext(place.relative_to(path))[0] for place in _videos_in(path, passed)}
        else:
            named = {path: path.stem if path.suffix else path.name}
        for place, name in named.items():
            if place.resolve() not in seen:
                seen.add(place.resolve())
                places[place] = name
    if not places and passed.results:
        shown = next((path for path in passed.results if path.suffix == ".mp4"), passed.results[0])
        raise AvlocError(
            f"{shown}: was written by `avloc predict`, and no other video was found; give other videos, or this file itself"
        )
    if not places:
        raise AvlocError("- was given, but stdin contains no paths; expected one path per line")
    pictures = [path for path in places if path.suffix.lower() in STILLS]
    if sound is not None and (len(places) > 1 or not pictures):
        other = next(path for path in places if len(places) > 1 or path not in pictures)
        raise AvlocError(f"--sound only works with one picture; found {brief(printable(other))}")
    if sound is None and pictures and len(places) == 1:
        raise AvlocError(f"{pictures[0]}: a picture; give its sound with --sound FILE")
    names = _told_apart(places)
    found = [Input(path, _output_name(names[path]), sound) for path in places]
    _refuse_overwriting(found, out)
    return Inputs(found, str(passed))


@dataclass
class _Passed:
    """What is no input. others: files that are not videos, by suffix. results: of earlier calls; their overlays are
    reported, except those in `out`.
    """

    out: Path
    others: Counter[str] = field(default_factory=Counter)
    results: list[Path] = field(default_factory=list)

    def without_results(self, paths: Sequence[str]) -> list[str]:
        """The paths without those of results of earlier calls."""
        kept = [path for path in paths if not is_result(Path(path))]
        self.results += map(Path, sorted(set(paths).difference(kept)))
        return kept

    def __str__(self) -> str:
        own = self.out.resolve()
        overlays = {path.resolve() for path in self.results if path.suffix == ".mp4"}
        count = sum(own not in path.parents for path in overlays)
        told = f"{count} overlay{'s' * (count != 1)} from earlier calls skipped" if count else ""
        return "; ".join(filter(None, (passed_over(self.others), told)))


def _spread(words: Sequence[str | Path], passed: _Passed) -> list[str]:
    """Patterns and stdin as paths."""
    found: list[str] = []
    for word in map(str, words):
        if not word:
            raise AvlocError("an empty word was given; expected a file, a folder or a pattern")
        if word == "-":
            lines = (line.rstrip("\r\n") for line in sys.stdin)
            found += [line for line in lines if line]
        elif not os.path.lexists(word) and glob.has_magic(word):
            matches = sorted(glob.glob(word, recursive=True))
            if not matches:
                raise AvlocError(f"{brief(printable(word))}: no file matches this pattern")
            found += passed.without_results(matches)
        else:
            found.append(word)
    return found


def _videos_in(folder: Path, passed: _Passed) -> list[Path]:
    """The videos in a folder and its subfolders."""
    there = [os.path.join(folder, where, name) for where, names in walk(folder) for name in names]
    files = passed.without_results(there)
    videos = [file for file in files if os.path.splitext(file)[1].lower() in VIDEOS]
    others = count_endings(set(files).difference(videos))
    if not videos and len(files) == len(there):
        raise AvlocError(
            f"{folder}: no videos in it ({passed_over(others) or 'it is empty'}); expected files such as .mp4, .mkv, .webm"
        )
    passed.others += others
    return [Path(file) for file in videos]


def _told_apart(places: dict[Path, str]) -> dict[Path, str]:
    """Files of the same name keep their suffix, and if that is equal too, the folders that distinguish them."""
    names = dict(places)
    for longer in (lambda path: f"{places[path]}{path.suffix}", _with_folders):
        often = Counter(name.casefold() for name in names.values())
        names = {path: longer(path) if often[name.casefold()] > 1 else name for path, name in names.items()}
    often = Counter(name.casefold() for name in names.values())
    counts: Counter[str] = Counter()
    for path, name in names.items():
        if often[name.casefold()] > 1:
            counts[name.casefold()] += 1
            names[path] = f"{name}-{counts[name.casefold()]}"
    return names


def _with_folders(path: Path) -> str:
    return "_".join([*[part for part in path.resolve().parent.parts[-2:] if part not in ("/", "\\")], path.name])


def _output_name(name: str) -> str:
    """The name as text, each folder and the name itself short enough for a file system and for our suffixes."""
    return "/".join(fitting(part, LONGEST) for part in utf8_name(name).split("/"))


def _refuse_overwriting(inputs: Sequence[Input], out: Path) -> None:
    """AvlocError if an output would replace an input, or anything but an earlier result of the same input."""
    refuse_overwriting_page(out)
    videos = {(out / f"{one.name}.mp4").resolve() for one in inputs}
    for one in inputs:
        if one.path.resolve() in videos:
            raise AvlocError(f"{out}: {one.path} itself would be overwritten; give another folder with --out")
    for one in inputs:
        refuse_overwriting(out, one.name, one.files)
