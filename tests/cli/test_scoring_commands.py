"""The measuring commands through the command line: tables, JSON on stdout, one line and status 2 for a mistake."""

import json
import subprocess
import sys

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from avloc.cli.scoring import register
from avloc.predictions import write_predictions

app = typer.Typer()
register(app)


def run(*arguments):
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    ids = [f"abcdefghijk_{n:06d}" for n in range(6)]
    rows = [{"file": clip, "class": "dog", "bbox": [[0, 0, 0.5, 1]]} for clip in ids]
    (tmp_path / "vggss.json").write_text(json.dumps(rows))
    maps = np.zeros((6, 14, 14))
    maps[:4, :, :7], maps[4:, :, 7:] = 1, 1
    write_predictions(tmp_path / "p.h5", ids, maps)
    return tmp_path


def test_evaluate_shows_a_table_with_blind_baselines(folder):
    found = run(
        "evaluate", "--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--worst", 2
    )
    assert found.exit_code == 0
    assert "vggss by ez-vsl: 6 of 6 clips" in found.stdout
    for word in ("locacc", "all-ones", "centre", "half-area ceiling", "95 % over videos", "lowest scores"):
        assert word in found.stdout


def test_evaluate_prints_json_and_nothing_else(folder):
    options = [
        "--predictions",
        folder / "p.h5",
        "--benchmark",
        "vggss",
        "--annotations",
        folder,
        "--metric",
        "ciou,auc",
    ]
    found = run("evaluate", *options, "--axis", "size=56", "--json", "--out", folder / "r.json")
    value = json.loads(found.stdout)
    assert set(value["metrics"]) == {"ciou", "auc"}
    assert value["protocol"]["size"] == 56
    assert json.loads((folder / "r.json").read_text()) == value


def test_all_protocols_in_one_table(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 0]
    found = run("evaluate", *options, "--protocol", "all")
    assert found.exit_code == 0
    assert "the same heat maps" in found.stdout
    assert "hardway" in found.stdout
    assert "avloc" in found.stdout


def test_compare_and_leaderboard(folder):
    options = ["--predictions", folder / "p.h5", "--benchmark", "vggss", "--annotations", folder, "--resamples", 50]
    run("evaluate", *options, "--out", folder / "a.json")
    found = run("compare", folder / "a.json", folder / "a.json")
    assert "6 clips in both, 0 only in A" in found.stdout
    assert json.loads(run("compare", folder / "a.json", folder / "a.json", "--json").stdout)["shared"] == 6
    assert "| a | 66.7" in run("leaderboard", folder / "a.json").stdout
    assert run("leaderboard", folder / "a.json", "--no-published", "--format", "csv").stdout.startswith(
        "benchmark,method"
    )


def test_benchmarks_are_listed(folder):
    found = run("benchmarks", "--annotations", folder)
    assert "6 clips" in found.stdout
    assert "not there" in found.stdout
    assert "xmin, ymin, xmax, ymax" in run("benchmarks", "vggss").stdout
    assert len(json.loads(run("benchmarks", "--json").stdout)) == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate"], "give --config FILE to start one, or --run DIR"),
        (["evaluate", "--predictions", "p.h5", "--axis", "size"], "expected NAME=VALUE"),
        (["evaluate", "--predictions", "no.h5", "--benchmark", "vggss", "--annotations", "."], "expected vggss.json"),
        (["benchmarks", "vgss"], "did you mean 'vggss'"),
        (["compare", "a.json", "b.json"], "no such file"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    found = run(*arguments)
    assert found.exit_code == 2
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert found.stdout == ""


def test_measuring_needs_no_torch(folder):
    code = (
        "import sys; from avloc.cli.scoring import evaluate; "
        f"evaluate(predictions=__import__('pathlib').Path({str(folder / 'p.h5')!r}), benchmark='vggss', "
        f"annotations=__import__('pathlib').Path({str(folder)!r}), protocol='all', resamples=10); "
        "assert 'torch' not in sys.modules, 'torch was imported'"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
