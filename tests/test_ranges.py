"""Numbers of a configuration have ranges: wide ones, which a message names."""

from dataclasses import is_dataclass
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from pydantic import Field, PositiveInt

from avloc.config import _parameters
from avloc.engine.experiment import load_method, method_names, read_experiment
from avloc.engine.settings import ClusterSettings, Data, Inference, Start
from avloc.engine.settings import TestSet as SetOfTests
from avloc.errors import ConfigError
from avloc.methods.base import Train
from avloc.ranges import range_of

#: checked where they are used, because what they may be depends on other settings
ELSEWHERE = {"deaf_nodes", "axes", "VggishPatches.rate", "Variation.share"}


def numbers_without_range(kind, name: str = "", owner: str = ""):
    if kind in (int, float):
        if not {name, f"{owner}.{name}"} & ELSEWHERE:
            yield f"{owner}.{name}"
    elif get_origin(kind) is Annotated:
        if range_of(kind) is None:
            yield from numbers_without_range(get_args(kind)[0], name, owner)
    elif is_dataclass(kind):
        for key, inner in get_type_hints(kind, include_extras=True).items():
            yield from numbers_without_range(inner, key, kind.__name__)
    else:
        for inner in get_args(kind):
            yield from numbers_without_range(inner, name, owner)


def test_every_number_of_a_configuration_has_a_range():
    stages = [(stage, f"{name}.{stage.__name__}") for name in method_names() for stage in load_method(name).STAGES]
    sections = [(kind, kind.__name__) for kind in (ClusterSettings, Data, Inference, Start, SetOfTests, Train)]
    missing = [
        found
        for target, owner in stages + sections
        for name, one in _parameters(target).items()
        for found in numbers_without_range(one.annotation, name, owner)
    ]
    assert not missing


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("stage1.model.frame.brightness=1e30", "a number from 0 to 10"),
        ("stage1.model.frame.std=[0.2, 0, 0.2]", "a number from 1e-06 to 1,000,000"),
        ("stage1.model.sound.n_fft=0", "a whole number from 1 to 1,000,000"),
        ("stage1.model.sound.vary.reverb=-1", "a number from 0 to 60"),
        ("stage1.model.visual.strides=[1, 2, 2, 0]", "a whole number from 1 to 64"),
        ("stage1.model.visual.widths=[]", "tuple should have at least 1 item"),
        ("stage1.model.class_lr=-1", "a number from 0 to 1,000"),
        ("stage1.train.epochs=1000000000000", "a whole number from 0 to 1,000,000"),
        ("stage1.train.batch_size=0", "a whole number from 1 to 1,000,000"),
        ("stage1.train.lr=-1", "a number from 0 to 1,000"),
        ("stage1.train.ema=7", "a number above 0 and below 1"),
        ("stage1.train.clip_grad=0", "a number above 0 up to 1,000,000,000,000"),
        ("stage2.model.teacher_temperature=-1", "a number from 1e-06 to 1,000,000"),
        ("evaluate.solo.seconds=0", "a number above 0 up to 86,400"),
        ("seed=5000000000", "a whole number from 0 to 4,294,967,295"),
    ],
)
def test_a_number_out_of_its_range_is_refused_with_the_range(tmp_path, setting, expected):
    file = tmp_path / "c.yaml"
    file.write_text(
        "method: dsol\nstage1: {data: {store: s, train: t}, model: {}, train: {}}\n"
        "stage2: {data: {store: s, train: t}}\nevaluate: {solo: {store: s, split: t, protocol: dsol-solo}}\n"
    )
    key = setting.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"^--set {key}(\.\d)?: found .*{expected}") as found:
        read_experiment(file, [setting])
    assert "\n" not in str(found.value)


def test_a_sound_that_can_be_several_things_has_its_ranges_too(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("method: ez_vsl\nstage1: {data: {store: s, train: t}}\n")
    with pytest.raises(ConfigError, match=r"model\.sound\.seconds: found -3; expected a number above 0 up to 86,400"):
        read_experiment(file, ["stage1.model.sound={waveform: 16000, seconds: -3}"])
    with pytest.raises(ConfigError, match=r"model\.sound: found .*fmin is 9000 and the highest frequency 8000 Hz"):
        read_experiment(file, ["stage1.model.sound={mels: 64, hop: 80, fmin: 9000}"])
    for settings in ("{rate: 0}", "{mels: 64, rate: 0}"):
        with pytest.raises(ConfigError) as found:
            read_experiment(file, [f"stage1.model.sound={settings}"])
        assert str(found.value) == (
            "--set stage1.model.sound.rate: found 0; expected a whole number from 1 to 100,000,000"
        )
    with pytest.raises(ConfigError, match=r"model\.sound\.mel: unknown key; did you mean 'mels'\?$"):
        read_experiment(file, ["stage1.model.sound={mel: 64, hop: 80}"])


def test_ranges_are_put_into_words():
    assert range_of(Annotated[float, Field(ge=0, lt=1)]) == "number from 0 to below 1"
    assert range_of(Annotated[int, Field(gt=0, le=5)] | None) == "whole number from 1 to 5"
    assert range_of(PositiveInt) == "whole number, 1 or more"
    assert range_of(Annotated[float, Field(gt=0)]) == "number above 0"
    assert range_of(float | None) is None
