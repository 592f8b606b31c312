"""Results of runs: their methods and configurations, and several seeds of one configuration as one row."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avloc.files import regular
from avloc.plain_yaml import plain_yaml
from avloc.standings.by_group import KEYS
from avloc.standings.table import label


@dataclass(frozen=True)
class RunAbout:
    """From a run's config.yaml: its method, its seed, and everything else as one text."""

    name: str
    method: str
    seed: Any
    rest: str


def about_run(path: Path) -> RunAbout | None:
    """Of a result in RUN/results; None for any other file, or if the run has no readable configuration."""
    if path.parent.name != "results":
        return None
    run = path.parent.parent
    try:
        config = plain_yaml(regular(run / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict) or not isinstance(config.get("method"), str):
        return None
    rest = {key: value for key, value in config.items() if key not in ("seed", "run")}
    return RunAbout(run.name, config["method"], config.get("seed"), json.dumps(rest, sort_keys=True, default=str))


def grouped(
    results: Sequence[tuple[str, RunAbout | None, dict[str, Any]]],
) -> list[tuple[str, dict[str, Any]]]:
    """Rows of a table: results of one configuration, test set and protocol with different seeds become one, with means and
    standard deviations; the others stay unchanged."""
    groups: dict[tuple, list[tuple[str, RunAbout | None, dict[str, Any]]]] = {}
    for number, (name, about, result) in enumerate(results):
        truth = result.get("annotations_sha256")  # a mean over seeds is one of the same clips and boxes
        alone = (number,) if about is None else (about.method, about.rest, result.get("set"), label(result), truth)
        groups.setdefault(alone, []).append((name, about, result))
    sets = {result.get("set") for _, about, result in results if about is not None}
    rows = []
    for members in groups.values():
        about = members[0][1]
        seeds = {str(one.seed) for _, one, _ in members if one is not None}
        if about is None or len(seeds) < len(members) or len(members) == 1:
            rows += [(name if one is None else f"{one.method} ({name})", result) for name, one, result in members]
        else:
            name = f"{about.method}, {len(members)} seeds"
            of_set = f", {members[0][2].get('set')}" if len(sets) > 1 else ""
            rows.append((name + of_set, _mean([result for _, _, result in members])))
    return rows


def _mean(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The first result with the means of all in its metrics and groups, plus their (sample) std and n."""
    metrics = _means([{name: one["value"] for name, one in result["metrics"].items()} for result in results])
    groups = {key: _mean_groups([result.get(key) or {} for result in results]) for key in KEYS.values()}
    return {**results[0], "metrics": metrics, **groups}


def _means(values: list[dict[str, Any]]) -> dict[str, Any]:
    """Mean and deviation of each metric that all results have."""
    found = {}
    for name in values[0]:
        own = [one[name] for one in values if one.get(name) is not None]
        if len(own) == len(values):
            found[name] = {"value": statistics.fmean(own), "std": statistics.stdev(own), "n": len(own)}
    return found


def _mean_groups(results: list[dict[str, Any]]) -> dict[str, Any]:
    """The same of each class, size or flag that all results have; with its number of clips, which is the same in all."""
    return {
        name: {**_means([result[name] for result in results]), "clips": first["clips"]}
        for name, first in results[0].items()
        if all(name in result for result in results)
    }
