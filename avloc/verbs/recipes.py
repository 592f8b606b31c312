"""`avloc recipes`: what can be prepared, and the configurations that come with avloc."""

from dataclasses import dataclass, field
from pathlib import Path

from avloc.engine.shipped import config_path, configs_folder
from avloc.errors import AvlocError
from avloc.files import write_text


@dataclass(frozen=True)
class DataRecipe:
    """name: of `avloc prepare NAME`. title: what it makes."""

    name: str
    title: str


@dataclass(frozen=True)
class ConfigRecipe:
    """name: for --config. title: its first comment line. path: where the file is."""

    name: str
    method: str
    title: str
    path: Path


@dataclass(frozen=True)
class Recipes:
    data: list[DataRecipe] = field(default_factory=list)
    configs: list[ConfigRecipe] = field(default_factory=list)
    text: str | None = None
    copied: Path | None = None


DATA = [
    DataRecipe("synthetic", "the built-in world: mp4 files with sound and exact truth, in the layout of MUSIC"),
    DataRecipe("music", "MUSIC solo and duet videos (or the synthetic world) into a store of one-second clips"),
    DataRecipe("music-synthetic", "2x2 mosaics of a prepared music store: two of four objects sound"),
    DataRecipe(
        "audioset-instrument", "AudioSet-instrument, by coarse-to-fine's or DSOL's lists, into clips of a second"
    ),
    DataRecipe("soundnet-flickr", "SoundNet-Flickr, its lists and the boxes of its annotators"),
    DataRecipe("ave", "AVE: clips of a second with the class of the event; it has no boxes"),
    DataRecipe("vggsound", "VGGSound for training; VGG-SS, single, mixed, silent and instrument clips for testing"),
    DataRecipe("folder", "any folder of videos: the middle of each, or all of it"),
    DataRecipe("import", "data that was prepared for a published program"),
]


def recipes(name: str | None = None, copy: Path | None = None) -> Recipes:
    """List them all; or with `name` one configuration's text, written to the file `copy` if that is given.

    AvlocError for an unknown name and for a file that is already there.
    """
    if name is None and copy is not None:
        raise AvlocError(f"--copy {copy}: name the configuration to copy; `avloc recipes` lists them")
    if name is None:
        return Recipes(DATA, [_described(path) for path in sorted(configs_folder().glob("*.yaml"))])
    text = config_path(Path(name)).read_text(encoding="utf-8")
    if copy is None:
        return Recipes(text=text)
    copy = Path(copy)
    if copy.exists():
        raise AvlocError(f"{copy}: there is a file already; choose another name for the copy")
    write_text(copy, text)
    return Recipes(text=text, copied=copy)


def _described(path: Path) -> ConfigRecipe:
    from avloc.config import read_section

    first = path.read_text(encoding="utf-8").splitlines()[0]
    return ConfigRecipe(path.stem, str(read_section(path).values.get("method")), first.lstrip("# ").rstrip("; "), path)
