"""What a project says of itself agrees: versions, licence, papers, notices, links of the pages beside README."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

import avloc

ROOT = Path(__file__).parents[1]
PAGES = sorted(path for path in ROOT.glob("*.md") if path.name != "README.md")  # which tests/test_docs.py reads


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_package_citation_and_changelog_have_one_version():
    assert yaml.safe_load(text("CITATION.cff"))["version"] == avloc.__version__
    assert re.search(rf"^## \[{re.escape(avloc.__version__)}\]", text("CHANGELOG.md"), re.MULTILINE)
    assert "## [Unreleased]" in text("CHANGELOG.md")


def test_the_licence_is_the_same_everywhere():
    project = tomllib.loads(text("pyproject.toml"))["project"]
    assert text("LICENSE").startswith("MIT License\n") and "(c) 2026 The avloc authors" in text("LICENSE")
    assert project["license"] == "MIT" == yaml.safe_load(text("CITATION.cff"))["license"]
    assert all((ROOT / name).exists() for name in project["license-files"])
    assert "[MIT licence](LICENSE)" in text("README.md")


def test_the_papers_of_all_methods_can_be_cited():
    asked = set(re.findall(r"^  title = \{(.*)\},$", text("docs/methods/index.md"), re.MULTILINE))
    references = yaml.safe_load(text("CITATION.cff"))["references"]
    assert asked <= {one["title"] for one in references} and len(asked) >= 6
    for one in references:
        assert one["type"] and one["year"] and all(author["family-names"] for author in one["authors"])


def test_every_file_of_the_package_that_is_no_code_has_a_notice():
    known = (".py", ".pyi", ".js", ".typed")
    files = [path for path in (ROOT / "avloc").rglob("*") if path.is_file() and path.parent.name != "__pycache__"]
    found = [path for path in files if path.suffix not in known]
    names = [path.relative_to(ROOT).as_posix() for path in found]
    assert names and all(f"`{name}`" in text("THIRD_PARTY_NOTICES.md") for name in names), names


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_every_relative_link_of_a_page_beside_readme_leads_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert all((ROOT / link).exists() for link in links if "://" not in link), links


def test_the_build_server_and_the_workflow_run_the_same():
    jobs = yaml.safe_load(text(".github/workflows/tests.yml"))["jobs"]
    for job, command in (("tests", ".ci/run"), ("oldest", ".ci/oldest"), ("package", ".ci/package dist")):
        assert {"run": command} in jobs[job]["steps"]
    lowest = tomllib.loads(text("pyproject.toml"))["project"]["requires-python"].removeprefix(">=")
    assert jobs["tests"]["strategy"]["matrix"]["python"][0] == lowest
    setup = next(step for step in jobs["oldest"]["steps"] if "setup-python" in step.get("uses", ""))
    assert setup["with"]["python-version"] == lowest


def test_forms_and_hooks_are_whole_yaml():
    forms = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
    assert [path.name for path in forms] == ["bug.yml", "config.yml", "number.yml", "wish.yml"]
    for form in forms:
        content = yaml.safe_load(form.read_text(encoding="utf-8"))
        assert form.name == "config.yml" or all(one["attributes"]["label"] for one in content["body"])
    hooks = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert {"ruff-check", "ruff-format", "mypy"} <= {hook["id"] for repo in hooks for hook in repo["hooks"]}


def test_every_hook_is_installed_with_the_extra_dev():
    repos = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert [repo["repo"] for repo in repos] == ["local"] and all(
        one["language"] == "system" for one in repos[0]["hooks"]
    )
    extra = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]["dev"]
    assert {"mypy", "pre-commit", "pre-commit-hooks", "ruff"} <= {re.split("[<>=]", one)[0] for one in extra}


@pytest.mark.parametrize("script", [".ci/run", ".ci/oldest", ".ci/package"])
def test_scripts_are_whole(script):
    assert (ROOT / script).stat().st_mode & 0o111
    subprocess.run(["bash", "-n", ROOT / script], check=True)
