"""Settings of a model whose tensors do not fit together, refused before the training."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from avloc.data.loader import Loader
from avloc.engine import contract
from avloc.engine.experiment import Experiment
from avloc.errors import ConfigError
from avloc.methods.base import Localizer


def refuse_misfits(experiment: Experiment, number: int, localizer: Localizer, loaders: Mapping[str, Loader]) -> None:
    """ConfigError if a stage cannot compute the maps of a batch of training clips."""
    (batch,) = loaders["train"].in_order(experiment.stage(number).train.batch_size, steps=[0])
    with naming_settings(experiment, number):
        contract.try_locate(localizer, batch)


@contextmanager
def naming_settings(experiment: Experiment, number: int) -> Iterator[None]:
    """Add to the error the settings that can be its cause: those that are not the defaults, which fit together."""
    try:
        yield
    except contract.Misfit as error:
        parameters = inspect.signature(experiment.localizers[number - 1]).parameters
        given = experiment.stage(number).model
        changed = [name for name, one in parameters.items() if name in given and given[name] != one.default]
        if not changed:
            raise
        where = experiment.source.where([f"stage{number}", "model"])
        raise ConfigError(f"{where}: {error}; check what differs from the defaults: {', '.join(changed)}") from error
