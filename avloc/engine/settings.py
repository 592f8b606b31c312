"""The sections of a configuration beside model and train, as typed settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from avloc.config import Section
from avloc.errors import ConfigError
from avloc.file_names import is_file_name


@dataclass(frozen=True)
class Data:
    """What a stage learns from.

    store: a prepared store.
    train: the split that the stage learns from.
    validation: the split that it is judged on during training.
    layout: ``folder`` reads frames and sounds as they lie in the folder `store`, the splits being its lists of ids;
    ``webdataset`` reads tar shards, `store` being a folder of them, one of them, or a pattern such as train-{000..099}.tar.
    labels: the name of pseudo labels in the store, as `avloc pseudo-labels` writes them.
    pairs: ``anew`` lets each training epoch pair frames and sounds of the same classes anew, ``stored`` keeps every clip's own
    sound; left out, it is as the store was prepared.
    shuffle: draw each training clip at random from a buffer of that many clips, which is filled shard by shard in the order
    in which they lie there; left out, a store is shuffled as a whole, and tar shards with a buffer of 4,096.
    cache: a folder on a faster disk, to which the shards that a training reads are copied once.
    select_on_test: let ``train.select`` choose among epochs on a split that is tested on too, as some published results
    were; they are optimistic.
    """

    __pydantic_config__ = {"extra": "forbid"}

    store: Path
    train: str
    validation: str | None = None
    layout: Literal["store", "folder", "webdataset"] = "store"
    labels: str | None = None
    pairs: Literal["stored", "anew"] | None = None
    shuffle: PositiveInt | None = None
    cache: Path | None = None
    select_on_test: bool = False


@dataclass(frozen=True)
class TestSet:
    """A split to evaluate.

    store: a prepared store.
    split: the split of it to evaluate.
    protocol: the protocol that scores it.
    stage: the stage whose heat maps are scored; None for the last one.
    frames: which annotated frames of each clip are scored: ``all``, the ``first``, or one at ``random``, as released.
    size: side in pixels of the frames that the method sees here; None for the size of its own view.
    seconds: how much sound it hears here; None for as much as its own view.
    maps: the stage's ``own``, or one for each ``class``: its map divided among the clusters that `avloc cluster` found.
    temperature: of the softmax over the clusters by which a map is divided.
    axes: axes of the protocol to override, such as ``{nsa_maps: 11}``; the result records them.
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
    """How `avloc cluster` and `avloc match-clusters` work.

    as_trained: keep the clustering that the stage used during training, as published, instead of computing a new one.
    restarts: how often k-means is started; the best result is kept.
    random_draws: search the match of clusters to classes with that many random draws; 0 finds the best match exactly.
    clusters: how many, for a method that does not say so itself; None: as many as the training clips have classes.
    """

    __pydantic_config__ = {"extra": "forbid"}

    as_trained: bool = False
    restarts: PositiveInt = 10
    random_draws: NonNegativeInt = 0
    clusters: PositiveInt | None = None


@dataclass(frozen=True)
class Start:
    """Other runs to start from.

    stage1: the run whose stage one and clusters are used.
    stage2: the run whose stage two is trained further.
    """

    __pydantic_config__ = {"extra": "forbid"}

    stage1: Path | None = None
    stage2: Path | None = None


def problems_of(part: Section, test: dict[str, Any], stages: int) -> list[str]:
    """What is wrong with a test set beside the types of its values: its protocol, that one's axes, its stage."""
    from avloc.protocols import named

    problems = []
    if not is_file_name(part.path[-1]):
        problems.append(
            f"{part.where()}: the name of a test set becomes that of files; expected no slash and no dot before it"
        )
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
