"""Items whose files are links out of the source are refused before anything is read, unless links are followed."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from avloc.links import Bounds, bounds
from avloc.prepare.parts.items import REFUSED, Item, Listing, Reader
from avloc.prepare.parts.linked_out import LINKED_OUT, refuse_most
from avloc.prepare.writing.sources import named_by, roots_of


def refuse_linked_out(source: Path, listing: Listing, reader: Reader) -> Listing:
    """The listing, with items marked as failed if their files, or pictures in their folders, lead out of the given
    folders.

    DataError if these are more than half: then it is a folder of links, and the user has to ask for it.
    """
    roots = roots_of(reader) or (source,)
    limits = bounds(*roots)
    out = {
        item.id: path
        for item in listing.items.values()
        if (path := _first_out(limits, roots, reader, item)) is not None
    }
    refuse_most(source, "listed items", list(out.values()), len(listing.items))
    refused = {name: replace(item, facts={REFUSED: LINKED_OUT}) for name, item in listing.items.items() if name in out}
    return replace(listing, items={**listing.items, **refused}) if out else listing


def _first_out(limits: Bounds, roots: tuple[Path, ...], reader: Reader, item: Item) -> Path | None:
    """The first path of an item that leads out; None if there is none."""
    for name, folder in named_by(reader, item).items():
        for root in roots:
            path = root / name
            if limits.lead_out(path) and (folder or not os.path.isdir(path)) and os.path.lexists(path):
                return path
            if folder and os.path.isdir(path):
                return next((inner for inner in _under(path) if limits.lead_out(inner)), None)
    return None


def _under(folder: Path) -> Iterator[Path]:
    """Links in a folder and its subfolders."""
    for place, folders, files in os.walk(folder):
        yield from (path for name in (*folders, *files) if (path := Path(place, name)).is_symlink())
