"""RUN/card.md: a run's training data, its results, and what the model cannot do."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from avloc.engine.experiment import Experiment
from avloc.engine.model_limits import COMPARED, SHOWN, limits
from avloc.engine.run import Run
from avloc.errors import AvlocError
from avloc.files import regular, write_text
from avloc.naming import printable
from avloc.standings.results import read_results
from avloc.standings.table import rule_of

if TYPE_CHECKING:
    from avloc.data.store import Store


def write_model_card(experiment: Experiment, run: Run) -> Path:
    """Write the card and return its path; unknown parts are stated as such."""
    path = run.path / "card.md"
    run.refuse_moved()
    write_text(path, model_card(experiment, run))
    return path


def model_card(experiment: Experiment, run: Run) -> str:
    results, unreadable = _results(experiment, run)
    parts = [
        [
            f"# {run.path.name}: {experiment.method}",
            "",
            "This card was written by `avloc card`. config.yaml has all settings.",
        ],
        _model(experiment, run),
    ]
    trained = experiment.localizers[0].needs_training
    store, problem = _training_store(experiment) if trained else (None, "")
    counts = {} if store is None else classes_of(store)
    if trained:
        parts.append(_data(experiment, store, counts, problem))
    parts += [_figures(results, unreadable), _absent(results), limits(experiment, store, counts, results)]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def classes_of(store: "Store") -> dict[str, dict[str, int]]:
    """For each class, the clips in which it sounds and, in composed scenes, the photographs and recordings in them."""
    from avloc.data.scenes import heard_from, seen_in

    found: dict[str, dict[str, int]] = {
        name: {"clips": int(count)} for name, count in zip(store.classes, np.asarray(store.labels).sum(0), strict=True)
    }
    pictures: dict[str, set[str]] = {name: set() for name in found}
    sounds: dict[str, set[str]] = {name: set() for name in found}
    for line, _ in store.lines():
        for name, file in seen_in(line):
            pictures.get(name, set()).add(file)
        for name, file in heard_from(line):
            sounds.get(name, set()).add(file)
    if any(pictures.values()) or any(sounds.values()):
        for name, counts in found.items():
            counts |= {"photographs": len(pictures[name]), "recordings": len(sounds[name])}
    return found


def _training_store(experiment: Experiment) -> "tuple[Store | None, str]":
    from avloc.engine.stores import open_data

    number = min(experiment.stages, default=1)
    try:
        return open_data(experiment, number, experiment.stage(number).data.train), ""
    except AvlocError as error:
        return None, str(error).splitlines()[0]


def _model(experiment: Experiment, run: Run) -> list[str]:
    lines = ["## Model", ""]
    for number, stage in sorted(experiment.stages.items()):
        values = experiment.source.values.get(f"stage{number}", {}).get("model") or {}
        senses = [_sense(name, values.get(key)) for name, key in (("eyes", "visual"), ("ears", "audio"))]
        lines.append(f"* Stage {number}: {'; '.join(senses)}.")
        for path in sorted(run.stage(number).glob("*.safetensors")):
            size, numbers = path.stat().st_size, _numbers(path)
            lines.append(f"* {path.parent.name}/{path.name}: {size / 1e6:.1f} MB, {numbers / 1e6:.2f} million numbers.")
        log = run.log_path(number)
        if log.is_file():
            epochs = len(log.read_text(encoding="utf-8").splitlines())
            lines.append(
                f"* Trained for {epochs} epochs, seed {experiment.seed}, batches of {stage.train.batch_size} clips."
            )
    return lines


def _sense(name: str, given: Any) -> str:
    if not isinstance(given, Mapping):
        return f"{name}: the method's default"
    kind = given.get("timm") or given.get("tagger")
    if kind is None:
        weights = f" with the weights {Path(str(given['weights'])).name}" if given.get("weights") else ", from scratch"
        return f"{name}: the method's own network{weights}"
    frozen = given.get("frozen", True)
    learnt = "frozen" if frozen is True else "trained" if frozen is False else f"frozen: {frozen}"
    return f"{name}: {kind}, pretrained ({learnt})"


def _numbers(path: Path) -> int:
    from safetensors import safe_open

    with safe_open(regular(path), framework="np") as file:
        return sum(int(np.prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118


def _data(
    experiment: Experiment, store: "Store | None", counts: Mapping[str, Mapping[str, int]], problem: str
) -> list[str]:
    from avloc.data.origin import WORDS, origin_of

    data = experiment.stage(min(experiment.stages, default=1)).data
    lines = ["## Trained on", ""]
    if store is None:
        return [*lines, f"The store was not found, so nothing is known about it: {problem}"]
    lines.append(
        f"{len(store)} clips of {store.path.name} ({data.train}), {WORDS[origin_of(store.settings)]}, {store.seconds:g} s of "
        f"sound at {store.rate} Hz each."
    )
    if not counts:
        return [*lines, "", "The clips have no classes."]
    columns = list(dict.fromkeys(name for one in counts.values() for name in one))
    return [*lines, "", *_table(["class", *columns], [[name, *one.values()] for name, one in counts.items()])]


def _results(experiment: Experiment, run: Run) -> tuple[list[dict[str, Any]], list[str]]:
    """The stored results of the run's test sets, in the order of the configuration; and problems of other files."""
    order = list(experiment.evaluate)
    found, unreadable = [], []
    for path in sorted(run.results.glob("*.json")):
        try:
            found += [one for one in read_results(path) if one.get("set") is not None]
        except AvlocError as error:
            unreadable.append(str(error).replace(f"{run.path}/", ""))
    return sorted(found, key=lambda one: order.index(one["set"]) if one["set"] in order else len(order)), unreadable


