from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from avloc.config import Section, bind, check, dump, read_section
from avloc.engine.experiment import Data, method_names, open_run, read_experiment
from avloc.errors import ConfigError


@dataclass(frozen=True)
class Wheel:
    __pydantic_config__ = {"extra": "forbid"}

    size: int = 20
    spokes: int = 36


class Bicycle:
    def __init__(
        self,
        name: str,
        lr: float = 1e-3,
        gears: int = 3,
        wheel: Wheel = Wheel(),
        brake: Literal["rim", "disc"] = "rim",
        bags: tuple[str, ...] = (),
        lamp: bool = True,
        load: float | None = None,
    ):
        self.name, self.lr, self.gears, self.wheel, self.brake = name, lr, gears, wheel, brake
        self.bags, self.lamp, self.load = bags, lamp, load


def section(tmp_path: Path, text: str, *overrides: str) -> Section:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    return read_section(path, overrides)


def mistakes(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as found:
        bind(section(tmp_path, text, *overrides), Bicycle)
    return [line.replace(f"{tmp_path}/", "") for line in str(found.value).splitlines()]


def test_a_section_becomes_the_arguments_of_a_constructor(tmp_path):
    made = bind(
        section(tmp_path, "name: red\nlr: 1e-4\nwheel: {size: 28}\nbags: [left, right]\nbrake: disc\nload: 3\n"),
        Bicycle,
    )
    assert (made.name, made.lr, made.wheel, made.bags, made.brake, made.load) == (
        "red", 1e-4, Wheel(28, 36), ("left", "right"), "disc", 3.0,
    )  # fmt: skip
    assert made.gears == 3


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1.5E3", 1500.0), ("-2e+1", -20.0), (".5e1", 5.0), ("0.1", 0.1), ("3", 3.0)]
)
def test_numbers_are_written_as_people_write_them(tmp_path, text, value):
    assert bind(section(tmp_path, f"name: a\nlr: {text}\n"), Bicycle).lr == value


def test_only_what_is_given_is_passed_on(tmp_path):
    problems: list[str] = []
    assert check(section(tmp_path, "name: red\ngears: 5\n"), Bicycle, problems) == {"name": "red", "gears": 5}
    assert problems == []


def test_every_mistake_is_told_with_file_line_and_key(tmp_path):
    text = "name: red\ngear: 5\nlr: fast\nwheel:\n  size: 28\n  spoke: 3\nbrake: foot\n"
    assert mistakes(tmp_path, text) == [
        "c.yaml:3: lr: found 'fast'; input should be a valid number, unable to parse string as a number",
        "c.yaml:6: wheel.spoke: unknown key; did you mean 'spokes'?",
        "c.yaml:7: brake: found 'foot'; input should be 'rim' or 'disc'",
        "c.yaml:2: gear: unknown key; did you mean 'gears'?",
    ]


def test_a_key_like_no_other_is_answered_with_all_there_are(tmp_path):
    [line] = mistakes(tmp_path, "name: red\nzzz: 1\n")
    assert line == "c.yaml:2: zzz: unknown key; expected one of name, lr, gears, wheel, brake, bags, lamp, load"


def test_what_is_missing_is_named(tmp_path):
    assert mistakes(tmp_path, "gears: 3\n") == ["c.yaml: name: missing, and it has no default"]


@pytest.mark.parametrize("value", ["yes please", "2.5", "[1]", "null"])
def test_types_are_enforced(tmp_path, value):
    [line] = mistakes(tmp_path, f"name: red\ngears: {value}\n")
    assert line.startswith("c.yaml:2: gears: found ")


@pytest.mark.parametrize(("value", "found"), [("null", "null, but a value is needed"), ("[a, b]", r"\['a', 'b'\]")])
def test_a_path_that_is_none_is_told_in_words_of_the_file(tmp_path, value, found):
    path = tmp_path / "c.yaml"
    path.write_text("method: ez_vsl\nstage1:\n  data: {store: s, train: train}\n")
    with pytest.raises(ConfigError, match=rf"--set stage1\.data\.store: found {found}; expected a path$"):
        read_experiment(path, [f"stage1.data.store={value}"])


