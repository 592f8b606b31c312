"""`avloc pseudo-labels`."""

from pathlib import Path
from typing import Annotated

import typer

from avloc.cli.show import guarded, print_json


def register(app: typer.Typer) -> None:
    app.command("pseudo-labels")(pseudo_labels)


@guarded
def pseudo_labels(
    store: Annotated[Path, typer.Option(help="A prepared store.")],
    split: Annotated[str, typer.Option(help="Which of its splits.")],
    name: Annotated[str, typer.Option(help="What the labels are called: data.labels of a configuration.")],
    tags: Annotated[bool, typer.Option("--tags", help="From the store's own labels.")] = False,
    scores: Annotated[Path | None, typer.Option(help="From a table: .csv (id,CLASS,...) or .npz.")] = None,
    run: Annotated[Path | None, typer.Option(help="From the clusters of this run.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")] = False,
) -> None:
    """Say for each clip which classes are heard and seen, for methods that learn categories first."""
    from avloc import pseudo_labels as write

    found = write(store, split, name, tags, scores, run)
    if json:
        print_json(found)
        return
    print(
        f"{found.file}: {found.clips} clips, {len(found.classes)} classes ({', '.join(found.classes)}), "
        f"{found.sound:.1f} heard and {found.frame:.1f} seen a clip"
    )
