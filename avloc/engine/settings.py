"""The sections of a configuration other than model and train, as typed settings."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from avloc.config import Section
from avloc.errors import ConfigError
from avloc.file_names import is_file_name
from avloc.ranges import Buffer, Classes, Count, Few, Pixels, Seconds, Several, Steps, Temperature


@dataclass(frozen=True)
class Data:
    """The data of a stage.

    store: a prepared store.
    train: the split that the stage is trained on.
    validation: the split that it is evaluated on during training.
    layout: ``folder`` reads frames and sounds directly from the folder `store`, with its lists of ids as splits;
    ``webdataset`` reads tar shards, where `store` is a folder of them, a single one, or a pattern such as train-{000..099}.tar.
    labels: the name of pseudo labels in the store, written by `avloc pseudo-labels`.
    pairs: ``anew`` pairs frames and sounds of the same classes anew in each training epoch, ``stored`` keeps every clip's own
    sound; by default, the store's setting is used.
    shuffle: draw each training clip at random from a buffer of this many clips, which is filled shard by shard; by default,
    a store is shuffled as a whole, and tar shards are shuffled with a buffer of 4,096.
    cache: a folder on a faster disk; the shards that a training reads are copied there once.
    read_ahead: how many batches to fetch from a slow disk before they are needed; 0 for none.
    follow_links: also read files of a folder, or tar shards, that are symbolic links to outside it.
    select_on_test: let ``train.select`` choose the epoch on a split that is also a test set, as some published results
    did; such results are optimistic.
    """

    __pydantic_config__ = {"extra": "forbid"}

    store: Path
    train: str
    validation: str | None = None
    layout: Literal["store", "folder", "webdataset"] = "store"
    labels: str | None = None
    pairs: Literal["stored", "anew"] | None = None
    shuffle: Buffer | None = None
    cache: Path | None = None
    read_ahead: Several = 0
    follow_links: bool = False
    select_on_test: bool = False


@dataclass(frozen=True)
class TestSet:
    """A split to evaluate.

    store: a prepared store.
    split: the split of it to evaluate.
    protocol: the protocol that scores it.
    stage: the stage whose heat maps are scored; None for the last one.
    frames: which annotated frames of each clip are scored: ``all``, the ``first``, or one at ``random``, as released.
    size: side of the frames in pixels for this test set; None for the size of the method's view.
    seconds: length of the sound for this test set; None for that of the method's view.
    maps: the stage's ``own``, or one per ``class``: its map divided among the clusters that `avloc cluster` found.
    temperature: temperature of the softmax over the clusters by which a map is divided.
    stacked: number of clips in one mixture, with their frames stacked vertically and their spectrograms averaged, as NoPrior is
    tested; for the protocols noprior and noprior-fixed, which match maps to frames.
    axes: axes of the protocol to override, such as ``{nsa_maps: 11}``; the result records them.
    """

    __pydantic_config__ = {"extra": "forbid"}

    store: Path
    split: str
    protocol: str
    stage: Count | None = None
    frames: Literal["all", "first", "random"] = "all"
    size: Pixels | None = None
    seconds: Seconds | None = None
    maps: Literal["own", "class"] = "own"
    temperature: Temperature = 0.1
    stacked: Few = 1
    axes: dict[str, str | int | float | bool] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterSettings:
    """How `avloc cluster` and `avloc match-clusters` work.

    as_trained: keep the clustering that the stage used during training, as published, instead of computing a new one.
    restarts: number of k-means runs; the best result is kept.
    random_draws: match clusters to classes with this many random draws; 0 finds the best match exactly.
    clusters: number of clusters, for methods that do not fix it; None: the number of classes in the training clips.
    """

    __pydantic_config__ = {"extra": "forbid"}

    as_trained: bool = False
    restarts: Count = 10
    random_draws: Steps = 0
    clusters: Classes | None = None


@dataclass(frozen=True)
class Start:
    """Other runs to start from.

    stage1: the run whose stage one and clusters are used.
    stage2: the run whose stage two is the starting point.
    """

    __pydantic_config__ = {"extra": "forbid"}

    stage1: Path | None = None
    stage2: Path | None = None


@dataclass(frozen=True)
class Inference:
    """How trained stages compute heat maps; training and its validation have ``train.precision``.

    precision: ``fp32``; ``bf16`` by autocast; or ``auto``, bf16 where the device has it in hardware, else fp32.
    channels_last: convolutions in the memory format that is quicker on most machines, above all together with bf16.
    """

    __pydantic_config__ = {"extra": "forbid"}

    precision: Literal["fp32", "bf16", "auto"] = "fp32"
    channels_last: bool = False


def problems_of(part: Section, test: dict[str, Any], stages: int) -> list[str]:
    """Mistakes in a test set apart from the types of its values: its protocol, the protocol's axes, its stage."""
    from avloc.protocols import named

    problems = []
    if not is_file_name(part.path[-1]):
        problems.append(
            f"{part.where()}: the name of a test set is used for files; expected no slash and no leading dot"
        )
    if "protocol" in test:
        try:
            protocol = named(test["protocol"])
        except ConfigError as error:
            problems.append(f"{part.where(['protocol'])}: {error}")
        else:
            if isinstance(test.get("stacked"), int) and test["stacked"] > 1 and protocol.canvas != "tall":
                problems.append(
                    f"{part.where(['stacked'])}: found {test['stacked']}, but {protocol.name} scores single frames; "
                    "expected 1, or protocol: noprior or noprior-fixed"
                )
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
