"""Further commands that write and are killed: other sources of stores, imported weights, sweeps, and kept weights."""

from collections.abc import Callable
from pathlib import Path

from avloc.prepare.music import prepare_music
from tests.data.making import make_music
from tests.engine.tiny import tiny_one_stage, write_config
from tests.fuzz.further import once
from tests.fuzz.made import Made
from tests.fuzz.sources import MAKERS_OF, words_for
from tests.methods.visual_context_file import write_visual_context

Words = Callable[[Path], list[object]]
PREPARED = ("ave", "vggsound", "soundnet-flickr", "audioset-instrument", "avatar", "avsbench")


def more_words(made: Made, place: Path) -> dict[str, Words]:
    """By name, the words of a command in a folder that is there and empty. place: for what they read."""
    found: dict[str, Words] = {
        f"prepare {name}": lambda at, name=name: words_for(name, _source(place, name), at / "store", jobs=1)
        for name in PREPARED
    }
    mosaics = ["--pool", "train=solo_training", "--count", "train=4", "--size", 16, "--jobs", 1]
    settings = tiny_one_stage(made.store, "hard_way")
    del settings["evaluate"]["multi"]
    config = write_config(place / "one.yaml", settings)
    grid = ["--grid", "stage1.train.lr=0.001", "--seeds", 3, "--jobs", 1]
    return found | {
        "prepare music-synthetic": lambda at: [
            "prepare", "music-synthetic", "--source", once(_music, place / "solos"), "--out", at / "store", *mosaics],
        "prepare synthetic": lambda at: ["prepare", "synthetic", "--out", at / "world", "--videos", 12, "--jobs", 1],
        "import-weights": lambda at: [
            "import-weights", "--method", "visual_context", "--stage", 1,
            "--from", once(write_visual_context, place / "theirs.pth"),
            "--run", at / "run"],
        "sweep": lambda at: ["sweep", config, "--out", at / "sweep", *grid],
        "weights fetch": lambda at: ["weights", "fetch", "cnn14", "--from", once(_network, place / "Cnn14.pth")],
    }  # fmt: skip


def _source(place: Path, name: str) -> Path:
    return once(MAKERS_OF[name], place / "sources" / name)


def _music(folder: Path) -> None:
    music = make_music(
        folder.with_name("solos-source"), {"solo_training": ["harp", "horn", "tuba", "viola"]}, seconds=1
    )
    prepare_music(music.root, folder, size=16, jobs=1)


def _network(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 4096)
