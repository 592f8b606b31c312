"""A line of manifest.jsonl, as checked by pydantic: keys and types of known keys; other keys can be anything."""

from typing import Annotated, Literal, NotRequired

from pydantic import AllowInfNan, ConfigDict, Field
from typing_extensions import TypedDict

MOST_ROWS, MOST_SHARDS = 10**9, 10**7
_OPEN = ConfigDict(extra="allow", strict=True)
_Seconds = Annotated[float, AllowInfNan(False)]
_Span = Annotated[list[_Seconds], Field(min_length=2, max_length=2)]


class Repaired(TypedDict):
    """silence: s that were filled in. packets: broken ones. offset: s from the start of the picture to that of the sound."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    silence: NotRequired[_Seconds]
    packets: NotRequired[int]
    offset: NotRequired[_Seconds]


class LeftOut(TypedDict):
    """A clip that was left out."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    reason: str


class Prepared(TypedDict):
    """clips: their ids. times: start and end of each in its source, s. sha256: of all of them; both are missing in
    stores of early versions. repaired, left_out, rest, padded: of the recording, if there is something to report; s.
    """

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    id: str
    status: Literal["ok"]
    clips: list[str]
    row: Annotated[int, Field(ge=0, le=MOST_ROWS)]
    times: NotRequired[list[_Span]]
    sha256: NotRequired[str]
    repaired: NotRequired[Repaired]
    left_out: NotRequired[list[LeftOut]]
    rest: NotRequired[_Seconds]
    padded: NotRequired[_Seconds]


class Failed(TypedDict):
    """passing: the same command tries the item again, because it was not the file's fault."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    id: str
    status: Literal["failed"]
    clips: Annotated[list[str], Field(max_length=0)]
    reason: str
    detail: NotRequired[str]
    passing: NotRequired[bool]


class PreparedLine(Prepared):
    """split: the list. where: its file and line. source: the item's file, for readers."""

    split: str
    source: NotRequired[str]
    where: NotRequired[str]
    shard: Annotated[int, Field(ge=0, le=MOST_SHARDS)]


class FailedLine(Failed):
    split: str
    source: NotRequired[str]
    where: NotRequired[str]


Outcome = Annotated[Prepared | Failed, Field(discriminator="status")]
Line = Annotated[PreparedLine | FailedLine, Field(discriminator="status")]
