"""The configurations that come with avloc: in the wheel beside the code, in a checkout beside the package."""

import difflib
from pathlib import Path

import avloc
from avloc.errors import ConfigError


def configs_folder() -> Path:
    package = Path(avloc.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def config_path(config: Path) -> Path:
    """The file itself where there is one; else the shipped configuration of that name (``dsol_music``)."""
    if config.is_file() or config.parent != Path():
        return config
    shipped = configs_folder() / f"{config.name.removesuffix('.yaml')}.yaml"
    if shipped.exists():
        return shipped
    if config.is_dir():
        raise ConfigError(f"{config}: a folder; --config takes a YAML file, --run the folder of a run")
    known = sorted(path.stem for path in configs_folder().glob("*.yaml"))
    near = difflib.get_close_matches(config.stem, known, n=1)
    raise ConfigError(
        f"{config}: no such file, and no configuration of that name comes with avloc"
        + (f"; did you mean {near[0]!r}?" if near else "; `avloc recipes` lists them")
    )
