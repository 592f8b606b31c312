"""More of what is fuzzed: sources of other programs, every benchmark's files, shipped configurations, released weights, and
runs whose pieces come from one another."""

import json
import pickle
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import soundfile
import torch

from avloc.annotations import read_benchmark, read_own_truth
from avloc.engine.experiment import read_experiment
from avloc.engine.shipped import configs_folder
from avloc.registry import methods
from tests.annotations.test_mask_files import made as ms3
from tests.annotations.test_masks_beside_boxes import avatar_frame, avss, disc
from tests.annotations.test_readers import LAYOUTS
from tests.commands import invoke
from tests.data.making import make_video, tone, write_image
from tests.fuzz import damage
from tests.fuzz.made import Made
from tests.fuzz.reading import Input, anew, command, same
from tests.prepare.test_prepare_import import make_lmdb
from tests.prepare.test_prepare_import_spectrograms import make_dsol, make_files
from tests.prepare.test_webdataset import make as makeexported


def once(make: Callable[[Path], Any], folder: Path) -> Path:
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make(folder)
    return folder


def foreign(made: Made) -> Iterator[Input]:
    """What `avloc prepare import` reads: items fail or are kept, and hostile HDF5 or LMDB costs no more than that."""
    root = made.folder / "foreign"
    sources = {
        "coarse-to-fine": once(make_files, root / "c2f"),
        "dsol": once(make_dsol, root / "dsol"),
        "visual-context": once(make_lmdb, root / "lmdb"),
        "webdataset": once(exported, root / "tar"),
    }
    for layout, source in sources.items():
        out = root / "store"
        words = ("prepare", "import", "--layout", layout, "--source", source, "--out", out, "--size", 32, "--jobs", 1)
        words = (*words, "--timeout", 5)
        kinds = {path.suffix: path for path in sorted(source.rglob("*")) if path.is_file() and path.suffix != ".lock"}
        for path in kinds.values():
            way = {".json": damage.json_of, ".txt": damage.text_of}.get(path.suffix, damage.bytes_of)
            yield Input(path, way, partial(anew, out, words))


def exported(folder: Path) -> None:
    store = folder.parent / "exported-store"
    makeexported(store)
    found = invoke("data", "export", store, "--out", folder)
    assert found.exit_code == 0, found.stderr


def kinds(made: Made) -> Iterator[Input]:
    """Recordings of other kinds: films by container, and a picture with the sound of its name."""
    root = made.folder / "kinds"
    for ending in ("avi", "mov", "ts", "flv", "webm"):
        folder = once(lambda at, ending=ending: _film(at, ending), root / ending)
        yield from (_prepared(path, root / "store") for path in folder.iterdir())
    for picture, sound in (("jpg", "wav"), ("png", "flac"), ("bmp", "ogg"), ("webp", "mp3")):
        folder = once(lambda at, one=picture, other=sound: _pair(at, one, other), root / f"{picture} {sound}")
        yield from (_prepared(path, root / "store") for path in sorted(folder.iterdir()))


def _film(folder: Path, ending: str) -> None:
    make_video(folder / f"film.{ending}", 15, sound=tone(1.5, rate=48_000), sound_rate=48_000)


def _pair(folder: Path, picture: str, sound: str) -> None:
    folder.mkdir()
    cv2.imwrite(str(folder / f"a.{picture}"), np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8))
    soundfile.write(folder / f"a.{sound}", tone(1.5)[0], 22_050)


def _prepared(path: Path, out: Path) -> Input:
    words = ("prepare", "folder", "--source", path.parent, "--out", out, "--seconds", 1, "--size", 16)
    return Input(path, damage.bytes_of, partial(anew, out, (*words, "--jobs", 1, "--timeout", 10)))


def predicted(made: Made) -> Iterator[Input]:
    """`avloc predict` on a film, and on a picture with its sound."""
    film, folder = made.folder / "predicted" / "film.mp4", made.folder / "predicted" / "pair"
    once(lambda at: make_video(at, 15, sound=tone(1.5)), film)
    once(lambda at: _pair(at, "jpg", "wav"), folder)
    out = made.folder / "predicted" / "out"
    words = ("--run", made.run, "--out", out)
    yield Input(film, damage.bytes_of, partial(anew, out, ("predict", film, *words)))
    for path in sorted(folder.iterdir()):
        one = ("predict", folder / "a.jpg", "--sound", folder / "a.wav", *words)
        yield Input(path, damage.bytes_of, partial(anew, out, one))


def benchmarks(made: Made) -> Iterator[Input]:
    """A file of every benchmark, by the reader of its name."""
    root = made.folder / "benchmarks"
    for file, (name, value) in LAYOUTS.items():
        once(partial(_dump, value), root / "json" / file)
        reader = partial(read_own_truth) if name == "own" else partial(read_benchmark, name)
        yield Input(root / "json" / file, damage.json_of, partial(reader, root / "json" / file))
    folders = {
        "is3": _is3, "avss": _avss, "avatar": _avatar, "avsbench-ms3": ms3, "dsol-synthetic": _boxes,
        "vggsound-instruments-multi": _instruments, "vggsound-instruments": _pickled,
    }  # fmt: skip
    ways = {".json": damage.json_of, ".csv": damage.text_of}
    for name, make in folders.items():
        folder = once(lambda path, make=make: (path.mkdir(), make(path)), root / name)
        for path in {path.suffix: path for path in sorted(folder.rglob("*")) if path.is_file()}.values():
            yield Input(path, ways.get(path.suffix, damage.bytes_of), partial(read_benchmark, name, folder))


