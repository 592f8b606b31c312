"""What README and docs name is there: commands, options, configurations, files; and their example method trains."""

import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
CONFIGS = {path.stem for path in (ROOT / "configs").glob("*.yaml")}
CONTROL = ("|", "&&", ";", "#")  # where a command line ends within a line


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def commands() -> Any:
    from avloc.cli.app import app

    return typer.main.get_command(app)


def command_lines(page: Path) -> list[str]:
    """What follows `avloc` in code blocks and in code spans of a page."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    found = [line for line in lines if not re.search(r"avloc: |import avloc|from avloc", line)]
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    pieces = [
        piece for text in [*found, *spans] for piece in re.findall(r"(?:^|&& |-m -- |PYTHONPATH=\. )avloc (.+)", text)
    ]
    return [piece for piece in pieces if not piece.startswith("X")]


def words(line: str) -> list[str]:
    found = []
    for word in shlex.split(line):
        if word in CONTROL:
            break
        found.append(word)
    return found


@cache
def described(page: Path) -> list[tuple[str, Any, list[str]]]:
    """(line, the command it names or None, the words after it)."""
    found = []
    for line in command_lines(page):
        rest, command = words(line), commands()
        if rest and rest[0] in ("--verbose", "-v"):
            rest = rest[1:]
        while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
            # a module of the reader's own takes at least what all data sets take
            command = command.commands.get("folder" if "." in rest[0] else rest[0])
            if command is None and rest[0].isupper():
                command = commands()  # a placeholder such as NAME
                break
            rest = rest[1:]
        found.append((line, command, rest))
    return found


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_named_exists_and_has_the_options_named(page):
    for line, command, rest in described(page):
        assert command is not None, f"{name_of(page)}: avloc {line}: no such command"
        known = {option for parameter in command.params for option in [*parameter.opts, *parameter.secondary_opts]}
        known |= {"--help", "-h", "--version"}
        options = [word.partition("=")[0] for word in rest if word.startswith("-")]
        assert set(options) <= known, f"{name_of(page)}: avloc {line}: unknown {sorted(set(options) - known)}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_option_named_alone_belongs_to_some_command(page):
    every = [
        one for command in commands().commands.values() for one in getattr(command, "commands", {"": command}).values()
    ]
    options = [[*parameter.opts, *parameter.secondary_opts] for command in every for parameter in command.params]
    known = {option for names in options for option in names} | {"--help"}
    named = set(re.findall(r"`(--[a-z0-9-]+)(?:[ =][^`]*)?`", page.read_text(encoding="utf-8")))
    assert named - {"--evaluate"} <= known  # which the authors' readme names, and does not exist


def test_every_command_is_described():
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for name, command in commands().commands.items():
        for full in [f"{name} {child}" for child in command.commands] if hasattr(command, "commands") else [name]:
            assert f"| `avloc {full}` |" in text, f"docs/cli.md has no row for avloc {full}"


def table_rows(page: str) -> list[tuple[str, list[str]]]:
    """The first word or words of each row of a page's tables (a link's text, up to a comma or bracket), and its other cells."""
    found = []
    for line in (ROOT / "docs" / "methods" / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("|") and not line.startswith("|--"):
            first, *cells = [cell.strip() for cell in line.strip("|").split(" |")]
            name = re.split(r"[,(]", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", first))[0].strip()
            found.append((name, [re.sub(r" \[.*\]", "", cell) for cell in cells]))
    return found


@pytest.mark.parametrize("page", ["slavc.md", "fnac.md", "ssl_alignment.md", "noprior.md"])
def test_the_results_of_a_method_are_those_of_the_tables_of_all_methods(page):
    rows = table_rows(page)
    start = next(number for number, (_, cells) in enumerate(rows) if cells[0].startswith("synthetic:"))
    shown = rows[start + 1 : start + 4]
    assert [name for name, _ in shown[1:]] == ["EZ-VSL", "Hard Way"]
    seeds = {name: cells for name, cells in table_rows("real_pictures.md") if "±" in cells[0]}
    for name, cells in shown:
        assert cells[3:] == [seeds[name][column] for column in (0, 1, 5, 6)], f"{name}: real pictures"
        known = [row[:3] for other, row in table_rows("synthetic_table.md") if other == name]
        assert cells[:3] in (known or [["", "", ""]]), f"{name}: the synthetic world"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{name_of(page)}: {target} is not there"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", there.read_text(encoding="utf-8"), re.M)
            anchors = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
            assert anchor in anchors, f"{name_of(page)}: {there.name} has no heading {anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_of_the_package_named_is_there(page):
    for path in re.findall(r"`((?:avloc|tests|configs)/[\w/]+(?:\.py|\.yaml|/))`", page.read_text(encoding="utf-8")):
        assert (ROOT / path).exists() or not path[:-1].islower(), f"{name_of(page)}: {path}"


def test_every_key_in_the_table_of_published_options_is_a_key():
    """``stage1.model.x``, ``train.x`` and the like of docs/methods/dsol.md, against the signatures that they configure."""
    import inspect

    from avloc.data.views import FrameView, LogMel
    from avloc.engine.settings import ClusterSettings, Data, Start
    from avloc.engine.settings import TestSet as Tested
    from avloc.methods.base import Train
    from avloc.methods.dsol import StageOne, StageTwo
    from avloc.nn.encoders import Backbone

    where = {
        "stage1.model.visual": Backbone, "stage1.model": StageOne, "stage2.model": StageTwo, "model.frame": FrameView,
        "model.sound": LogMel, "train": Train, "data": Data, "start": Start, "cluster": ClusterSettings, "evaluate.SET": Tested,
    }  # fmt: skip
    text = (ROOT / "docs" / "methods" / "dsol.md").read_text(encoding="utf-8")
    checked = 0
    for section, target in where.items():
        for key in re.findall(rf"`{re.escape(section)}\.(\w+)(?:: [^`]+)?`", text):
            if section != "stage1.model" or key != "visual":
                assert key in inspect.signature(target).parameters, f"{section}.{key}"
                checked += 1
    assert checked > 25


def test_every_departure_of_the_quick_configuration_is_explained():
    from avloc.config import read_section

    text = (ROOT / "docs" / "methods" / "dsol.md").read_text(encoding="utf-8")
    table = text.partition("## Published and quick")[2].partition("\n## ")[0]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    explained = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    values = read_section(ROOT / "configs" / "dsol_synthetic_quick.yaml").values
    keys = {*values["stage1"]["model"], *values["stage2"]["model"]}
    unchanged = {"clusters", "class_iter", "class_lr", "class_rate"}  # fitted to the data, and named together
    assert keys - unchanged <= explained


def example(language: str) -> str:
    text = (ROOT / "docs" / "adding_a_method.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)[0]


def test_the_example_method_trains_an_epoch_and_is_scored(tmp_path, monkeypatch):
    import avloc

    avloc.prepare_synthetic(tmp_path / "world", videos=30, jobs=1)
    avloc.prepare_music(tmp_path / "world", tmp_path / "data" / "world-store", size=64, jobs=1)
    (tmp_path / "mymethods").mkdir()
    (tmp_path / "mymethods" / "nearest.py").write_text(example("python"), encoding="utf-8")
    (tmp_path / "nearest.yaml").write_text(example("yaml"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    trained = avloc.train_stage1(config=Path("nearest.yaml"), set=["stage1.train.epochs=1", "stage1.train.device=cpu"])
    assert trained.epochs == 1
    assert trained.run == Path("runs/nearest")
    found = avloc.evaluate(run=trained.run, resamples=20)
    assert 0 <= found.sets["solo"].result.metrics["iou"].value <= 1
    assert {"wrong sound", "centre", "largest object"} <= set(found.sets["solo"].comparisons)
