"""Imports point down, methods stand apart, and what needs no torch loads none."""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import avloc

PACKAGE = Path(avloc.__file__).parent
GROUND = {
    "errors",
    "file_names",
    "files",
    "config",
    "kinds",
    "processes",
    "progress",
    "naming",
    "plain_json",
    "plain_yaml",
    "ranges",
    "room",
    "endings",
    "joins",
    "leftovers",
    "links",
    "locks",
    "tables",
    "temporaries",
    "walking",
}
LAYERS = ("ground", "parts", "methods", "engine", "verbs", "cli")
TORCHLESS = (
    "avloc.metrics", "avloc.protocols", "avloc.clustering", "avloc.annotations", "avloc.statistics", "avloc.synthetic",
    "avloc.data.clip", "avloc.data.store", "avloc.prepare",
    "avloc.predictions", "avloc.scoring", "avloc.standings", "avloc.baselines", "avloc.errors", "avloc.files", "avloc.config",
)  # fmt: skip


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def layer(module: str) -> str | None:
    """None for the package itself, which names everything and imports nothing."""
    parts = module.split(".")
    if parts[1:] in ([], ["__main__"]):
        return None
    return parts[1] if parts[1] in LAYERS else "ground" if parts[1] in GROUND else "parts"


def imports(module: str, path: Path) -> Iterator[tuple[int, str]]:
    """Line and name of everything of avloc that the module imports, inside functions and for types alike."""
    known = modules()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names if alias.name.split(".")[0] == "avloc")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are written in full"
            if node.module and node.module.split(".")[0] == "avloc":
                for alias in node.names:
                    whole = f"{node.module}.{alias.name}"
                    public = avloc._PLACES.get(alias.name, whole) if node.module == "avloc" else whole
                    yield node.lineno, public if public in known else node.module


def test_imports_point_down():
    found = []
    for module, path in modules().items():
        for line, name in imports(module, path):
            above, below = layer(module), layer(name)
            if above and below and LAYERS.index(below) > LAYERS.index(above):
                found.append(f"{path}:{line}: {above} imports {below} ({name})")
    assert not found, "\n".join(found)


def test_what_reads_a_store_imports_nothing_that_makes_one():
    found = [
        f"{path}:{line}: {name}"
        for module, path in modules().items()
        if module.startswith("avloc.data.")
        for line, name in imports(module, path)
        if name.startswith("avloc.prepare")
    ]
    assert not found, "\n".join(found)


def test_methods_never_import_one_another():
    found = []
    for module, path in modules().items():
        parts = module.split(".")
        if parts[1:2] != ["methods"] or len(parts) < 3:
            continue
        for line, name in imports(module, path):
            other = name.split(".")[1:3]
            if other[0] == "methods" and other != ["methods", "base"] and other != parts[1:3]:
                found.append(f"{path}:{line}: {parts[2]} imports {name}")
    assert not found, "\n".join(found)


def test_no_engine_or_verb_names_a_method():
    methods = {path.stem for path in (PACKAGE / "methods").iterdir()} - {"base", "__init__", "__pycache__"}
    found = [
        f"{path}:{line}: {name}"
        for module, path in modules().items()
        if layer(module) in ("engine", "verbs", "cli")
        for line, name in imports(module, path)
        if name.startswith("avloc.methods.") and name.split(".")[2] in methods
    ]
    assert not found, "\n".join(found)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    return set(found.stdout.split())


def test_what_needs_no_torch_loads_none():
    names = [name for name in modules() if name.startswith(TORCHLESS)]
    assert len(names) > 60
    loaded = loaded_by(
        "".join(f"import {name}\nif 'torch' in sys.modules: sys.exit('{name} imports torch')\n" for name in names)
    )
    assert "avloc.scoring.summary" in loaded and "torch" not in loaded


@pytest.mark.parametrize(
    "statement",
    [
        "import avloc",
        "import avloc.cli.app",
        "from typer.testing import CliRunner; from avloc.cli.app import app; CliRunner().invoke(app, ['--help'])",
    ],
)
def test_the_package_and_its_help_load_nothing_heavy(statement):
    heavy = {
        "torch",
        "torchvision",
        "numpy",
        "scipy",
        "sklearn",
        "librosa",
        "h5py",
        "cv2",
        "av",
        "matplotlib",
        "pydantic",
        "yaml",
    }
    assert not heavy & loaded_by(statement)


def test_every_public_name_is_there():
    for name in avloc.__all__:
        assert getattr(avloc, name) is not None
    assert set(avloc.__all__) == set(dir(avloc))
    with pytest.raises(AttributeError, match="no attribute 'evalute'"):
        _ = avloc.evalute


def test_no_public_name_is_a_module_of_the_package_too():
    """`avloc.NAME` would become the module as soon as anything imports it, and the function be lost."""
    assert [name for name in avloc._PLACES if importlib.util.find_spec(f"avloc.{name}")] == []


def test_few_files_are_longer_than_a_reading():
    long = {path.name: lines for path in modules().values() if (lines := len(path.read_text().splitlines())) > 250}
    assert len(long) <= 3 and max(long.values(), default=0) < 300, long
