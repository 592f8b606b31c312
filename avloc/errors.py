"""Errors that a user can cause. The command line shows only the message, with status 2; any other exception is a bug."""


class AvlocError(Exception):
    """Base of every error that a user can fix; the message says where, what was found, what was expected, what to do.

    It is one line, whatever it quotes.
    """

    _kept = ""  # format characters that are part of words, kept although not printable

    def __str__(self) -> str:
        from avloc.naming import printable

        return printable(super().__str__(), self._kept)


class ConfigError(AvlocError):
    """One or more mistakes in a YAML configuration, a line each: ``file:line: key: what, did you mean``."""

    _kept = "\n"


class DataError(AvlocError):
    """Videos, sounds, annotations or a store that are missing, unreadable or inconsistent."""


class RunError(AvlocError):
    """A run folder that lacks the output of an earlier command, or has inconsistent contents."""
