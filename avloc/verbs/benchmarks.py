"""`avloc benchmarks`: which test sets can be scored, and what each needs on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from avloc.options import POSITIONAL, FollowLinks, verb

if TYPE_CHECKING:
    from avloc.annotations import Benchmark


@dataclass(frozen=True)
class Listed:
    """A benchmark and, if a folder was given, its contents: the number of clips, or why they cannot be read."""

    benchmark: "Benchmark"
    clips: int | None = None
    problem: str = ""
    missing: bool = False  # the problem is a missing file

    def to_json(self) -> dict[str, Any]:
        one = self.benchmark
        about = {
            "name": one.name,
            "title": one.title,
            "needs": one.needs,
            "boxes": one.boxes,
            "ids": one.ids,
            "published_clips": one.clips,
            "sources": one.sources,
            "protocol": one.protocol,
            "metrics": list(one.metrics),
            "origin": one.origin,
        }
        return (
            about
            | ({"clips": self.clips} if self.clips is not None else {})
            | ({"problem": self.problem} if self.problem else {})
        )


@verb
def benchmarks(
    name: Annotated[str | None, "show only this benchmark, in full", POSITIONAL] = None,
    annotations: Annotated[Path | None, "a folder: report for each benchmark whether it contains the files"] = None,
    convert: Annotated[Path | None, "convert masks that come as one file each into this single .npz file"] = None,
    follow_links: FollowLinks = False,
) -> list[Listed]:
    """List the test sets that can be scored, and the files that each needs.

    With --annotations the files are also read, which finds broken ones. With --convert, nothing in pickled
    masks is executed.
    """
    from avloc.annotations import BENCHMARKS, benchmark, read_benchmark
    from avloc.annotations.files import Absent
    from avloc.errors import AvlocError, ConfigError, DataError

    if convert is not None:
        able = [one.name for one in BENCHMARKS.values() if one.convert is not None]
        if name not in able or annotations is None:
            raise ConfigError(f"--convert needs --annotations DIR and the name of a benchmark: {', '.join(able)}")
        one = benchmark(name)
        assert one.convert is not None
        return [Listed(one, one.convert(annotations, convert))]
    wanted = list(BENCHMARKS.values()) if name is None else [benchmark(name)]
    if annotations is None:
        return [Listed(one) for one in wanted]
    if not annotations.exists():
        raise DataError(f"{annotations}: no such file or folder; expected annotations, or a folder that holds them")
    found = []
    for one in wanted:
        try:
            found.append(Listed(one, len(read_benchmark(one.name, annotations))))
        except AvlocError as error:
            found.append(Listed(one, problem=str(error), missing=isinstance(error, Absent)))
    return found