def _dump(value: Any, path: Path) -> None:
    path.write_text(json.dumps(value))


def _is3(root: Path) -> None:
    rows = [["/x/dog_cat_1_dog.jpg", "a.wav", 0, 0, 112, 112], ["/x/dog_cat_1_cat.jpg", "b.wav", 112, 112, 224, 224]]
    _dump(rows, root / "synthetic3240_bbox.json")
    for name in ("dog_cat_1_dog", "dog_cat_1_cat"):
        write_image(root / "gt_masks" / f"{name}.jpg", disc(56, 56))


def _avss(root: Path) -> None:
    avss(root)


def _avatar(root: Path) -> None:
    folder = root / "metadata" / "abcdefghijk_00010"
    folder.mkdir(parents=True)
    for number in range(2):
        thing = ("Single-Sound", [1, 1, 4, 3], [[1.9, 1.2, 5.9, 1.7, 3.1, 4.8]])
        (folder / f"{number:05d}.json").write_text(avatar_frame(thing))


def _boxes(root: Path) -> None:
    (root / "box").mkdir()
    np.save(root / "box" / "s1.npy", np.array([[0, 0, 0.5, 0.5, 3], [0.5, 0.5, 0.5, 0.5, 12]]))


def _instruments(root: Path) -> None:
    (root / "vgginstruments_multi_test.csv").write_text("sample0,flute,sample1,violin\n")
    np.savez(root / "masks.npz", ids=["sample0", "sample1"], masks=np.stack([np.eye(8), np.ones((8, 8))]))


def _pickled(root: Path) -> None:
    (root / "vgginstruments_test.csv").write_text("sample0,flute\n")
    (root / "anno").mkdir()
    mask = np.zeros((88, 160), np.uint8)
    mask[:44, :80] = 255
    (root / "anno" / "sample0.pkl").write_bytes(pickle.dumps(mask, protocol=2))


def shipped(made: Made) -> Iterator[Input]:
    """The configurations that come with avloc, each damaged."""
    for path in sorted(configs_folder().glob("*.yaml")):
        copy = made.folder / "shipped" / path.name
        once(partial(shutil.copy, path), copy)
        yield Input(copy, damage.text_of, partial(read_experiment, copy))


def released(made: Made) -> Iterator[Input]:
    """Checkpoints of other programs for every method: what is not the authors' file is refused in a line."""
    root = made.folder / "released"
    root.mkdir(exist_ok=True)
    weights = {"module.imgnet.conv1.weight": torch.ones(4, 3, 2, 2), "audnet.fc.bias": torch.zeros(3), "epoch": 3}
    once(lambda path: torch.save({"model_state_dict": weights, "args": {"x": 1}}, path), root / "theirs.pth")
    for method in methods():
        words = ("import-weights", "--method", method, "--from", root / "theirs.pth", "--run", root / "new")
        yield Input(root / "theirs.pth", damage.bytes_of, partial(anew, root / "new", words), taken=False)


def swapped(made: Made) -> Iterator[Input]:
    """A file of a run gives way to the same file of another run, or of its other stage: refused, or worth the same."""
    root = made.folder / "swapped"
    once(partial(shutil.copytree, made.run), root)
    other = once(partial(_other_run, made), made.folder / "other")
    pieces = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".md"]
    commands = (
        ("evaluate", "--run", root, "--resamples", 0, "--sets", "multi"),
        ("verify", root),
        ("info", root),
        ("train-stage2", "--run", root),
    )
    expected = _in_copy(made.run, root, commands[0])
    for piece in (one for one in pieces if (other / one).is_file()):
        for words in commands:
            strange = (other / piece).read_bytes()
            read = partial(_in_copy, made.run, root, words)
            judged = words[0] == "evaluate" and piece.parts[0] != "results"
            whole = same(expected) if judged else lambda found: None
            yield Input(root / piece, lambda _, __, strange=strange: strange, read, whole, taken=False)


def _other_run(made: Made, folder: Path) -> None:
    """A training of the same configuration from another seed."""
    for words in (
        ("train-stage1", "--config", made.config, "--run", folder, "--set", "seed=7"),
        ("cluster", "--run", folder), ("match-clusters", "--run", folder), ("train-stage2", "--run", folder),
        ("evaluate", "--run", folder, "--resamples", 20, "--set", "evaluate.multi.frames=first", "--sets", "multi"),
    ):  # fmt: skip
        found = invoke(*words)
        if found.exit_code:
            raise AssertionError(f"{words}: {found.stderr}")


def _metrics(run: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text())["metrics"] for path in sorted((run / "results").glob("*.json"))}


def _in_copy(whole: Path, root: Path, words: tuple[object, ...]) -> dict[str, Any]:
    """The results after the command; afterwards the run is as it was, but for the file that the caller changes."""
    try:
        command(*words)
        return _metrics(root)
    finally:
        for path in sorted(root.rglob("*"), reverse=True):
            mine = whole / path.relative_to(root)
            if path.is_file() and not mine.exists():
                path.unlink()
        shutil.copytree(whole, root, dirs_exist_ok=True)