@pytest.mark.parametrize("value", ["true", ".nan", "-.inf", "1e400"])
def test_what_nobody_means_as_a_number_is_refused(tmp_path, value):
    (tmp_path / "e.yaml").write_text(
        "method: sspl\nstage1:\n  data: {store: s, train: t}\n"
        f"  model: {{warm_up_lr: {value}, sound: {{seconds: {value}}}}}\n  train: {{lr: {value}}}\n"
    )
    with pytest.raises(ConfigError) as found:
        read_experiment(tmp_path / "e.yaml")
    lines = str(found.value).splitlines()
    assert {line.split(": ")[1] for line in lines} == {
        "stage1.model.warm_up_lr", "stage1.model.sound.seconds", "stage1.train.lr",
    }  # fmt: skip
    assert all("found" in line for line in lines)


def test_a_share_is_at_most_one(tmp_path):
    (tmp_path / "e.yaml").write_text(
        "method: sspl\nstage1:\n  data: {store: s, train: t}\n  model: {warm_up_pool: 7, frame: {flip: 1.5}}\n"
    )
    with pytest.raises(ConfigError) as found:
        read_experiment(tmp_path / "e.yaml")
    for name, value in (("warm_up_pool", "7"), ("frame.flip", "1.5")):
        assert f"stage1.model.{name}: found {value}; expected a number from 0 to 1" in str(found.value)


def test_overrides_are_checked_like_the_file_and_win(tmp_path):
    made = bind(
        section(tmp_path, "name: red\nlr: 0.1\n", "lr=3e-4", "wheel.size=26", "bags=[a, b]", "load=null"), Bicycle
    )
    assert made.lr == 3e-4 and made.wheel == Wheel(26) and made.bags == ("a", "b") and made.load is None
    assert mistakes(tmp_path, "name: red\nlr: 0.1\n", "lr=fast") == [
        "--set lr: found 'fast'; input should be a valid number, unable to parse string as a number"
    ]


def test_a_mistake_of_an_override_is_put_down_to_it_and_not_to_a_line_of_the_file(tmp_path):
    text = "name: red\nwheel:\n  size: 26\n"
    assert mistakes(tmp_path, text, "wheel.spoke=3", "gear=4") == [
        "--set wheel.spoke: unknown key; did you mean 'spokes'?",
        "--set gear: unknown key; did you mean 'gears'?",
    ]
    assert mistakes(tmp_path, text + "  spokes: few\n", "wheel.size=big") == [
        "--set wheel.size: found 'big'; input should be a valid integer, unable to parse string as an integer",
        "c.yaml:4: wheel.spokes: found 'few'; input should be a valid integer, unable to parse string as an integer",
    ]
    assert mistakes(tmp_path, text, "wheel={spoke: 3}") == ["--set wheel.spoke: unknown key; did you mean 'spokes'?"]


def test_a_lone_override_is_one_and_not_its_letters(tmp_path):
    (tmp_path / "c.yaml").write_text("name: red\n")
    assert read_section(tmp_path / "c.yaml", "name=blue").values == {"name": "blue"}


@pytest.mark.parametrize("override", ["lr", "=3", "a..b=1", "name.x=3", "lr=[1"])
def test_an_override_that_is_none_is_shown(tmp_path, override):
    [line] = mistakes(tmp_path, "name: red\n", override)
    assert line.startswith(f"--set {override}: ")


def test_a_key_given_twice_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"c\.yaml:3: name: given twice"):
        section(tmp_path, "name: a\nlr: 1\nname: b\n")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1\nb: 2\n", r"c\.yaml:\d: not YAML"),
        ("", "found nothing"),
        ("- a\n- b\n", "something else"),
        ("\tname: x\n", r"c\.yaml:1: not YAML"),
    ],
)
def test_what_is_no_mapping_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(ConfigError, match=words):
        section(tmp_path, text)


def test_a_file_that_is_missing_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match="no such file"):
        read_section(tmp_path / "none.yaml")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00a")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_section(tmp_path / "c.yaml")


