"""Reading the truth of a benchmark, or one's own, from a path."""

import difflib
from pathlib import Path

from avloc.annotations.benchmark import Benchmark
from avloc.annotations.benchmarks import BENCHMARKS
from avloc.annotations.builder import restrict
from avloc.annotations.files import Files, id_list
from avloc.annotations.own import read_own
from avloc.annotations.truth import Truth
from avloc.errors import ConfigError


def benchmark(name: str) -> Benchmark:
    """The benchmark of this name; ConfigError lists the names otherwise."""
    if name not in BENCHMARKS:
        near = difflib.get_close_matches(name, BENCHMARKS, 1)
        hint = f"did you mean {near[0]!r}? The benchmarks are" if near else "the benchmarks are"
        raise ConfigError(f"no benchmark {name!r}; {hint} {', '.join(BENCHMARKS)}")
    return BENCHMARKS[name]


def read_benchmark(name: str, path: Path, ids: Path | None = None) -> Truth:
    """The truth of a benchmark from its annotation files; `ids` restricts it to a list, in the order of the list."""
    one, files = benchmark(name), Files(path)
    truth = one.read(files)
    truth.name = name
    if ids is not None:
        truth = restrict(truth, id_list(ids), str(ids))
    elif one.clips and len(truth) != one.clips:
        truth.warnings.append(f"{len(truth)} clips are annotated; the published {one.title} has {one.clips}")
    truth.sha256 = files.sha256
    return truth


def read_own_truth(path: Path, name: str = "", ids: Path | None = None) -> Truth:
    """A truth of one's own: this package's JSON, COCO json or Pascal VOC xml."""
    files = Files(path)
    truth = read_own(files, name)
    if ids is not None:
        truth = restrict(truth, id_list(ids), str(ids))
    truth.sha256 = files.sha256
    return truth
