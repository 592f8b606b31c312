"""Published ways to score heat maps, as frozen values of pure functions of arrays."""

from avloc.protocols.named import PROTOCOLS, named
from avloc.protocols.protocol import Protocol

__all__ = ["PROTOCOLS", "Protocol", "named"]
