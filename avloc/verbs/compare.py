"""`avloc compare`: two results on the clips they share: difference, interval, p value."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.options import POSITIONAL, Ask, Metrics, Resamples, verb

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """One metric on the shared clips: A, B, A - B with 95 % intervals over clips and videos, p of no difference.

    Without resamples there are neither intervals nor p.
    """

    a: float
    b: float
    difference: float
    ci95: tuple[float, float] | None
    ci95_by_video: tuple[float, float] | None
    p: float | None

    def to_json(self) -> dict[str, Any]:
        ends = {} if self.ci95 is None else {"ci95": self.ci95, "ci95_by_video": self.ci95_by_video, "p": self.p}
        return {"a": self.a, "b": self.b, "difference": self.difference, **ends}


@dataclass(frozen=True)
class Compared:
    """Two results side by side; counts are of clips."""

    a: Path
    b: Path
    benchmark: str
    protocol: str
    shared: int
    only_a: int
    only_b: int
    better_a: int
    better_b: int
    metrics: dict[str, Difference]

    def to_json(self) -> dict[str, Any]:
        about = {name: getattr(self, name) for name in ("benchmark", "protocol", "shared", "only_a", "only_b")}
        counts = {"better_a": self.better_a, "better_b": self.better_b}
        metrics = {name: difference.to_json() for name, difference in self.metrics.items()}
        return {"a": str(self.a), "b": str(self.b), **about, **counts, "metrics": metrics}


@verb
def compare(
    a: Annotated[Path, "a result: RUN/results/*.json, or a file that `avloc evaluate --out` wrote", POSITIONAL],
    b: Annotated[Path, "another result, of the same benchmark and protocol", POSITIONAL],
    protocol: Annotated[str | None, "which protocol, if the files contain several"] = None,
    metric: Metrics = None,
    resamples: Resamples = 2000,
    seed: Annotated[int, "seed of the bootstrap", Ask(least=0)] = 0,
) -> Compared:
    """Compare two results on the clips that they share: difference, interval, p value.

    Intervals are paired bootstraps over clips and over videos. The p value is from a sign-flip permutation test
    over videos.
    """
    from avloc.engine.comparing import clip_values
    from avloc.errors import ConfigError, DataError
    from avloc.protocols.reporting import AT
    from avloc.standings.table import label

    first, second = (_choose(path, protocol) for path in (a, b))
    _same_rule(first, second, a, b)
    for path, result in ((a, first), (b, second)):
        if not result["per_clip"]:
            name = result["protocol"]["name"]
            raise DataError(f"{path}: protocol {name} pools the pixels of all clips, so it has no scores per clip")
    rows = [{row["id"]: row for row in result["per_clip"] if _scored(row)} for result in (first, second)]
    shared = [name for name in rows[0] if name in rows[1]]
    if not shared:
        raise DataError(f"{a} and {b} share no clip; expected results on the same test set")
    videos = [rows[0][name].get("video") or name for name in shared]
    asked = [one.lower() for one in metric or ()]
    of_both = [*first["metrics"], *second["metrics"], *(name for name in asked if AT.match(name))]
    reported = ["ciou", "auc", "locacc", *(name for name in of_both if name != "iou")]  # which equals its ciou
    values = [clip_values([own[name] for name in shared], first["protocol"], reported) for own in rows]
    common = [name for name in values[0] if name in values[1]]
    families = {name: {name, name.partition("@")[0], *(("iou",) if name == "ciou" else ())} for name in common}
    for one in asked:
        if not any(one in family for family in families.values()):
            raise ConfigError(f"--metric {one}: not available per clip; these are: {', '.join(common)}")
    names = [name for name in common if not asked or families[name] & set(asked)]
    metrics = {name: _difference(values[0][name], values[1][name], videos, resamples, seed) for name in names}
    gap = values[0]["ciou"] - values[1]["ciou"]
    return Compared(
        a,
        b,
        first["benchmark"],
        label(first).rpartition(" (")[0],
        len(shared),
        len(rows[0]) - len(shared),
        len(rows[1]) - len(shared),
        int((gap > 0).sum()),
        int((gap < 0).sum()),
        metrics,
    )


def _difference(a: "Values", b: "Values", videos: list[str], resamples: int, seed: int) -> Difference:
    import numpy as np

    from avloc.statistics import paired_difference, paired_p_value

    difference, over_clips = paired_difference(a, b, None, resamples, seed)
    means = float(np.nanmean(a)), float(np.nanmean(b))
    if not resamples:
        return Difference(*means, difference, None, None, None)
    _, over_videos = paired_difference(a, b, videos, resamples, seed)
    return Difference(*means, difference, over_clips, over_videos, paired_p_value(a, b, videos, resamples, seed))


def _scored(row: dict[str, Any]) -> bool:
    """Whether a clip had a prediction and something to find; clips scored 0 for lack of a prediction are not shared."""
    return row.get("ciou") is not None and not row.get("missing")


def _choose(path: Path, protocol: str | None) -> dict[str, Any]:
    from avloc.errors import ConfigError
    from avloc.standings import read_results
    from avloc.standings.table import rule_of

    results = {rule_of(result): result for result in read_results(path)}
    if protocol is None and len(results) == 1:
        return next(iter(results.values()))
    if protocol in results:
        return results[protocol]
    variants = [result for result in results.values() if result["protocol"]["name"] == protocol]
    if len(variants) == 1:
        return variants[0]
    asked = "choose one with --protocol" if protocol is None or variants else f"not {protocol}"
    raise ConfigError(f"{path}: holds {', '.join(results)}; {asked}")


def _same_rule(first: dict[str, Any], second: dict[str, Any], a: Path, b: Path) -> None:
    from avloc.errors import DataError

    axes = [
        {k: v for k, v in result["protocol"].items() if k not in ("report", "source", "changed")}
        for result in (first, second)
    ]
    other = [
        f"{axis} {axes[0][axis]} and {axes[1].get(axis)}" for axis in axes[0] if axes[0][axis] != axes[1].get(axis)
    ]
    if other:
        raise DataError(f"{a} and {b} use different protocols ({', '.join(other[:3])}); score both with the same")
    if first["annotations_sha256"] != second["annotations_sha256"]:
        raise DataError(f"{a} and {b} were scored against different annotation files; score both against the same")
