"""The protocols of avloc.protocols.plain for many maps at once: the same numbers, many times as fast."""
