"""What README and docs say of settings holds: keys, values and configurations, names in the code, and which pages there are."""

import importlib
import inspect
import itertools
import re
import textwrap
import types
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_docs import CONFIGS, PAGES, ROOT, commands, described, name_of

from avloc.annotations import BENCHMARKS
from avloc.config import Section, check
from avloc.engine.experiment import load_method, method_names, read_experiment
from avloc.engine.method_modules import published_of
from avloc.engine.sections import SECTIONS
from avloc.engine.settings import ClusterSettings, Data, Inference, Start
from avloc.engine.settings import TestSet as Scored
from avloc.errors import ConfigError
from avloc.methods.base import Train
from avloc.protocols import PROTOCOLS

FIXED = {
    "data": Data,
    "train": Train,
    "cluster": ClusterSettings,
    "start": Start,
    "inference": Inference,
    "evaluate": Scored,
}
PLACEHOLDER = re.compile(r"^[A-Z/.]+$|^FILE\b|^DIR\b")
TOP = ("stage1", "stage2", "stageN", "model", *FIXED)


def spans(page: Path) -> list[str]:
    """What stands in `code` of a page, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S))


def methods_of(page: Path) -> list[str]:
    """The method whose page it is; of other pages all methods."""
    return [page.stem] if page.stem in method_names() else method_names()


def unfolded(name: str) -> list[str]:
    """``a_{b,c}_{d,e}`` as a shell has it."""
    parts = [part.split(",") if part.startswith("{") else [part] for part in re.split(r"(?={)|(?<=})", name)]
    return ["".join(piece.strip("{}") for piece in pieces) for pieces in itertools.product(*parts)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_name_that_looks_like_a_configuration_is_one(page):
    methods = "|".join(method_names())
    named = {one for span in spans(page) for one in unfolded(span.removesuffix(".yaml"))}
    named = {one for one in named if re.fullmatch(rf"({methods})_\w+", one)}
    known = CONFIGS | set(method_names())
    assert named <= known, f"{name_of(page)}: {sorted(named - known)}"


def values_of(rest: list[str], *options: str) -> list[str]:
    return [rest[place + 1] for place, word in enumerate(rest[:-1]) if word in options]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_configuration_and_setting_of_a_command_is_taken(page):
    """--config NAME is shipped, and each --set is checked against it, or against some configuration of the page's methods."""
    for line, command, rest in described(page):
        configs = [name for name in values_of(rest, "--config") if not name.endswith(".yaml") and name.islower()]
        if command.name == "recipes" and rest and not rest[0].startswith("-"):
            configs.append(rest[0])
        assert set(configs) <= CONFIGS, f"{name_of(page)}: avloc {line}"
        sets = values_of(rest, "--set")
        if not sets or "=" not in sets[0]:
            continue
        tried = values_of(rest, "--method") or methods_of(page)
        known = configs or [name for name in sorted(CONFIGS) if any(name.startswith(method) for method in tried)]
        assert any(accepts(name, tuple(sets)) for name in known), (
            f"{name_of(page)}: avloc {line}: no configuration takes it"
        )


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_setting_named_alone_is_taken_by_a_configuration(page):
    found = [line for span in spans(page) for line in re.findall(r"^--set '?([\w.]+=[^']+)'?$", span)]
    for line in (line for line in found if line != "KEY=VALUE"):
        assert any(accepts(name, tuple(line.split(" --set "))) for name in sorted(CONFIGS)), (
            f"{name_of(page)}: --set {line}"
        )


@cache
def accepts(config: str, sets: tuple[str, ...]) -> bool:
    try:
        read_experiment(ROOT / "configs" / f"{config}.yaml", sets)
    except ConfigError:
        return False
    return True


