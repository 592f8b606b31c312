"""Values that no file should hold, in configurations, names and on the terminal: strategies instead of damaged files."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from avloc.cli.show import say
from avloc.engine.experiment import read_experiment
from avloc.engine.sweep_grid import members_of
from avloc.errors import AvlocError, ConfigError
from avloc.file_names import as_file_name, is_file_name
from avloc.naming import brief, printable, some
from avloc.plain_yaml import NotYaml, plain_yaml
from tests.engine.tiny import tiny_config
from tests.fuzz.damage import TOKENS, VALUES

pytestmark = pytest.mark.fuzz
SHARE = 0.05  # of all examples, for each test here

LEAVES = (
    st.sampled_from([value for value in VALUES if not isinstance(value, list | dict)])
    | st.text(max_size=30) | st.integers() | st.floats() | st.dates().map(str)
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
KEYS = (
    "method", "seed", "stage1", "stage1.model", "stage1.model.clusters", "stage1.model.frame.size", "stage1.train.lr",
    "stage1.train.milestones", "stage1.train.keep_states", "stage1.data.store", "stage2.model", "evaluate", "evaluate.solo",
    "evaluate.solo.axes", "evaluate.solo.protocol", "start.stage1", "cluster.restarts", "cluster",
)  # fmt: skip


def examples(test, count: int) -> None:
    settings(max_examples=max(count, 10), deadline=None, suppress_health_check=list(HealthCheck), database=None)(test)()


@pytest.fixture
def count(pytestconfig) -> int:
    return round(SHARE * pytestconfig.getoption("--examples"))


def test_text_is_yaml_or_one_line_that_says_why_not(count):
    pieces = st.sampled_from([token.decode("latin-1") for token in TOKENS if len(token) < 10_000]) | st.text(
        max_size=20
    )

    @given(st.lists(pieces, max_size=8), st.sampled_from(["", " ", "\n", ": ", "\n- ", "\n  "]))
    def check(parts: list[str], between: str) -> None:
        try:
            plain_yaml(between.join(parts))
        except NotYaml as error:
            assert str(error) and "\n" not in str(error) and error.line >= 1

    examples(check, count)


def test_a_configuration_with_any_value_at_any_key_is_checked(count, tmp_path):
    file: Path = tmp_path / "config.yaml"

    @given(st.sampled_from(KEYS), TREES)
    def check(key: str, value: object) -> None:
        config = tiny_config(Path("store"))
        *sections, last = key.split(".")
        section = config
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
        file.write_text(json.dumps(config))
        try:
            read_experiment(file)
        except ConfigError as error:
            assert str(error).strip()

    examples(check, count)


def test_set_takes_any_text(count, tmp_path):
    file: Path = tmp_path / "config.yaml"
    file.write_text(json.dumps(tiny_config(Path("store"))))
    told = (
        LEAVES.map(str)
        | TREES.map(json.dumps)
        | st.sampled_from([t.decode("latin-1") for t in TOKENS if len(t) < 10_000])
    )

    @given(st.sampled_from(KEYS) | st.text(max_size=20), told)
    def check(key: str, value: str) -> None:
        try:
            read_experiment(file, [f"{key}={value}"])
        except ConfigError as error:
            assert str(error).strip()

    examples(check, count)


def test_what_is_printed_moves_no_cursor(count, capsys):
    @given(st.text(max_size=60) | st.sampled_from([value for value in VALUES if isinstance(value, str)]))
    def check(text: str) -> None:
        say(text)
        found = capsys.readouterr().out
        assert not [letter for letter in found if unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\n\t"]
        for shown in (printable(text), some([text]), brief(printable(text))):
            assert "\n" not in shown and "\x1b" not in shown

    examples(check, count)


def test_a_name_that_can_name_a_file_stays_in_its_folder(count, tmp_path):
    hostile = st.sampled_from([value for value in VALUES if isinstance(value, str)])

    @given(st.text(max_size=40) | hostile | st.lists(hostile, max_size=3).map("/".join))
    def check(name: str) -> None:
        if not is_file_name(name):
            with pytest.raises(AvlocError, match="cannot be a file name") as error:
                as_file_name(name, "the set")
            assert "\n" not in str(error.value)
            return
        path = tmp_path / f"{name}.h5"
        path.write_bytes(b"")
        assert path.resolve().parent == tmp_path.resolve()
        path.unlink()

    examples(check, count)


def test_the_grid_of_a_sweep_takes_any_text(count):
    keys = st.sampled_from(["stage1.train.lr", "seed", "", "a.b", "=", "stage1"]) | st.text(max_size=12)
    told = LEAVES.map(str) | TREES.map(json.dumps)

    @given(keys, st.lists(told, max_size=3).map(",".join), st.sampled_from(["=", "", "=="]))
    def check(key: str, value: str, between: str) -> None:
        try:
            members = members_of([f"{key}{between}{value}"], [0, 1])
            assert len({member.folder for member in members}) == len(members)
            assert all(".." not in Path(member.folder).parts for member in members)
        except ConfigError as error:
            assert str(error).strip() and "\n" not in str(error)

    examples(check, count)
