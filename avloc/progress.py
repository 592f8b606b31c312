"""How a command that takes long tells how far it is."""

from collections.abc import Callable

#: things done, things in all, and in words what is being done
Progress = Callable[[int, int, str], None]


def untold(done: int, total: int, text: str) -> None:
    """The progress that nobody asked for."""
