"""The heat maps of a test set, stored as predictions of the run, where other commands find them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from avloc.engine.experiment import Experiment
from avloc.engine.inference import told
from avloc.engine.predicting import Maps
from avloc.engine.run import Run
from avloc.errors import DataError
from avloc.methods.base import Localizer
from avloc.predictions import read_predictions, write_predictions

#: which maps are stored as predictions, and the suffix of the set's name
KEPT = {"model": "", "wrong sound": ".wrong-sound", "stage one": ".stage1"}


def keep_maps(
    experiment: Experiment,
    run: Run,
    localizer: Localizer,
    name: str,
    ids: Sequence[str],
    every: Mapping[str, Maps],
    others: Mapping[str, Maps],
    assignment: NDArray[np.bool_] | None,
) -> dict[str, Maps]:
    """Write predictions/NAME.h5 and so on; returns the model's stored maps with other sounds, by kind.

    others: new maps with other sounds; stored ones of the same maps are kept. assignment: which map belongs to which
    class.
    """
    test, names = experiment.evaluate[name], localizer.map_names
    about = {
        "method": experiment.method,
        "stage": experiment.number_of(test.stage),
        "store": str(test.store),
        "split": test.split,
        "frames": test.frames,
        **({"stacked": test.stacked} if test.stacked > 1 else {}),
    }
    if inference := told(experiment.inference):
        about["inference"] = inference
    kept = {**KEPT, localizer.looks: ".deaf"}
    stored = {**_stored(run.predictions / f"{name}.h5", ids, every["model"]), **others}
    for variant, maps in every.items():
        if variant not in kept:
            continue
        path = run.predictions / f"{name}{kept[variant]}.h5"
        run.refuse_moved()
        write_predictions(
            path,
            ids,
            maps,
            classes=names if names is not None and len(names) == maps.shape[1] else None,
            assignment=assignment if assignment is not None and maps.shape[1] == assignment.shape[1] else None,
            negative_maps=stored if variant == "model" else None,
            attributes={**about, "variant": variant},
        )
    return stored


def _stored(path: Path, ids: Sequence[str], maps: Maps) -> dict[str, Maps]:
    """The maps of other sounds in a file of the same maps."""
    if not path.exists():
        return {}
    try:
        there = read_predictions(path)
    except DataError:  # it is rewritten
        return {}
    same = there.ids == list(ids) and np.array_equal(there.maps, maps, equal_nan=True)
    return there.negative_maps if same else {}
