"""Choices in cutting a file into clips: settings of a store that have a default."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from avloc.data.store_settings import refuse_other
from avloc.errors import DataError

Channels = Literal["mean", "left", "right", "mid"]
CHANNELS: tuple[str, ...] = get_args(Channels)
Tail = Literal["drop", "pad"]
TAILS: tuple[str, ...] = get_args(Tail)


@dataclass(frozen=True)
class Decoding:
    """repair: share of a clip that may be made up for broken packets. tail: a rest shorter than a clip is dropped
    ("drop") or padded with silence and its last frame ("pad"). channels: which channels are used, see `Mixer`.
    """

    repair: float = 0.1
    tail: str = "drop"
    channels: str = "mean"

    def __post_init__(self) -> None:
        refuse_other("tail", self.tail, TAILS)
        refuse_other("channels", self.channels, CHANNELS)
        if not 0 <= self.repair <= 1:
            raise DataError(f"repair is {self.repair}; expected a share of a clip, from 0 to 1")

    def settings(self) -> dict[str, Any]:
        """Those that are not the default, so that stores of earlier versions can be resumed."""
        usual = Decoding()
        return {name: value for name, value in vars(self).items() if value != getattr(usual, name)}
