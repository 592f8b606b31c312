"""Whether a source in another place is the one that a store was prepared from so far."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from avloc.data.shard_files import SUFFIXES
from avloc.errors import DataError
from avloc.naming import some
from avloc.prepare.parts.items import Item
from avloc.prepare.writing.block import block_key, read_outcome
from avloc.prepare.writing.sources import Known, kept_files, look_in


def refuse_other_source(
    out: Path,
    source: Path,
    roots: Sequence[Path],
    before: str,
    blocks: Mapping[Path, Sequence[Item]],
    settings: Mapping[str, Any],
) -> None:
    """DataError unless the source contains the files from which the finished blocks of the store `out` were made.

    roots: the folders of the source that file names are relative to. before: their earlier place. blocks: the items by
    shard, as they are listed now. Files are compared by name, size and content at both ends. A block of an earlier
    version did not record them: it is compared by its items' names and sizes.
    """
    differing: list[str] = []
    checked: set[str] = set()
    for shard in sorted((out / "shards").glob(f"*{SUFFIXES[settings['store']]}")):
        found = read_outcome(shard)
        if found is None:
            continue  # damaged, so it is prepared again
        files = kept_files(shard)
        if files is None:
            if found[0] != block_key(settings, blocks.get(shard, [])):
                differing.append(f"the items of {shard.name} have other names, sizes or annotations")
            continue
        for path in files.keys() - checked:
            differing += _differences(roots, path, files[path])
        checked.update(files)
    if differing:
        raise DataError(
            f"{out}: was prepared from {before}, and {source} contains other files ({len(differing)} of {len(checked)} "
            f"compared): {some(sorted(differing), 2)}; give the folder with the same files, or choose another --out"
        )


def _differences(roots: Sequence[Path], path: str, known: Known) -> Iterator[str]:
    now = look_in(roots, path)
    if now is None:
        yield f"{path} is missing"
    elif now[0] != known[0]:
        folder = any((root / path).is_dir() for root in roots)
        yield f"{path} has {now[0]} {'files' if folder else 'bytes'}, not {known[0]}"
    elif now[1] != known[1]:
        yield f"{path} has other content"
