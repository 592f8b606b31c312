"""The pages on scoring from Python, on adding a protocol and on the way of a heat map to a number: their code runs."""

import contextlib
import io
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import avloc
from avloc.cli.app import app

DOCS = Path(__file__).parents[1] / "docs"


def code_of(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (DOCS / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def maps(tmp_path, monkeypatch):
    """Two maps in a folder of their own, which is the current one."""
    monkeypatch.chdir(tmp_path)
    found = np.zeros((2, 14, 14), np.float32)
    found[0, 3:12, 1:8], found[1, :7, 5:11] = 1, 1
    np.save("maps.npy", found)
    return found


def test_your_own_model_is_scored_from_python_in_five_lines(maps, capsys):
    (code,) = code_of("scoring_from_python.md")
    assert len([line for line in code.splitlines() if line]) == 5
    space: dict = {}
    exec(code, space)
    assert "ez-vsl" in capsys.readouterr().out
    result = space["result"]
    assert result.counts["evaluated"] == 2
    assert 0 < result.metrics["ciou"].value < 1
    assert len(repr(result)) < 2000 and max(map(len, repr(result).splitlines())) <= 100, "it fits a screen"
    shown = result._repr_html_()
    assert (
        shown.startswith("<table>")
        and '<td style="text-align: left">locacc</td><td style="text-align: right">' in shown
    )


def test_the_rule_of_the_page_on_adding_a_protocol_is_scored(maps):
    text = "\n".join(code_of("adding_a_protocol.md"))
    Path("my_rules.py").write_text(text)
    avloc.write_predictions(Path("maps.h5"), ["dog", "bell"], maps)
    Path("truth.json").write_text(
        '{"clips": [{"id": "dog", "boxes": [{"box": [0.1, 0.2, 0.6, 0.9]}]},'
        ' {"id": "bell", "boxes": [{"box": [0.4, 0.0, 0.8, 0.5]}]}]}'
    )
    options = ["evaluate", "--predictions", "maps.h5", "--truth", "truth.json", "--protocol"]
    try:
        shown = CliRunner().invoke(app, [*options, "my_rules:above_the_mean"])
        assert shown.exit_code == 0 and "above_the_mean" in shown.stdout
        shown = CliRunner().invoke(app, [*options, "my_rules:ABOVE_THE_MEAN"])
        assert shown.exit_code == 0 and "above-the-mean" in shown.stdout and "ciou@0.3" in shown.stdout
        from my_rules import above_the_mean

        truth = avloc.Truth.of_boxes({"dog": [[0.1, 0.2, 0.6, 0.9]], "bell": [[0.4, 0.0, 0.8, 0.5]]})
        from_python = avloc.score(above_the_mean, maps, truth, resamples=0)
        assert (
            f"{100 * from_python.metrics['auc'].value:.1f}"
            in CliRunner().invoke(app, [*options, "my_rules:above_the_mean"]).stdout
        )
    finally:
        sys.modules.pop("my_rules", None)


def test_the_walk_from_heat_map_to_number_ends_at_the_number_it_says():
    (code,) = code_of("how_a_heat_map_becomes_a_number.md")
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(code, {})
    assert float(out.getvalue()) == pytest.approx(float(re.search(r"# ([\d.]+)$", code.strip())[1]), abs=1e-4)


def test_an_own_rule_that_is_no_mask_is_refused_in_one_line():
    truth = avloc.Truth.of_boxes({"a": [[0, 0, 0.5, 0.5]]})
    maps = np.random.default_rng(0).random((1, 7, 7))
    for rule, words in (
        (lambda heat, truth: heat, "expected a mask of shape"),
        (lambda heat, truth: truth * 7, r"outside \[0, 1\]"),
        (lambda heat, truth: 1 / 0, "ZeroDivisionError"),
    ):
        with pytest.raises(avloc.AvlocError, match=words) as error:
            avloc.score(rule, maps, truth)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no_such_module:rule", "no such module"),
        ("json:nothing", "does not exist"),
        ("json:decoder", "expected a function"),
    ],
)
def test_a_rule_that_is_not_there_is_refused(name, words):
    with pytest.raises(avloc.AvlocError, match=words):
        avloc.score(name, np.zeros((1, 7, 7)), avloc.Truth.of_boxes({"a": [[0, 0, 1, 1]]}))


def test_an_axis_that_a_rule_stands_in_for_is_refused():
    protocol = avloc.Protocol("mine", "here", rule=lambda heat, truth: truth > 0)
    assert protocol.with_axes(size=100).size == 100
    with pytest.raises(avloc.AvlocError, match="the axis cut has no effect"):
        protocol.with_axes(cut=0.3)


def test_a_rule_that_knows_the_truth_gets_all_of_it():
    truth = avloc.Truth.of_boxes({"a": [[0, 0, 0.5, 0.5]], "b": [[0.2, 0.2, 0.9, 0.8], [0, 0, 0.3, 0.3]]})
    result = avloc.score(lambda heat, truth: truth > 0, np.random.default_rng(0).random((2, 7, 7)), truth)
    assert result.metrics["ciou"].value == 1.0
