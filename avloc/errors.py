"""The errors a user can cause. The command line shows the message alone, exit status 2; any other exception is a bug."""


class AvlocError(Exception):
    """Root of every error that a user can fix; the message says where, what was found, what was expected, what to do.

    It is one line, whatever text it quotes.
    """

    _kept = ""  # characters that a message may have although no letter

    def __str__(self) -> str:
        from avloc.naming import printable

        return printable(super().__str__(), self._kept)


class ConfigError(AvlocError):
    """One or more mistakes in a YAML configuration, a line each: ``file:line: key: what, did you mean``."""

    _kept = "\n"


class DataError(AvlocError):
    """Videos, sounds, annotations or a store that are missing, unreadable or do not fit."""


class RunError(AvlocError):
    """A run folder that lacks what an earlier command writes, or holds what does not belong together."""
