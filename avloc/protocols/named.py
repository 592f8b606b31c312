"""All protocols under their names."""

from avloc.errors import ConfigError
from avloc.naming import unknown
from avloc.protocols.named_multi import MULTI
from avloc.protocols.named_single import SINGLE
from avloc.protocols.protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (*SINGLE, *MULTI)}


def named(name: str) -> Protocol:
    """The protocol of this name; ConfigError lists the names otherwise."""
    if name not in PROTOCOLS:
        raise ConfigError(unknown("protocol", name, PROTOCOLS))
    return PROTOCOLS[name]
