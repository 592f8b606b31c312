"""`avloc data export`: a store in a format that other tools stream."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from avloc.options import POSITIONAL, Ask, verb
from avloc.progress import Progress, untold

if TYPE_CHECKING:
    from avloc.prepare.layouts.webdataset_export import Exported


@verb
def data_export(
    store: Annotated[Path, "a prepared store", POSITIONAL],
    out: Annotated[Path, "folder to write; run the command again to finish an interrupted export"],
    to: Annotated[Literal["webdataset"], "format: webdataset writes tar shards of jpg, wav and json"] = "webdataset",
    splits: Annotated[Sequence[str] | None, "export only this split; may be repeated; default: all of them"] = None,
    clips: Annotated[int, "clips in each shard", Ask(least=1)] = 1000,
    sound: Annotated[Literal["wav", "flac"], "how the 16-bit sound is written; both keep every sample"] = "wav",
    progress: Progress | None = None,
) -> "Exported":
    """Write a store as webdataset shards: KEY.jpg, KEY.wav and KEY.json for each clip, in SPLIT-000000.tar and so on.

    JPEG frames are copied as they are stored; raw frames become PNG files. The JSON holds the id, the classes, boxes,
    masks and what the manifest records about the clip. `avloc prepare import --layout webdataset` makes an identical
    store from the shards. A store of spectrograms has no sound to export, which is an error.
    """
    from avloc.data.store import Store
    from avloc.errors import DataError
    from avloc.prepare.layouts.webdataset_export import export_store

    opened = Store.open(store)
    if opened.spectrograms is not None:
        raise DataError(f"{store}: contains spectrograms and no sounds; prepare a store with sounds to export it")
    part = opened.settings.get("shard")
    if part is not None:
        raise DataError(
            f"{store}: is part {part} of a store; join the parts with `avloc data merge` and export the result"
        )
    if clips < 1:
        raise DataError(f"clips is {clips}; expected at least 1 in each shard")
    chosen = list(dict.fromkeys(splits)) if splits else list(opened.splits)
    for name in chosen:
        opened.split(name)  # an unknown one is an error that lists the existing ones
    return export_store(opened, out, chosen, clips, sound, progress or untold)
