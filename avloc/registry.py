"""Finds commands, data sets and methods by file name: a file in avloc/prepare is a data set, one in avloc/verbs a command.

They are listed without importing them, because the command line shows the list before one is selected.
"""

import ast
import importlib
import logging
import os
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType

from avloc.errors import ConfigError

log = logging.getLogger("avloc")

PACKAGE = Path(__file__).parent


def data_sets() -> dict[str, str]:
    """Module by the name of the data set, such as "music-synthetic": "avloc.prepare.music_synthetic"."""
    return {name.rstrip("_").replace("_", "-"): f"avloc.prepare.{name}" for name in _files("prepare")}


def verbs() -> dict[str, str]:
    """Module by the name of the verb, such as "train_stage1": "avloc.verbs.train_stage1"."""
    return {name: f"avloc.verbs.{name}" for name in _files("verbs")}


def methods() -> list[str]:
    """The names of the methods: each is a file or a folder in avloc/methods."""
    found = [name.removesuffix(".py") for name in sorted(os.listdir(PACKAGE / "methods")) if not name.startswith("_")]
    return [name for name in found if name != "base" and "." not in name]


def outside(name: str) -> ModuleType:
    """Any importable module by its dotted name, including those in the current folder.

    ConfigError if it does not exist or cannot be imported; with `--verbose` the whole traceback is logged.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise ConfigError(f"{name!r} is not the name of a module; expected one such as mypackage.mymodule")
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last, so that nothing here hides installed modules
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or f"{name}.".startswith(f"{error.name}."):
            raise ConfigError(
                f"{name}: no such module; expected a file {name.replace('.', '/')}.py in the current folder, or an installed "
                "one"
            ) from None
        raise _unimportable(name, error) from error
    except Exception as error:  # any exception of a user's module
        raise _unimportable(name, error) from error


def _unimportable(name: str, error: Exception) -> ConfigError:
    """Why a module cannot be imported, with the line that failed, in it or in what it imports."""
    if isinstance(error, SyntaxError) and error.filename:
        where = f"{error.filename}:{error.lineno}"
        why = error.msg
    else:
        steps = traceback.extract_tb(error.__traceback__)
        outside = [step for step in steps if not step.filename.startswith("<frozen") and step.filename != __file__]
        own = [step for step in outside if "importlib" not in step.filename]
        where = f"{own[-1].filename}:{own[-1].lineno}" if own else name
        why = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    log.info("%s cannot be imported", name, exc_info=error)
    said = f"{type(error).__name__}: {why}" if why else type(error).__name__
    return ConfigError(f"{name}: cannot be imported ({where}: {said}); fix the module")


def prepare_name(module: str) -> str:
    """The function of a data set's module: prepare_birds of mydata.birds, prepare_import of avloc.prepare.import_."""
    return f"prepare_{module.rpartition('.')[2].rstrip('_')}"


def _files(folder: str) -> list[str]:
    names = sorted(os.listdir(PACKAGE / folder))
    return [name[:-3] for name in names if name.endswith(".py") and not name.startswith("_")]


def docstring(module: str, function: str) -> str:
    """The docstring of a function in a module of avloc, read from the file without importing it.

    Only the text between the function's name and the end of its docstring is read: parsing whole files would make
    `avloc --help` too slow.
    """
    text = (PACKAGE.parent / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8")
    found = re.search(rf'^def {function}\(.*?\n    (r?"""(?:[^\\]|\\.)*?""")', text, re.M | re.S)
    return str(ast.literal_eval(found[1])) if found else ""


def title(module: str, function: str) -> str:
    """The first line of its docstring."""
    return docstring(module, function).strip().partition("\n")[0].rstrip(".")