def test_code_in_a_file_is_not_executed(tmp_path):
    with pytest.raises(ConfigError, match="not a value"):
        section(tmp_path, "name: !!python/object/apply:os.getcwd []\n")


@pytest.mark.parametrize("value", ["!colour red", "2020-13-45", "[1, !colour red]"])
def test_a_value_that_yaml_cannot_make_is_told_with_its_line(tmp_path, value):
    with pytest.raises(ConfigError, match=r"c\.yaml:2: lr: not a value") as found:
        section(tmp_path, f"name: red\nlr: {value}\n")
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("text", ["name: red\nwheel: 5\n", "name: red\nwheel: [1, 2]\n", "name: red\n? [a, b]\n: 3\n"])
def test_a_value_where_a_section_belongs_is_a_mistake_not_a_crash(tmp_path, text):
    assert mistakes(tmp_path, text)


def test_dumped_values_read_back_the_same(tmp_path):
    values = {"name": "red", "data": {"store": Path("a/b"), "bags": ("x", "y")}, "lr": 1e-5, "load": None}
    found = section(tmp_path, dump(values)).values
    assert found == {"name": "red", "data": {"store": "a/b", "bags": ["x", "y"]}, "lr": 1e-5, "load": None}
    assert list(found) == list(values)


# experiments

GOOD = "method: dsol\nseed: 2\nstage1:\n  data: {store: s, train: t}\n  model: {clusters: 4}\n"


def experiment_mistakes(tmp_path: Path, text: str, *overrides: str) -> list[str]:
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(ConfigError) as found:
        read_experiment(tmp_path / "e.yaml", overrides)
    return [line.replace(f"{tmp_path}/", "") for line in str(found.value).splitlines()]


def test_an_experiment_is_checked_whole(tmp_path):
    lines = experiment_mistakes(
        tmp_path,
        GOOD + "  train: {epoch: 3}\nstage3: {}\nclusters: {restarts: 3}\nstage2:\n  data: {store: s}\n  models: {}\n",
    )
    assert any(line.startswith("e.yaml:6: stage1.train.epoch: unknown key; did you mean 'epochs'?") for line in lines)
    assert any(line.startswith("e.yaml:8: clusters: unknown key; did you mean 'cluster'?") for line in lines)
    assert any("stage3" in line for line in lines)
    assert any(line.startswith("e.yaml:10: stage2.data.train: missing") for line in lines)
    assert any(line.startswith("e.yaml:11: stage2.models: unknown key") for line in lines)
    assert len(lines) == 5


@pytest.mark.parametrize("seed", ["-1", "1.5", "one", "true"])
def test_a_seed_is_a_whole_number(tmp_path, seed):
    [line] = experiment_mistakes(tmp_path, GOOD, f"seed={seed}")
    assert "seed" in line and "whole number" in line


@pytest.mark.parametrize("method", ["dsoll", "null", "json", "avloc.data.views"])
def test_an_unknown_method_is_answered_with_those_there_are(tmp_path, method):
    [line] = experiment_mistakes(tmp_path, GOOD, f"method={method}")
    assert "dsol" in line if "." not in method else "has no STAGES" in line


def test_the_last_stage_is_the_last_one_that_has_a_section(tmp_path):
    text = "method: dsol\nstage2: {data: {store: s, train: t}}\n"
    experiment = read_experiment(section(tmp_path, text).source)
    assert experiment.number_of(None) == 2 and experiment.number_of(1) == 1
    (tmp_path / "c.yaml").write_text("method: dsol\n")
    with pytest.raises(ConfigError, match="stage1: missing section"):
        none = read_experiment(tmp_path / "c.yaml")
        none.stage(none.number_of(None))


def test_a_missing_section_is_a_mistake_only_of_the_stage_asked_for(tmp_path):
    (tmp_path / "e.yaml").write_text(GOOD)
    experiment = read_experiment(tmp_path / "e.yaml")
    assert experiment.stage(1).data == Data(Path("s"), "t")
    with pytest.raises(ConfigError, match="stage2: missing section"):
        experiment.stage(2)
    with pytest.raises(ConfigError, match="dsol has 2 stages: there is no stage 3"):
        experiment.stage(3)
    assert experiment.number_of(None) == 1
    for number in (0, -1):
        with pytest.raises(ConfigError, match=f"there is no stage {number}"):
            experiment.stage(experiment.number_of(number))


