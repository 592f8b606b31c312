"""A shell completes values: configurations, protocols, benchmarks, methods, data sets, splits of a store."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import avloc

ROOT = Path(avloc.__file__).parents[1]


def completed(folder: Path, line: str) -> list[str]:
    """What bash is told about the last word of a command line, empty where that ends with a space."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "_AVLOC_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    program = [sys.executable, "-c", "from avloc.cli import main; main()"]
    found = subprocess.run(program, env=environment, cwd=folder, capture_output=True, text=True, check=True)
    return found.stdout.split()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("avloc evaluate --protocol ez", {"ez-vsl"}),
        ("avloc evaluate --protocol al", {"all"}),
        ("avloc evaluate --benchmark vggss", {"vggss", "vggss-extended"}),
        ("avloc train-stage1 --config ez_vsl_s", {"ez_vsl_synthetic"}),
        ("avloc train-stage1 --config mi", {"mine.yaml"}),
        ("avloc import-weights --method ds", {"dsol"}),
        ("avloc recipes dsol_synthetic_q", {"dsol_synthetic_quick"}),
        ("avloc benchmarks ave", {"ave"}),
        ("avloc prepare vgg", {"vggsound"}),
        ("avloc prepare folder --benchmark ow", {"own"}),
        ("avloc prepare folder --short re", {"repeat"}),
        ("avloc predict --store here --split t", {"train", "test"}),
        ("avloc predict --store nowhere --split t", set()),
        ("avloc prepare folder --ever", {"--every"}),
        ("avloc match", {"match-clusters"}),
    ],
)
def test_values_are_completed(tmp_path, line, wanted):
    (tmp_path / "mine.yaml").write_text("method: dsol\n")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "store.json").write_text(json.dumps({"splits": {"train": 1, "test": 1, "other": 1}}))
    assert set(completed(tmp_path, line)) == wanted


def test_the_script_for_bash_is_printed():
    # without this, typer asks which shell started the tests, and there may be none
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    program = [sys.executable, "-c", "from avloc.cli import main; main()", "--show-completion", "bash"]
    found = subprocess.run(program, env=environment, capture_output=True, text=True, check=True)
    assert "_AVLOC_COMPLETE=complete_bash" in found.stdout and "complete -o default" in found.stdout


@pytest.mark.parametrize("wrong", [{"COMP_CWORD": "x"}, {"COMP_WORDS": None}, {"COMP_CWORD": None}])
def test_variables_that_no_shell_sets_are_one_line(wrong, tmp_path):
    told = {
        "PYTHONPATH": str(ROOT),
        "_AVLOC_COMPLETE": "complete_bash",
        "COMP_WORDS": "avloc ",
        "COMP_CWORD": "1",
        **wrong,
    }
    environment = {**os.environ, **{name: value for name, value in told.items() if value is not None}}
    program = [sys.executable, "-c", "from avloc.cli import main; main()"]
    found = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (2, "")
    assert found.stderr == "avloc: COMP_WORDS or COMP_CWORD is not as a shell sets it; unset _AVLOC_COMPLETE\n"