CHOICES = {
    "--protocol": {*PROTOCOLS, "all"},
    "--benchmark": set(BENCHMARKS),
    "--layout": {"folder", "sspl", "visual-context", "dsol", "coarse-to-fine", "webdataset"},
    "--release": {"coarse-to-fine", "dsol"},
    "--store": {"hdf5", "lmdb"},
}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_protocol_benchmark_layout_and_axis_of_a_command_is_known(page):
    for line, command, rest in described(page):
        for option, known in CHOICES.items():
            kind = command.name if hasattr(command, "name") else ""
            if option == "--store" and kind in ("predict", "pseudo-labels"):
                continue  # a folder
            given = {value for value in values_of(rest, option) if not PLACEHOLDER.match(value)}
            if option == "--protocol":
                given = {
                    value for value in given if ":" not in value
                }  # a rule of your own, which test_docs_scoring runs
            assert given <= known, f"{name_of(page)}: avloc {line}"
    text = page.read_text(encoding="utf-8")
    for name, value in re.findall(r"--axis ([a-z_]+)=([\w.-]+)", text):
        PROTOCOLS["avloc"].with_axes(**{name: value})  # refuses what it does not know


def parameters(target: Any) -> dict[str, Any]:
    """Name -> annotation of what a constructor takes."""
    found = inspect.signature(target, eval_str=True).parameters
    return {name: parameter.annotation for name, parameter in found.items()}


def classes_in(annotation: Any) -> Iterator[Any]:
    """The settings classes of an annotation such as ``Backbone | None``."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for one in typing.get_args(annotation):
            yield from classes_in(one)
    elif inspect.isclass(annotation) and annotation.__module__.startswith("avloc."):
        yield annotation


def takes(targets: list[Any], keys: list[str]) -> bool:
    """Whether some of the classes take the dotted key."""
    for target in targets:
        known = parameters(target)
        if keys[0] in known and (len(keys) == 1 or takes(list(classes_in(known[keys[0]])), keys[1:])):
            return True
    return False


def below(section: str, page: Path) -> list[Any]:
    """The classes that read a section."""
    stages = [stage for method in methods_of(page) for stage in load_method(method).STAGES]
    return stages if section == "model" else [FIXED[section]]


def known_key(text: str, page: Path) -> bool:
    keys = text.split(".")
    if re.fullmatch(r"stage[12N]", keys[0]):
        keys = keys[1:]
    if keys[:1] == ["evaluate"]:
        keys = [keys[0], *keys[2:]]  # the name of a test set
    return len(keys) == 1 or takes(below(keys[0], page), keys[1:])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_dotted_key_is_a_setting(page):
    for span in spans(page):
        key = re.match(rf"((?:{'|'.join(TOP)})(?:\.\w+)+)(?:: .*|=.*)?$", span)
        if key and not re.search(r"\.(json|jsonl|npz|csv|txt|h5|yaml|html|safetensors|pth)$", key[1]):
            assert known_key(key[1], page), f"{name_of(page)}: {span}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.stem in method_names()], ids=name_of)
def test_every_key_with_a_value_on_a_methods_page_is_one_of_its_settings(page):
    stages = list(load_method(page.stem).STAGES)
    parts = [part for stage in stages for annotation in parameters(stage).values() for part in classes_in(annotation)]
    known = {name for target in [*stages, *parts, *FIXED.values()] for name in parameters(target)}
    for span in spans(page):
        key = re.match(r"([a-z_]+): ", span)
        if key and key[1] not in {*SECTIONS, *TOP, "loss_names"}:  # of which the last is the published one
            assert key[1] in known, f"{name_of(page)}: {span}"


def blocks(page: Path, language: str) -> list[str]:
    return [
        textwrap.dedent(block)
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    ]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "yaml")], ids=name_of)
def test_every_piece_of_a_configuration_is_taken(page):
    for block in blocks(page, "yaml"):
        values = yaml.safe_load(block)
        if set(values) <= set(SECTIONS):
            stages = [section for name, section in values.items() if name.startswith("stage")]
            found = [("data", stage["data"]) for stage in stages] + [
                ("train", stage.get("train", {})) for stage in stages
            ]
            found += [("evaluate", test) for test in values.get("evaluate", {}).values()]
        else:
            found = [("evaluate", test) for test in values.values()]
        for section, given in found:
            problems: list[str] = []
            check(Section(name_of(page), given), FIXED[section], problems)
            assert not problems
            assert given.get("protocol", "avloc") in PROTOCOLS


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_dotted_name_of_the_package_can_be_imported(page):
    for span in spans(page):
        name = re.match(r"(avloc(?:\.[A-Za-z_]\w*)+)(?:\(.*)?$", span)
        if name and not name[1].endswith((".x", ".h5", ".json")):
            assert imported(name[1]) is not None, f"{name_of(page)}: {span}"


def imported(name: str) -> Any:
    module, found = name, None
    while module:
        try:
            found = importlib.import_module(module)
            break
        except ModuleNotFoundError:
            module = module.rpartition(".")[0]
    for part in name[len(module) + 1 :].split("."):
        found = getattr(found, part, None) if part else found
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_script_named_is_there(page):
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"\b((?:tests|docs|configs)/[\w/]+\.(?:py|md|yaml|png))\b", text):
        assert (ROOT / path).exists(), f"{name_of(page)}: {path}"
    for module in re.findall(r"python -m (tests[\w.]+)", text):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), f"{name_of(page)}: {module}"


def links(page: Path) -> set[Path]:
    targets = re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return {(page.parent / target).resolve() for target in targets if not re.match(r"[a-z]+:", target)}


def test_every_page_is_reached_from_the_readme():
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop().resolve()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            waiting += links(page)
    missing = [name_of(page) for page in PAGES if page.resolve() not in seen]
    assert not missing


def test_every_configuration_is_named_in_the_docs():
    named = {one for page in PAGES for span in spans(page) for one in unfolded(span.removesuffix(".yaml"))}
    assert not CONFIGS - named


def rows_of(page: str) -> dict[str, list[str]]:
    """First cell, a link, -> the other cells of the page's tables."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = [line.strip("|").split("|") for line in text.splitlines() if re.match(r"\| \[", line)]
    cells = [[cell.strip() for cell in row] for row in found]
    return {re.sub(r"\[`?([\w-]+)`?\].*", r"\1", row[0]): row[1:] for row in cells}


