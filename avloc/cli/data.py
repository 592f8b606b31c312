"""`avloc data check` and `avloc data show`: looking at a store."""

from pathlib import Path
from typing import Annotated

import typer

from avloc.cli.show import guarded, print_json, table

app = typer.Typer(no_args_is_help=True, help="Look at a prepared store: what it holds, what is wrong, one clip.")

StorePath = Annotated[Path, typer.Argument(help="A prepared store.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]


@app.command()
@guarded
def check(store: StorePath, json: Json = False) -> None:
    """Count what a store holds and look for what is wrong; exit status 1 if anything is.

    Wrong are silent sounds, frozen pictures, boxes without area, clips that stand in a split twice or in two splits, and
    splits without clips. Broken files end with status 2.
    """
    from avloc import data_check

    found = data_check(store)
    if json:
        print_json(found)
    else:
        rows = [
            [name, str(split.clips), f"{split.hours:.2f}", f"{split.ok} of {split.listed}", str(split.boxes),
             "; ".join(f"{count} x {reason}" for reason, count in split.reasons.items())]
            for name, split in found.splits.items()
        ]  # fmt: skip
        table(str(found.store), ["split", "clips", "hours", "listed items", "boxes", "left out"], rows, right=(1, 2, 4))
        for name, split in found.splits.items():
            print(f"{name}: " + ", ".join(f"{label} {count}" for label, count in split.classes.items()))
        for line in found.problems or ["nothing is wrong"]:
            print(line)
    if found.problems:
        raise typer.Exit(1)


@app.command()
@guarded
def show(
    store: StorePath,
    clip: Annotated[str, typer.Argument(help="The id of a clip.")],
    split: Annotated[str | None, typer.Option(help="Where to look for it; default: everywhere.")] = None,
    out: Annotated[Path | None, typer.Option(help="The picture; default: CLIP.png here.")] = None,
    json: Json = False,
) -> None:
    """Draw a clip: frames with boxes, waveform, log-mel spectrogram."""
    from avloc import data_show

    found = data_show(store, clip, split, out)
    if json:
        print_json(found)
        return
    print(f"{found.file}: {clip} of {found.split}, {', '.join(found.labels) or 'no label'}, {found.boxes} boxes")
