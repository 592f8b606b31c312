"""The sections of a configuration beside model and train, as typed settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from avloc.config import Section
from avloc.errors import ConfigError


@dataclass(frozen=True)
class Data:
    """store: a prepared store. train, validation: its splits that a stage learns from and is judged on meanwhile.

    layout: ``folder`` reads frames and sounds as they lie in the folder `store`, the splits being its lists of ids.
    labels: the name of pseudo labels in the store, as `avloc pseudo-labels` writes them.
    pairs: ``anew`` lets each training epoch pair frames and sounds of the same classes anew, ``stored`` keeps every clip's own
    sound; left out, it is as the store was prepared.
    select_on_test: let ``train.select`` choose among epochs on a split that is tested on too, as some published results
    were; they are optimistic.
    """

    __pydantic_config__ = {"extra": "forbid"}

    store: Path
    train: str
    validation: str | None = None
    layout: Literal["store", "folder"] = "store"
    labels: str | None = None
    pairs: Literal["stored", "anew"] | None = None
    select_on_test: bool = False


@dataclass(frozen=True)
class TestSet:
    """A split to evaluate: which protocol scores it and which stage's maps (None: the last stage).

    axes: of the protocol that are to differ, as ``{nsa_maps: 11}``; the result records them.
    size: pixels of the frames the method sees here, instead of its view's own. seconds: of sound it hears here, likewise.
    maps: the stage's ``own``, or one for each ``class``: its map divided among the clusters that `avloc cluster` found, by a
    softmax over the cosines with their centres, divided by `temperature`.
    frames: of each clip ``all`` its annotated frames, the ``first``, or one at ``random`` as the released code does.
    """

    __pydantic_config__ = {"extra": "forbid"}

    store: Path
    split: str
    protocol: str
    stage: PositiveInt | None = None
    frames: Literal["all", "first", "random"] = "all"
    size: PositiveInt | None = None
    seconds: float | None = None
    maps: Literal["own", "class"] = "own"
    temperature: PositiveFloat = 0.1
    axes: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterSettings:
    """as_trained: take the clustering that the stage's own classification used, as published, instead of a new one.

    restarts: of k-means. random_draws: search the match of clusters to classes by that many draws; 0 is exact.
    clusters: how many, for a method that does not say so itself; None: as many as the training clips have classes.
    """

    __pydantic_config__ = {"extra": "forbid"}

    as_trained: bool = False
    restarts: PositiveInt = 10
    random_draws: NonNegativeInt = 0
    clusters: PositiveInt | None = None


@dataclass(frozen=True)
class Start:
    """Other runs to start from. stage1: where stage one and its clusters lie; stage2: whose stage two the student continues."""

    __pydantic_config__ = {"extra": "forbid"}

    stage1: Path | None = None
    stage2: Path | None = None


def problems_of(part: Section, test: dict[str, Any], stages: int) -> list[str]:
    """What is wrong with a test set beside the types of its values: its protocol, that one's axes, its stage."""
    from avloc.protocols import named

    problems = []
    if "protocol" in test:
        try:
            protocol = named(test["protocol"])
        except ConfigError as error:
            problems.append(f"{part.where(['protocol'])}: {error}")
        else:
            for axis, value in test.get("axes", {}).items():
                try:
                    protocol.with_axes(**{axis: value})
                except ConfigError as error:
                    problems.append(f"{part.where(['axes', axis])}: {error}")
    if (test.get("stage") or 1) > stages:
        problems.append(
            f"{part.where(['stage'])}: found {test['stage']}; this method has {stages} stage{'s' * (stages > 1)}"
        )
    return problems