def test_the_list_of_protocols_is_the_codes():
    listed = rows_of("protocols/index.md")
    assert set(listed) == set(PROTOCOLS)
    for name, (resize, normalise, mask, reports) in listed.items():
        axes = PROTOCOLS[name].axes()
        assert resize == f"{axes['resize']}{' aligned' * axes['align_corners']}, {axes['size']}"
        assert (normalise, reports) == (axes["normalise"], ", ".join(axes["report"]))
        if mask.startswith(">"):
            assert mask.startswith(">=") != axes["strict"]
        if axes["mask"] in ("absolute", "relative"):
            assert float(mask.split()[1]) == axes["cut"]


def test_the_list_of_benchmarks_is_the_codes():
    listed = rows_of("benchmarks/index.md")
    assert set(listed) == set(BENCHMARKS)
    for name, cells in listed.items():
        one = BENCHMARKS[name]
        assert cells == [str(one.clips or ""), one.protocol, one.needs]


def test_readme_counts_protocols_and_test_sets():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{len(PROTOCOLS)} protocols on {len(BENCHMARKS)} test sets" in text


def test_the_list_of_methods_is_the_codes():
    text = (ROOT / "docs" / "methods" / "index.md").read_text(encoding="utf-8")
    assert set(rows_of("methods/index.md")) == set(method_names())
    checkpoints = text.partition("## The authors' checkpoints")[2].partition("\n## ")[0]
    for name in method_names():
        known = published_of(load_method(name))
        assert known is None or f"`{known.config}`" in checkpoints


def test_the_rooms_of_the_architecture_are_those_there_are():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tree = text.partition("## The packages")[2].partition("\n## ")[0]
    there = {path.name for path in (ROOT / "avloc").iterdir() if path.suffix == ".py" or any(path.glob("*.py"))}
    there -= {"__init__.py", "__main__.py"}
    named = {one.rstrip("/") for one in re.findall(r"[\w]+(?:\.py|/)", tree)} - {"avloc", "configs", "base.py"}
    assert named == there


def test_helps_that_break_their_lines_themselves_fit_a_terminal():
    """Of 80 columns; first paragraphs are joined and broken by typer."""
    every = [
        one for command in commands().commands.values() for one in getattr(command, "commands", {"": command}).values()
    ]
    paragraphs = [part for command in every for part in (command.help or "").split("\n\n")[1:]]
    assert paragraphs
    assert not [line for part in paragraphs if "\n" in part for line in part.splitlines() if len(line) > 78]
