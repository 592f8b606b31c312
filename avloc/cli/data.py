"""`avloc data check`, `show` and `merge`: looking at a store, and joining its parts."""

from pathlib import Path
from typing import Annotated

import typer

from avloc.cli.scale import show_prepared
from avloc.cli.show import Json, guarded, print_json, table

app = typer.Typer(
    no_args_is_help=True, help="Look at a prepared store: what it holds, what is wrong, one clip; join parts."
)

StorePath = Annotated[Path, typer.Argument(help="A prepared store.")]


@app.command()
@guarded
def check(store: StorePath, json: Json = False) -> None:
    """Count what a store holds and look for what is wrong; exit status 1 if anything is.

    Wrong are silent sounds, frozen pictures, boxes without area, clips that stand
    in a split twice or in two splits, splits without clips, shards that are
    missing or broken, and items whose content has another SHA-256 than the
    manifest says.
    """
    from avloc import data_check
    from avloc.naming import some
    from avloc.prepare.writing.repairs import in_words

    found = data_check(store)
    if json:
        print_json(found)
    else:
        rows = [
            [name, f"{split.clips:,}", f"{split.hours:.2f}", f"{split.ok:,} of {split.listed:,}", f"{split.boxes:,}",
             f"{split.verified:,}", "; ".join(f"{count} x {reason}" for reason, count in split.reasons.items())]
            for name, split in found.splits.items()
        ]  # fmt: skip
        title = str(found.store) + (f", part {found.shard}" if found.shard else "")
        columns = ["split", "clips", "hours", "listed items", "boxes", "verified", "left out"]
        table(title, columns, rows, right=(1, 2, 4, 5))
        bare = sum(split.bare for split in found.splits.values())
        if bare:
            print(f"{bare} items have no SHA-256 in the manifest: an earlier version prepared them")
        for name, split in found.splits.items():
            if any(split.classes.values()):  # videos without labels have one class, which none is of
                print(f"{name}: " + ", ".join(f"{label} {count:,}" for label, count in split.classes.items()))
        for name, split in found.splits.items():
            for line in in_words(split.repaired, split.left_out):
                print(f"{name}: {line}")
            if split.mended:
                print(f"{name}: repaired are {some(split.mended)}")
        for line in found.problems or ["nothing is wrong"]:
            print(line)
    if found.problems:
        raise typer.Exit(1)


@app.command()
@guarded
def merge(
    stores: Annotated[list[Path], typer.Argument(help="All parts, in any order.")],
    out: Annotated[Path, typer.Option(help="The store to write.")],
    json: Json = False,
) -> None:
    """Join the parts that `avloc prepare NAME --shard i/n` wrote: the store that one run without --shard would have written.

    Missing parts, parts given twice, and parts of other settings or lists are
    refused.
    """
    from avloc import data_merge

    show_prepared(data_merge(stores, out), json)


@app.command()
@guarded
def show(
    store: StorePath,
    clip: Annotated[str, typer.Argument(help="The id of a clip.")],
    split: Annotated[str | None, typer.Option(help="Where to look for it; default: everywhere.")] = None,
    out: Annotated[Path | None, typer.Option(help="The picture, a PNG file; default: CLIP.png here.")] = None,
    json: Json = False,
) -> None:
    """Draw a clip: frames with boxes, waveform, log-mel spectrogram."""
    from avloc import data_show

    found = data_show(store, clip, split, out)
    if json:
        print_json(found)
        return
    print(f"{found.file}: {clip} of {found.split}, {', '.join(found.labels) or 'no label'}, {found.boxes} boxes")
