"""Commands with odd variables, closed and full streams, and folders that are gone: each succeeds or ends in a line.

pytest -m fuzz tests/fuzz/test_surroundings.py --examples 50000
"""

import json
import random
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.fuzz.made import Made
from tests.fuzz.started import Around, Starter

pytestmark = pytest.mark.fuzz
NIGHT = 10_000  # examples of a run that is not in a hurry
FEW = 24  # of another run
PATIENCE = 300  # s
IDS = ["é1", "b☃", "c\N{RIGHT-TO-LEFT OVERRIDE}"]
NOWHERE, FILE = "/proc/avloc", "/etc/hostname"

AROUND = {
    "ascii": Around(encoding="ascii"),
    "latin-1": Around(encoding="latin-1"),
    "stdin closed": Around(closed=(0,)),
    "stdout closed": Around(closed=(1,)),
    "stderr closed": Around(closed=(2,)),
    "all closed": Around(closed=(0, 1, 2)),
    "stdout full": Around(full=(1,)),
    "stderr full": Around(full=(2,)),
    "both full": Around(full=(1, 2)),
    "its folder is gone": Around(nowhere=True),
    "no home": Around({"HOME": None, "XDG_CACHE_HOME": None}),
    "an empty home": Around({"HOME": "", "XDG_CACHE_HOME": None}),
    "a home that cannot be": Around({"HOME": NOWHERE, "XDG_CACHE_HOME": None}),
    "a home that is a file": Around({"HOME": FILE, "XDG_CACHE_HOME": None}),
    "a relative home": Around({"HOME": "x", "XDG_CACHE_HOME": None}),
    "a cache that cannot be": Around({"XDG_CACHE_HOME": NOWHERE}),
    "a cache that is a file": Around({"XDG_CACHE_HOME": FILE}),
    "weights that cannot be": Around({"AVLOC_WEIGHTS": NOWHERE}),
    "weights that are a file": Around({"AVLOC_WEIGHTS": FILE}),
    "no temporary folder": Around({"TMPDIR": "/nonexistent"}),
    "a temporary folder that cannot be": Around({"TMPDIR": NOWHERE, "TEMP": NOWHERE, "TMP": NOWHERE}),
    "a temporary file": Around({"TMPDIR": FILE}),
    **{
        f"{columns!r} columns": Around({"COLUMNS": columns, "LINES": columns, "FORCE_COLOR": "1"})
        for columns in ("0", "1", "-5", "many", "1000000", "")
    },
    "colours on and off": Around({"NO_COLOR": "1", "FORCE_COLOR": "1", "TERM": "weird"}),
    "no terminal": Around({"TERM": None}),
    "odd numbers of threads": Around({"OMP_NUM_THREADS": "many", "MKL_NUM_THREADS": "-3"}),
    "nowhere in time": Around({"TZ": "Nowhere/Land"}),
    "no GPU of that name": Around({"CUDA_VISIBLE_DEVICES": "many"}),
    "no path": Around({"PATH": ""}),
}  # fmt: skip


def commands_of(made: Made, root: Path) -> dict[str, list[object]]:
    """Their words, with names that are not ASCII; what they write is in the folder `out`."""
    source, out = root / "source é", root / "out"
    if not root.exists():
        source.mkdir(parents=True)
        for number, path in enumerate(sorted((made.folder / "media").iterdir())):
            shutil.copy(path, source / f"film é{number}☃{path.suffix}")
        np.savez(root / "é.npz", ids=np.array(IDS), maps=np.random.default_rng(0).random((3, 8, 8)).astype(np.float32))
        clips = [
            {"id": name, "video": name, "boxes": [{"box": [0.1, 0.1, 0.5, 0.5], "label": "chién"}]} for name in IDS
        ]
        (root / "é.json").write_text(json.dumps({"name": "é", "boxes": "xyxy", "units": "fraction", "clips": clips}))
    film = next(path for path in source.iterdir() if path.suffix == ".mp4")
    small = ["--seconds", 1, "--size", 16, "--jobs", 1]
    return {
        "doctor": ["doctor"],
        "prepare synthetic": ["prepare", "synthetic", "--out", out / "world", "--videos", 12, "--jobs", 2],
        "prepare folder": ["prepare", "folder", "--source", source, "--out", out / "store", *small],
        "recipes": ["recipes"],
        "recipe": ["recipes", "dsol_music"],
        "info": ["info", made.store],
        "data check": ["data", "check", made.store],
        "data show": ["data", "show", made.store, "video_00012_0_1000/000", "--out", out / "show.png"],
        "score": ["evaluate", "--predictions", root / "é.npz", "--truth", root / "é.json", "--resamples", 5],
        "evaluate": ["evaluate", "--run", out / "run", "--resamples", 5, "--sets", "multi"],
        "train": ["train-stage1", "--config", made.config, "--run", out / "new"],
        "run": ["run", "--run", out / "run", "--no-figures"],
        "weights": ["weights", "list"],
        "weights fetch": ["weights", "fetch", "cnn14", "--from", made.folder / "checkpoints" / "theirs.pth"],
        "weights path": ["weights", "path", "yamnet"],
        "predict": ["predict", film, "--run", made.run, "--out", out / "predicted"],
        "leaderboard": ["leaderboard", made.run],
        "verify": ["verify", made.run],
        "benchmarks": ["benchmarks"],
        "help": ["--help"],
        "a mistake": ["evaluate", "--rum", "é"],
        "sweep": ["sweep", made.config, "--seeds", "0-1", "--out", out / "sweep", "--print"],
        "demo": ["demo", "--tiny", "--out", out / "demo", "--seed", "-1"],
    }


@pytest.fixture(scope="module")
def starter() -> Iterator[Starter]:
    found = Starter()
    yield found
    found.close()


def test_a_command_in_odd_surroundings_succeeds_or_ends_in_a_line(
    made, starter, tmp_path, pytestconfig, record_property
):
    examples, seed = pytestconfig.getoption("--examples"), pytestconfig.getoption("--fuzz-seed")
    commands, refused, findings = commands_of(made, tmp_path / "odd"), 0, []
    every = [(name, place) for name in commands for place in AROUND]
    chosen = every if examples > NIGHT else random.Random(seed).sample(every, FEW)
    for name, place in chosen:
        out, log = tmp_path / "odd" / "out", tmp_path / "said.log"
        out.mkdir()
        shutil.copytree(made.run, out / "run")
        log.write_bytes(b"")
        number = starter.start(commands[name], log, kept=out / "weights", around=AROUND[place])
        status = starter.wait(number, PATIENCE)
        wrong = refuse(status, log.read_bytes().decode("utf-8", "replace"), AROUND[place])
        if wrong:
            findings.append(f"{name} with {place}: {wrong}")
            print(findings[-1], flush=True)
        refused += status == 2
        shutil.rmtree(out)
    record_property("fuzz", f"{len(chosen)} commands, {refused} refused in a line, {len(findings)} findings")
    assert not findings, "\n".join(findings)


def refuse(status: int | None, said: str, around: Around) -> str | None:
    """What is wrong with how a command ended; None for nothing."""
    silent = 2 in (*around.closed, *around.full)
    lines = [line for line in re.sub(r"\x1b\[[?\d;]*[A-Za-z]", "", said).splitlines() if line.strip()]
    told = any(line.startswith("avloc: ") for line in lines[-1:])
    bad = ("Traceback", "Exception ignored", "Fatal Python", "a bug of avloc")
    if status not in (0, 1, 2) or (status == 2 and not told and not silent) or any(word in said for word in bad):
        return f"status {status}: {said[-1500:]}"
    return None
