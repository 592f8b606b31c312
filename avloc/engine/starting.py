"""A run that begins with a training whose settings are refused."""

from collections.abc import Iterator
from contextlib import contextmanager

from avloc import processes
from avloc.engine.run import Run
from avloc.errors import ConfigError


@contextmanager
def leaving_nothing(run: Run, number: int, begins: bool) -> Iterator[None]:
    """Remove the configuration of a run that begins with this training if its settings are refused before anything is trained.

    The corrected configuration, which would count as another one, can then be trained in the same folder.
    """
    try:
        yield
    except ConfigError:
        trained = any(path.is_file() for path in run.stage(number).glob("*"))
        if begins and not trained and processes.is_first():
            run.refuse_moved()  # otherwise it would be that of another run
            for file in (run.config, run.made_with, run.stores):
                file.unlink(missing_ok=True)
        raise