def test_a_value_where_settings_belong_is_told_in_words_of_the_file(tmp_path):
    [line] = experiment_mistakes(tmp_path, GOOD, "stage1.model.frame=3")
    assert line == "--set stage1.model.frame: found 3; expected a section of `key: value` lines"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("dsol_musik", "did you mean 'dsol_music'?"),
        ("nothing_like_it", "no configuration of that name comes with avloc; `avloc recipes` lists them"),
        ("folder", "folder: a folder; --config takes a YAML file, --run the folder of a run"),
    ],
)
def test_a_configuration_that_is_not_there(tmp_path, monkeypatch, config, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as found:
        open_run(Path(config), None)
    assert str(found.value).endswith(words)


@pytest.mark.parametrize(
    "text",
    [
        "stage1: 5\n",
        "stage1: 0\n",
        "stage1:\n  data: here\n",
        "stage1:\n  data: 0\n",
        "evaluate: [a]\n",
        "stage1:\n  train: [1]\n",
        "cluster: 3\n",
    ],
)
def test_a_value_where_an_experiment_has_a_section_is_a_mistake_not_a_crash(tmp_path, text):
    assert experiment_mistakes(tmp_path, "method: dsol\n" + text)


CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_that_comes_along_is_right(path):
    experiment = read_experiment(path)
    assert experiment.method in method_names() and experiment.stages
    for test in experiment.evaluate.values():
        from avloc.protocols import named

        assert named(test.protocol)


def test_a_run_keeps_the_configuration_it_started_with(tmp_path):
    (tmp_path / "e.yaml").write_text(GOOD)
    from avloc.engine.experiment import keep_config

    experiment, run = open_run(tmp_path / "e.yaml", tmp_path / "run", ["stage1.model.dim=16"])
    keep_config(experiment, run)
    again, _ = open_run(None, tmp_path / "run")
    assert again.stage(1).model.items() >= {"clusters": 4, "dim": 16}.items() and again.seed == 2
    with pytest.raises(Exception, match=r"stage1\.model\.dim: 16, now it is 128"):
        open_run(tmp_path / "e.yaml", tmp_path / "run")


def test_a_number_out_of_range_a_protocol_and_a_stage_that_are_none_are_found_with_the_rest(tmp_path):
    (tmp_path / "e.yaml").write_text(
        "method: dsol\n"
        "stage1:\n"
        "  data: {store: s, train: t}\n"
        "  model: {clusters: 0, visual: {widths: [8, -1]}, frame: {size: 0}}\n"
        "  train: {batch_size: 0, lr: -1, epochs: -3}\n"
        "evaluate:\n"
        "  one: {store: s, split: t, protocol: dsol-sole}\n"
        "  two: {store: s, split: t, protocol: dsol-duet, stage: 3, axes: {nsa_mops: 11}}\n"
    )
    with pytest.raises(ConfigError) as found:
        read_experiment(tmp_path / "e.yaml")
    lines = str(found.value).replace(f"{tmp_path}/", "").splitlines()
    assert len(lines) == 9
    for start, what in {
        "e.yaml:4: stage1.model.clusters": "found 0; expected a whole number from 1 to 100,000",
        "e.yaml:4: stage1.model.visual.widths.1": "found -1",
        "e.yaml:4: stage1.model.frame.size": "found 0",
        "e.yaml:5: stage1.train.batch_size": "found 0",
        "e.yaml:5: stage1.train.lr": "found -1",
        "e.yaml:5: stage1.train.epochs": "found -3",
        "e.yaml:7: evaluate.one.protocol": "did you mean 'dsol-solo'?",
        "e.yaml:8: evaluate.two.axes.nsa_mops": "no axis 'nsa_mops'",
        "e.yaml:8: evaluate.two.stage": "found 3; this method has 2 stages",
    }.items():
        assert any(line.startswith(start) and what in line for line in lines), (start, lines)
