"""All protocols under their names."""

import difflib

from avloc.errors import ConfigError
from avloc.protocols.named_multi import MULTI
from avloc.protocols.named_single import SINGLE
from avloc.protocols.protocol import Protocol

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (*SINGLE, *MULTI)}


def named(name: str) -> Protocol:
    """The protocol of this name; ConfigError lists the names otherwise."""
    if name not in PROTOCOLS:
        near = difflib.get_close_matches(name, PROTOCOLS, 1)
        hint = f"did you mean {near[0]!r}? The protocols are" if near else "the protocols are"
        raise ConfigError(f"no protocol {name!r}; {hint} {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
