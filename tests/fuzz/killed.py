"""Commands that write, what they need, and what they leave: the same whether or not something interrupted them."""

import hashlib
import json
import random
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.predictions import read_predictions
from tests.commands import shown
from tests.data.making import make_music
from tests.engine.tiny import tiny_config, write_config
from tests.fuzz.further import exported, once
from tests.fuzz.killed_too import more_words
from tests.fuzz.made import Made
from tests.fuzz.reading import equal
from tests.fuzz.started import Starter
from tests.prepare.composing import COUNTS, make_world

#: what stays beside a store or run on purpose, empty or of whoever holds it
LOCKS = (".lock",)
PATIENCE = 300  # s that a command may take
LARGE = 4 << 20  # bytes of a file, of which only the checksum is kept


@dataclass(frozen=True)
class Killed:
    """words: the command in a folder. begin: makes the folder with what the command needs there."""

    words: Callable[[Path], list[object]]
    begin: Callable[[Path], object]


#: two runs within one second have the same
DATE = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00")


def content(folder: Path) -> dict[str, Any]:
    """What the files of a folder hold, without times and the place where they lie."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if path.name in LOCKS or path.suffix == ".log":  # what a command printed, and when
            continue
        if path.name.startswith("."):
            found[name] = "left behind"
        elif path.suffix == ".h5" and path.parent.name != "shards":
            found[name] = {key: value for key, value in vars(read_predictions(path)).items() if key != "attributes"}
        elif path.name == "log.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{key: value for key, value in line.items() if key != "seconds"} for line in lines]
        elif path.parent.name == "results":
            found[name] = json.loads(path.read_text())["metrics"]
        elif path.stat().st_size > LARGE:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = DATE.sub(b"DATE", path.read_bytes().replace(str(folder).encode(), b"FOLDER"))
    return found


def commands_of(made: Made, place: Path) -> dict[str, Killed]:
    """By name. place: for what they read and is not yet made."""
    config = write_config(place / "config.yaml", tiny_config(made.store))
    world = make_world(place / "world")
    music = make_music(place / "music", {"solo_training": ["harp", "horn"], "solo_testing": ["tuba"]}).root
    tar = once(exported, place / "tar")
    for number in (1, 2):
        _prepared_folder(made, place / f"part{number}", "--shard", f"{number}/2")

    def empty(folder: Path) -> None:
        folder.mkdir()

    def run_without(*left_out: str) -> Callable[[Path], object]:
        return lambda folder: shutil.copytree(made.run, folder, ignore=shutil.ignore_patterns(*left_out))

    def with_store(folder: Path) -> None:
        shutil.copytree(made.store, folder / "store")

    few = [word for one in COUNTS for word in ("--count", one)]
    small = ["--size", 16, "--jobs", 1]
    later = ("stage2", "predictions", "results", "card.md", "figures", "report", "calibration.json")
    maps = [
        "--predictions",
        made.folder / "maps" / "maps.npz",
        "--truth",
        made.folder / "annotations" / "own" / "own.json",
    ]
    return {
        "prepare folder": Killed(lambda at: _folder_words(made, at / "store"), empty),
        "prepare import": Killed(
            lambda at: ["prepare", "import", "--layout", "folder", "--source", made.folder / "listed", "--out", at / "store",
                        "--seconds", 1, *small], empty),
        "prepare webdataset": Killed(
            lambda at: ["prepare", "import", "--layout", "webdataset", "--source", tar, "--out", at / "store", "--jobs", 1],
            empty),
        "prepare music": Killed(lambda at: ["prepare", "music", "--source", music, "--out", at / "store", *small], empty),
        "prepare compose": Killed(
            lambda at: ["prepare", "compose", "--pictures", world["pictures"], "--sounds", world["sounds"], "--out",
                        at / "store", "--size", 32, "--rate", 8000, "--seconds", 1, "--min", 2, "--jobs", 1, *few], empty),
        "data merge": Killed(
            lambda at: ["data", "merge", place / "part1", place / "part2", "--out", at / "store"], empty),
        "data export": Killed(
            lambda at: ["data", "export", made.stores["jpeg hdf5"], "--out", at / "tar", "--clips", 2], empty),
        "pseudo-labels": Killed(
            lambda at: ["pseudo-labels", "--store", at / "store", "--split", "test", "--name", "told", "--tags"], with_store),
        "train-stage1": Killed(lambda at: ["train-stage1", "--config", config, "--run", at], lambda at: None),
        "train-stage2": Killed(lambda at: ["train-stage2", "--run", at], run_without(*later)),
        "cluster": Killed(
            lambda at: ["cluster", "--run", at], run_without(*later, "clusters.npz", "matching.json")),
        "match-clusters": Killed(lambda at: ["match-clusters", "--run", at], run_without(*later, "matching.json")),
        "calibrate": Killed(lambda at: ["calibrate", "--run", at, "--clips", 6], run_without("calibration.json")),
        "evaluate": Killed(
            lambda at: ["evaluate", "--run", at, "--resamples", 20, "--sets", "solo"], run_without("predictions", "results")),
        "visualize": Killed(
            lambda at: ["visualize", "--run", at, "--sets", "multi", "--clips", 2], run_without("report", "figures")),
        "export": Killed(lambda at: ["export", "--run", at, "--format", "safetensors"], run_without()),
        "card": Killed(lambda at: ["card", "--run", at], run_without("card.md")),
        "predict": Killed(
            lambda at: ["predict", made.folder / "media" / "film.mp4", "--run", made.run, "--out", at / "found"], empty),
        "evaluate --predictions": Killed(
            lambda at: ["evaluate", *maps, "--out", at / "result.json", "--resamples", 200], empty),
        "run": Killed(lambda at: ["run", config, "--run", at, "--no-figures"], lambda at: None),
        **{name: Killed(words, empty) for name, words in more_words(made, place).items()},
    }  # fmt: skip


def _folder_words(made: Made, out: Path) -> list[object]:
    media = made.folder / "media"
    return ["prepare", "folder", "--source", media, "--out", out, "--seconds", 1, "--size", 16, "--every", "--jobs", 1]


def _prepared_folder(made: Made, out: Path, *more: object) -> None:
    shown(*_folder_words(made, out), *more)


@dataclass(frozen=True)
class Whole:
    """What a command leaves that nothing interrupted. same: names of files that are the same each time; others hold times."""

    found: dict[str, Any]
    same: set[str]
    seconds: float


class Commands:
    """The commands by name, and what they leave; those that fail without any trouble are not tried again."""

    def __init__(self, made: Made, place: Path) -> None:
        self.place, self.starter = place, Starter()
        self.named = commands_of(made, place)
        self._known: dict[str, Whole] = {}

    def in_turn(self, chance: random.Random, but: Collection[str] = ()) -> Iterator[tuple[int, str]]:
        """(number, name), over and over, of commands that end well when nothing happens."""
        names = [name for name in self.named if name not in but]
        chance.shuffle(names)
        number = 0
        while self.named:
            for name in names:
                if name in self.named:
                    yield number, name
                    number += 1

    def folder(self, name: str) -> Path:
        """A place to run a command in, as deep as all others: runs keep relative paths."""
        (self.place / name).mkdir(exist_ok=True)
        return self.place / name / "in"

    def start(self, name: str, folder: Path, log: Path | None = None, **how: Any) -> int:
        return self._started(self.named[name], folder, log, **how)

    def _started(self, one: Killed, folder: Path, log: Path | None = None, **how: Any) -> int:
        kept = folder / "kept" if "fetch" in one.words(folder) else None
        return self.starter.start(one.words(folder), log or folder.with_suffix(".log"), kept=kept, **how)

    def _complete(self, one: Killed, folder: Path) -> float:
        """Run the command to its end, which must be a success; the seconds that took."""
        began, log = time.monotonic(), folder.with_suffix(".log")
        status = self.starter.wait(self._started(one, folder), PATIENCE)
        assert status == 0, f"status {status}: {one.words(folder)}\n{log.read_text()[-2000:]}"
        return time.monotonic() - began

    def whole(self, name: str) -> Whole:
        if name not in self._known:
            one, found = self.named.pop(name), []
            for number in range(2):
                folder = self.folder(f"whole {name} {number}")
                one.begin(folder)
                took = self._complete(one, folder)
                found.append(content(folder))
                shutil.rmtree(folder)
            assert found[0].keys() == found[1].keys()
            same = {key for key in found[0] if equal(found[0][key], found[1][key])}
            self._known[name], self.named[name] = Whole(found[0], same, took), one
        return self._known[name]

    def disturbed(self, name: str, folder: Path, told: list[str], disturb: Callable[[Path], None]) -> str | None:
        """Run a command in a new folder, disturb it, and run it to its end; None if it ends as if nothing had happened.

        disturb: runs the command in the folder, and adds to `told` what it did. Otherwise what was told and what is wrong.
        """
        try:
            self.whole(name)
            self.named[name].begin(folder)
            disturb(folder)
            self.refuse_other(name, folder)
        except (AssertionError, OSError) as error:
            failure = f"{', '.join(told)}: {error}"
            print(failure, flush=True)
            return failure
        finally:
            shutil.rmtree(folder.parent, ignore_errors=True)
        return None

    def refuse_other(self, name: str, folder: Path) -> None:
        """After whatever happened, the command ends as if nothing had; AssertionError otherwise."""
        written = [path for path in folder.rglob("*.safetensors") if not path.name.startswith(".")]  # no temporary ones
        if name != "import-weights" or not written:  # which writes over no weights
            self._complete(self.named[name], folder)
        whole, found = self.whole(name), content(folder)
        assert found.keys() == whole.found.keys(), sorted(found.keys() ^ whole.found.keys())
        different = [key for key in sorted(whole.same) if not equal(found[key], whole.found[key])]
        assert not different, different
