"""Reads the ground truth of a benchmark, or the user's own, from a path."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avloc.annotations.benchmark import Benchmark
from avloc.annotations.benchmarks import BENCHMARKS
from avloc.annotations.builder import restrict
from avloc.annotations.files import Files, id_list
from avloc.annotations.own import read_own
from avloc.annotations.truth import Truth
from avloc.errors import ConfigError, DataError
from avloc.links import following
from avloc.naming import counted, unknown


@contextmanager
def laid_out(files: Files, how: str) -> Iterator[None]:
    """A value of the wrong kind is a mistake in the file: DataError names the file."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        where = files.read[-1] if files.read else files.path
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        raise DataError(f"{where}: not in the format of {how} ({what}); see the benchmark's page") from error


def benchmark(name: str) -> Benchmark:
    """The benchmark of this name; ConfigError lists the names otherwise."""
    if name not in BENCHMARKS:
        raise ConfigError(unknown("benchmark", name, BENCHMARKS))
    return BENCHMARKS[name]


def read_benchmark(name: str, path: Path, ids: Path | None = None, follow_links: bool = False) -> Truth:
    """The ground truth of a benchmark from its annotation files; `ids` restricts it to a list, in the order of the list.

    follow_links: also read files that are symbolic links to outside `path`.
    """
    one, files = benchmark(name), Files(path)
    with following(follow_links, path), laid_out(files, name):
        truth = one.read(files)
    truth.name = name
    if ids is not None:
        truth = restrict(truth, id_list(ids), str(ids))
    elif one.clips and len(truth) != one.clips:
        truth.warnings.append(
            f"{counted(len(truth), 'clip is', 'clips are')} annotated; the published {one.title} has {one.clips}"
        )
    truth.sha256 = files.sha256
    return truth


def read_own_truth(path: Path, name: str = "", ids: Path | None = None, follow_links: bool = False) -> Truth:
    """The user's own boxes: this package's JSON, COCO json or Pascal VOC xml.

    follow_links: also read files that are symbolic links to outside `path`.
    """
    files = Files(path)
    with following(follow_links, path), laid_out(files, "avloc's JSON, COCO json or Pascal VOC xml"):
        truth = read_own(files, name)
    if ids is not None:
        truth = restrict(truth, id_list(ids), str(ids))
    truth.sha256 = files.sha256
    return truth
