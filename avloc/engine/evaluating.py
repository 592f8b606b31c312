"""One test set of a run: heat maps of the model and of its baselines, their scores, and the differences."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from avloc import processes
from avloc.data.store import Store
from avloc.engine.class_maps import class_table, maps_are_unnamed, matched_table, refuse_other_classes, table_of_names
from avloc.engine.comparing import clip_values, selected
from avloc.engine.experiment import Experiment, device_of
from avloc.engine.finished import fingerprint_of_set, result_file
from avloc.engine.inference import ready, told
from avloc.engine.kept_maps import keep_maps
from avloc.engine.object_maps import maps_of_objects
from avloc.engine.other_sounds import maps_of_other_sounds
from avloc.engine.resolved import fingerprint_of, resolved
from avloc.engine.retrieval import retrieval_of
from avloc.engine.run import Run
from avloc.engine.set_results import Comparison, Difference, SetResult
from avloc.engine.sounding import heard_by_calibration
from avloc.engine.stacked import to_score
from avloc.engine.stages import load_stage
from avloc.engine.stores import open_test
from avloc.engine.testing import loader_of, maps_of_all, score_set, see_and_hear
from avloc.made_with import made_with
from avloc.options import RETRIEVAL
from avloc.progress import Progress
from avloc.protocols import named
from avloc.scoring.of_predictions import with_other_sounds
from avloc.scoring.stored import fingerprint_of_maps
from avloc.scoring.stored import store as add_to_stored
from avloc.statistics import paired_difference

if TYPE_CHECKING:
    from avloc.scoring.result import Result


def evaluate_set(
    experiment: Experiment,
    run: Run,
    name: str,
    metric: Sequence[str] | None,
    resamples: int,
    negatives: Sequence[str],
    tell: Progress,
) -> SetResult | None:
    """Compute, score and store the heat maps of the test set `name`.

    metric: those to show; all are stored. None in all processes but the first, which scores the predictions of all.
    """
    test, seed = experiment.evaluate[name], experiment.seed
    number = experiment.number_of(test.stage)
    stage = experiment.stage(number)
    device = device_of(stage.train.device)
    localizer = _localizer(experiment, run, name, number, device)
    store = open_test(experiment, name, localizer)
    frames = to_score(store, test, seed, name)
    loader = loader_of(localizer, store, stage, frames.plan, device)
    protocol = named(test.protocol).with_axes(**test.axes)
    table = class_table(experiment, run, protocol, store, localizer)

    def tell_of_set(done: int, total: int, text: str) -> None:
        tell(done, total, f"{name}: {text}")

    # every process takes part in these
    every = maps_of_all(experiment, run, localizer, number, loader, frames, tell_of_set)
    others = maps_of_other_sounds(localizer, loader, frames.plan, negatives, seed)
    searched = RETRIEVAL in (metric or ())
    vectors = retrieval_of(localizer, loader, frames, resamples, seed) if searched else None
    if table is not None and every["model"].shape[1] > 1 and maps_are_unnamed(localizer):
        table = matched_table(experiment, run, store, localizer)  # then they are of the clusters
    refuse_other_classes(every["model"], table, localizer, store, test)
    heard = heard_by_calibration(experiment, run, localizer, number, loader, frames, every)
    if not processes.is_first():
        return None

    of_classes = table_of_names(localizer, store) if localizer.map_names is not None and table is None else table
    kept = keep_maps(experiment, run, localizer, name, frames.truth.ids, every, others, of_classes)
    scored = {variant: score_set(protocol, maps, frames, table, resamples, seed) for variant, maps in every.items()}
    result = scored.pop("model")
    if others:  # including kinds evaluated earlier: thresholds depend on all kinds together
        with_other_sounds([result], every["model"], frames.truth, {"negative_maps": kept, "seed": seed})
    if vectors is not None:
        result.extra[RETRIEVAL] = vectors
    wanted = None if metric is None else [one for one in metric if one != RETRIEVAL]
    # an error if the protocol does not report it; with only `retrieval`, no metric is shown
    shown = {} if metric and not wanted else selected(result.metrics, wanted)
    comparisons = {
        variant: Comparison(other.metrics, _differences(result, other, resamples, seed))
        for variant, other in scored.items()
    }
    result.made_with = _made_with(experiment, name, store, frames.truth.ids, every["model"], device)
    file = result_file(experiment, run, name)
    found = SetResult(name, number, result, comparisons, run.predictions / f"{name}.h5", file, heard)
    run.refuse_moved()
    add_to_stored(file, found.to_json())
    if not shown and not others:
        result.warnings = list(frames.truth.warnings)  # the others are about the scores of heat maps
    return found.showing(shown)


def _localizer(experiment: Experiment, run: Run, name: str, number: int, device: torch.device) -> Any:
    """The trained stage on the device, as the test set uses it."""
    test = experiment.evaluate[name]
    open_test(experiment, name)  # an error of the set comes before any weights are downloaded for it
    localizer: Any = ready(load_stage(experiment, run, number), experiment.inference, device)
    see_and_hear(localizer, test, name)
    if test.maps == "class":
        localizer = maps_of_objects(experiment, run, number, localizer, test.temperature).to(device)
    return localizer


def _made_with(
    experiment: Experiment, name: str, store: Store, ids: Sequence[str], maps: Any, device: torch.device
) -> dict[str, Any]:
    made: dict[str, Any] = made_with(
        str(device),
        configuration=fingerprint_of(resolved(experiment)),
        test_set=fingerprint_of_set(experiment, name),
        store=store.fingerprint,
        predictions=fingerprint_of_maps(ids, maps),
        maps=fingerprint_of_maps(ids, maps, by_id=False),
    )
    if inference := told(experiment.inference):
        made["inference"] = inference
    return made


def _differences(result: "Result", other: "Result", resamples: int, seed: int) -> dict[str, Difference]:
    """Model minus baseline, clip by clip, in every metric that both report.

    Only clips that both have count: some protocols leave out clips for which a method gives no map.
    """
    known: Mapping[str, Any] = {row["id"]: row for row in other.per_clip}
    rows = [row for row in result.per_clip if row["id"] in known]
    mine = clip_values(rows, result.protocol.axes(), result.metrics)
    theirs = clip_values([known[row["id"]] for row in rows], other.protocol.axes(), other.metrics)
    videos = [row["video"] for row in rows]
    found = {}
    for name in result.metrics:
        if name in mine and name in theirs:
            value, interval = paired_difference(mine[name], theirs[name], videos, resamples, seed)
            found[name] = Difference(value, interval if resamples else None)
    return found
