"""`avloc recipes`: data sets that can be prepared, and the configurations that come with avloc."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from avloc import registry
from avloc.engine.shipped import config_path, configs_folder
from avloc.errors import AvlocError
from avloc.files import read_text, write_text
from avloc.options import POSITIONAL, verb


@dataclass(frozen=True)
class DataRecipe:
    """name: of `avloc prepare NAME`. title: the first line of its help."""

    name: str
    title: str


@dataclass(frozen=True)
class ConfigRecipe:
    """name: for --config. title: its first comment line. path: the file."""

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


@verb
def recipes(
    name: Annotated[str | None, "configuration to print; default: list all", POSITIONAL] = None,
    copy: Annotated[
        Path | None, "write the configuration to this file instead of printing it, so that you can edit it"
    ] = None,
    resolved: Annotated[bool, "with all values, including defaults, as in a run's config.yaml"] = False,
) -> Recipes:
    """List the data sets that `prepare` can read and the configurations that come with avloc; print or copy one."""
    if name is None and resolved:
        raise AvlocError("--resolved: name the configuration to print; `avloc recipes` lists them")
    if name is None and copy is not None:
        raise AvlocError(f"--copy {copy}: name the configuration to copy; `avloc recipes` lists them")
    if name is None:
        return Recipes(_data(), [_described(path) for path in sorted(configs_folder().glob("*.yaml"))])
    path = config_path(Path(name))
    text = _resolved(path) if resolved else read_text(path)
    if copy is None:
        return Recipes(text=text)
    if copy.exists():
        raise AvlocError(f"{copy}: exists already; choose another name for the copy")
    write_text(copy, text)
    return Recipes(text=text, copied=copy)


def _resolved(path: Path) -> str:
    from avloc.config import dump
    from avloc.engine.experiment import read_experiment
    from avloc.engine.resolved import resolved

    return dump(resolved(read_experiment(path)))


def _described(path: Path) -> ConfigRecipe:
    from avloc.config import read_section

    first = path.read_text(encoding="utf-8").splitlines()[0]
    return ConfigRecipe(path.stem, str(read_section(path).values.get("method")), first.lstrip("# ").rstrip("; "), path)


def _data() -> list[DataRecipe]:
    """A line for each file of avloc/prepare, with the first line of its function's docstring."""
    found = registry.data_sets().items()
    return [DataRecipe(name, registry.title(module, registry.prepare_name(module))) for name, module in found]
