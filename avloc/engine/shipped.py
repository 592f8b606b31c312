"""The configurations that come with avloc: inside the package in a wheel, next to the package in a checkout."""

import difflib
import re
from pathlib import Path

import avloc
from avloc.errors import ConfigError


def configs_folder() -> Path:
    package = Path(avloc.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def config_path(config: Path) -> Path:
    """The file itself if it exists; else the shipped configuration of that name (``dsol_music``)."""
    if config.exists() and not config.is_dir():
        return config
    shipped = configs_folder() / f"{config.name.removesuffix('.yaml')}.yaml"
    if shipped.exists() and config.parent == Path():
        return shipped
    if config.is_dir():
        raise ConfigError(f"{config}: a folder; --config takes a YAML file, --run the folder of a run")
    if config.parent != Path():
        raise ConfigError(f"{config}: no such file; `avloc recipes` lists the configurations that come with avloc")
    known = sorted(path.stem for path in configs_folder().glob("*.yaml"))
    near = difflib.get_close_matches(config.stem, known, n=1)
    raise ConfigError(
        f"{config}: no such file, and no configuration of that name comes with avloc"
        + (f"; did you mean {near[0]!r}?" if near else "; `avloc recipes` lists them")
    )


def making_command(config: Path) -> str:
    """The command that makes the stores of a configuration, as its comments name it; "" if they do not."""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
    found = re.search(r"^#.*(?:Needs|the stores are those of) `(avloc (?:prepare|demo)\b[^`\n]*)`", text, re.MULTILINE)
    return found[1] if found else ""
