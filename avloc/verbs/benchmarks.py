"""`avloc benchmarks`: which test sets can be scored, and what each needs on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avloc.annotations import Benchmark


@dataclass(frozen=True)
class Listed:
    """A benchmark and, where a folder was given, what is there: the number of clips, or why they cannot be read."""

    benchmark: "Benchmark"
    clips: int | None = None
    problem: str = ""

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


def benchmarks(name: str | None = None, annotations: Path | None = None) -> list[Listed]:
    """All benchmarks, or one by name; with a folder of annotations, whether its files are there and whole."""
    from avloc.annotations import BENCHMARKS, benchmark, read_benchmark
    from avloc.errors import AvlocError

    wanted = list(BENCHMARKS.values()) if name is None else [benchmark(name)]
    if annotations is None:
        return [Listed(one) for one in wanted]
    found = []
    for one in wanted:
        try:
            found.append(Listed(one, len(read_benchmark(one.name, Path(annotations)))))
        except AvlocError as error:
            found.append(Listed(one, problem=str(error)))
    return found
