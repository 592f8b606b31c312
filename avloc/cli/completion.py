"""Shell completion of values: names of configurations, protocols, benchmarks, methods, and splits of a store."""

import glob
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer

from avloc import registry
from avloc.options import Parameter
from avloc.plain_json import plain_json

Complete = Callable[[typer.Context, str], list[str]]


def values_of(command: str, parameter: Parameter) -> Complete | None:
    """The completion of a parameter, None if the shell completes files or nothing."""
    names = NAMES.get(f"{command} {parameter.name}") or NAMES.get(parameter.name)
    if names is None:
        return None

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        return [name for name in names(ctx.params, incomplete) if name.startswith(incomplete)]

    return complete


def _configs(given: dict[str, Any], incomplete: str) -> list[str]:
    folders = [f"{path}/" for path in glob.glob(f"{glob.escape(incomplete)}*") if Path(path).is_dir()]
    return [*_shipped(given, incomplete), *sorted(glob.glob(f"{glob.escape(incomplete)}*.yaml")), *sorted(folders)]


def _shipped(given: dict[str, Any], incomplete: str) -> list[str]:
    from avloc.engine.shipped import configs_folder

    return sorted(path.stem for path in configs_folder().glob("*.yaml"))


def _protocols(given: dict[str, Any], incomplete: str) -> list[str]:
    from avloc.protocols import PROTOCOLS

    return [*PROTOCOLS, "all"]


def _benchmarks(given: dict[str, Any], incomplete: str) -> list[str]:
    from avloc.annotations import BENCHMARKS

    return list(BENCHMARKS)


def _benchmarks_or_own(given: dict[str, Any], incomplete: str) -> list[str]:
    return [*_benchmarks(given, incomplete), "own"]


def _methods(given: dict[str, Any], incomplete: str) -> list[str]:
    return registry.methods()


def _weights(given: dict[str, Any], incomplete: str) -> list[str]:
    from avloc.weights import FILES

    return list(FILES)


def _splits(given: dict[str, Any], incomplete: str) -> list[str]:
    store = given.get("store")
    try:
        return list(plain_json((Path(store) / "store.json").read_text(encoding="utf-8"))["splits"]) if store else []
    except (OSError, ValueError, KeyError, TypeError):
        return []  # no names from an unreadable store; the command reports the error


#: by the parameter's name, or by those of command and parameter
NAMES: dict[str, Callable[[dict[str, Any], str], Iterable[str]]] = {
    "config": _configs,
    "protocol": _protocols,
    "benchmark": _benchmarks,
    "prepare folder benchmark": _benchmarks_or_own,
    "prepare import benchmark": _benchmarks_or_own,
    "method": _methods,
    "split": _splits,
    "recipes name": _shipped,
    "benchmarks name": _benchmarks,
    "weights fetch name": _weights,
    "weights path name": _weights,
}
