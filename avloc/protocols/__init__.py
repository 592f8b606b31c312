"""Published ways to score heat maps, as frozen values; `plain` is their definition, one clip at a time."""

from avloc.protocols.named import PROTOCOLS, as_protocol, named
from avloc.protocols.protocol import Protocol

__all__ = ["PROTOCOLS", "Protocol", "as_protocol", "named"]