def _figures(results: list[dict[str, Any]], unreadable: list[str]) -> list[str]:
    lines = ["## Results", ""]
    lines += [f"* Left out: {printable(line)}" for line in unreadable] + [""] * bool(unreadable)
    if not results:
        return [*lines, "Nothing is known." if unreadable else "It was not evaluated; run `avloc evaluate`."]
    rows = []
    for one in results:
        for name in [name for name in SHOWN if name in one["metrics"]][:2]:
            metric = one["metrics"][name]
            others = [one.get("comparisons", {}).get(kind, {}).get("metrics", {}).get(name) for kind in COMPARED]
            ends = metric.get("ci95_by_video") or metric.get("ci95")
            rows.append(
                [one["set"], rule_of(one), one["counts"]["evaluated"], name, _percent(metric), _ends(ends)]
                + [_percent(other) for other in others]
            )
    lines += _table(["set", "protocol", "clips", "metric", "%", "95 % interval", *COMPARED], rows)
    told = [(one["set"], one["tells"]) for one in results if one.get("tells")]
    for name, tells in told:
        share = f"{100 * tells['value']:.1f} % of {tells['pairs']} pairs"
        lines += ["", f"{name}: the sounding object has the higher map in {share} with a silent object (chance: 50)."]
    return lines


def _absent(results: list[dict[str, Any]]) -> list[str]:
    rows = [
        [one["set"], kind, found["clips"], f"{found['auroc']:.3f}", f"{100 * found['false_alarm_rate']:.1f}"]
        for one in results
        for kind, found in one.get("negative_sound", {}).items()
    ]
    if not rows:
        return []
    columns = ["set", "sound", "clips", "AUROC", "false alarms %"]
    about = (
        "How well a map's level separates clips whose sound is in view from clips with such a sound; 1 is perfect, "
        "0.5 is chance."
    )
    return ["## Sounds that nothing in view makes", "", about, "", *_table(columns, rows)]


def _percent(metric: Mapping[str, Any] | None) -> str:
    return "" if metric is None or metric.get("value") is None else f"{100 * metric['value']:.1f}"


def _ends(ends: Any) -> str:
    return "" if not ends or None in ends else f"{100 * ends[0]:.1f} to {100 * ends[1]:.1f}"


def _table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    lines = [columns, ["---"] * len(columns), *rows]
    return [f"| {' | '.join(str(cell).replace('|', '/') for cell in line)} |" for line in lines]
