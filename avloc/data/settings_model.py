"""store.json, as checked by pydantic: keys, types and ranges of known keys; other keys can be anything."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AllowInfNan, ConfigDict, Field
from typing_extensions import TypedDict

_Count = Annotated[int, Field(ge=0, le=10**12)]


class Left(TypedDict):
    kind: str
    count: _Count
    words: str
    names: list[str]


class Unmatched(TypedDict):
    """Unmatched names; see `avloc.leftovers`."""

    what: str
    matched: _Count
    left: list[Left]


class Settings(TypedDict):
    """rate: Hz. seconds: of a clip. samples: of its waveform, 0 if it has a spectrogram (`sound`). size: pixels.
    splits: clips of each. votes: how many boxes must agree on a pixel for its full weight. block: items per shard.
    shard: "2/8" for a part.
    """

    __pydantic_config__ = ConfigDict(extra="allow", strict=True)  # type: ignore[misc]
    format: int
    classes: list[str]
    rate: Annotated[int, Field(ge=1, le=10**8)]
    seconds: Annotated[float, Field(gt=0, le=10**8), AllowInfNan(False)]
    samples: Annotated[int, Field(ge=0, le=10**8)]
    frames_per_clip: Annotated[int, Field(ge=1, le=10**6)]
    size: Annotated[int, Field(ge=1, le=65_535)]
    frames: Literal["jpeg", "raw"]
    splits: dict[str, _Count]
    store: NotRequired[Literal["hdf5", "lmdb"]]
    votes: NotRequired[Annotated[int, Field(ge=1, le=10**6)]]
    block: NotRequired[Annotated[int, Field(ge=1, le=10**9)]]
    shard: NotRequired[Annotated[str, Field(pattern=r"^\d{1,6}/\d{1,6}$")] | None]
    source: NotRequired[str]
    beside: NotRequired[str]
    data: NotRequired[str]
    ok: NotRequired[_Count]
    failed: NotRequired[_Count]
    sound: NotRequired[dict[str, Any] | None]
    masks: NotRequired[bool]
    unmatched: NotRequired[list[Unmatched]]
