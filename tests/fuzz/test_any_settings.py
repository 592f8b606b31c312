"""Every key of every shipped configuration with values that no key should have: refused in a line, or a method that can be
built and that sees and hears.

    pytest -m fuzz tests/fuzz/test_any_settings.py --examples 50000
"""

import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest
import torch

from avloc.config import Section, dump, lay_over, read_section
from avloc.engine.experiment import experiment_of, read_experiment
from avloc.engine.resolved import resolved
from avloc.engine.shipped import configs_folder
from avloc.errors import AvlocError, ConfigError
from avloc.methods.base import Localizer
from avloc.registry import methods
from tests.fuzz.outcomes import Tally, attempt, little_memory

pytestmark = pytest.mark.fuzz
NIGHT = 10_000  # examples of a run that is not in a hurry
SHARE = 0.1  # of the examples of another run

#: as text of YAML
ODD = (
    ".nan", "-.inf", "-1", "0", "1", "0.5", "1.5", "1e30", "-1e30", "1e-30", "1" + "0" * 400, '""', "[]", "{}", "[1]",
    "[-1, -1]", "[0, 0, 0]", "[.nan, 1, 1]", "{a: 1}", "true", "null", "word", "w" * 5000, "1:30", "2026-11-30", "'1'",
)  # fmt: skip


def keys_of(values: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    """Sections and the values in them, dotted."""
    if path:
        yield ".".join(path)
    if isinstance(values, dict):
        for name, inner in values.items():
            yield from keys_of(inner, (*path, name))


def cases(method: str, folder: Path) -> list[tuple[Path, str, str]]:
    """Each key that a shipped configuration of a method has, and each that it can have, with each value.

    A key whose value is of the same kind in several configurations is tried in one of them.
    """
    named = re.compile(rf"^method: {method}$", re.MULTILINE)
    shipped = [path for path in sorted(configs_folder().glob("*.yaml")) if named.search(path.read_text())]
    every = folder / f"{method}.yaml"
    every.write_text(dump(resolved(read_experiment(shipped[0]))))
    found = {}
    for path in (every, *shipped):
        values = section_of(path).values
        for key in keys_of(values):
            found.setdefault((key, kind_of(values, key)), (path, key))
    return [(path, key, value) for path, key in found.values() for value in ODD]


@cache
def section_of(path: Path) -> Section:
    return read_section(path)


def kind_of(values: Any, key: str) -> object:
    for name in key.split("."):
        values = values[name]
    return tuple(values) if isinstance(values, dict) else type(values)


class Works:
    """A configuration with one odd value is read, and the stage that it changes is built and sees and hears."""

    def __init__(self) -> None:
        self.outcomes: dict[str, AvlocError | None] = {}

    def __call__(self, path: Path, key: str, value: str) -> None:
        section, problems = deepcopy(section_of(path)), []
        lay_over(section, [f"{key}={value}"], problems)
        if problems:
            raise ConfigError("\n".join(problems))
        experiment = experiment_of(section)
        stage, _, rest = key.partition(".")
        if not rest.startswith("model"):
            return
        number = int(stage.removeprefix("stage"))
        arguments = f"{number} {experiment.stage(number).model}"
        if arguments not in self.outcomes:
            self.outcomes[arguments] = None
            try:
                tried(experiment.build(number, pretrained=False))
            except AvlocError as error:
                self.outcomes[arguments] = error
        known = self.outcomes[arguments]
        if known is not None:
            raise known


def once_for_each_section(create: Callable[..., Any]) -> Callable[..., Any]:
    """`pydantic.create_model`, which takes most of the time of reading a configuration, without doing it again."""
    known: dict[str, Any] = {}

    def created(name: str, **fields: Any) -> Any:
        told = repr(fields)
        if told not in known:
            known[told] = create(name, **fields)
        return known[told]

    return created


@cache
def frames() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 255, (2, 40, 50, 3), dtype=np.uint8))


def tried(localizer: Localizer) -> None:
    generator = torch.Generator().manual_seed(0)
    frame = getattr(localizer, "frame", None)  # some later stages take it from the first
    for view in (frame, localizer.frame2):
        for drawn in (None, generator) if view is not None else ():
            assert torch.isfinite(view(frames(), drawn)).all(), "a frame that is not finite"
    for view in (getattr(localizer, "sound", None), localizer.sound2):
        if view is not None:
            samples = np.random.default_rng(0).integers(-3000, 3000, (2, (view.rate or 16_000) * 2), dtype=np.int16)
            for drawn in (None, generator):
                assert torch.isfinite(view(torch.from_numpy(samples), drawn)).all(), "a sound that is not finite"


@pytest.mark.parametrize("method", methods())
def test_odd_values_are_refused_in_a_line_or_make_a_method(
    method, tmp_path, monkeypatch, pytestconfig, record_property
):
    examples, seed = pytestconfig.getoption("--examples"), pytestconfig.getoption("--fuzz-seed")
    for name in ("kaiming_normal_", "kaiming_uniform_", "normal_", "uniform_", "trunc_normal_"):
        monkeypatch.setattr(
            torch.nn.init, name, lambda tensor, *_, **__: tensor
        )  # nothing is computed with the weights
    monkeypatch.setattr(pydantic, "create_model", once_for_each_section(pydantic.create_model))
    chosen, works, tally = cases(method, tmp_path), Works(), Tally()
    if examples < NIGHT:
        chosen = random.Random(f"{method} {seed}").sample(chosen, round(SHARE * examples / len(methods())))
    with little_memory():
        for path, key, value in chosen:
            attempt(tally, f"{path.name}: {key}={value[:40]}", partial(works, path, key, value))
    record_property(
        "fuzz", f"{tally.inputs} settings, {tally.refused} refused in a line, {sum(tally.count.values())} findings"
    )
    assert not tally.findings, "\n".join(tally.lines())
