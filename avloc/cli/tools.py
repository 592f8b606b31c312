"""The commands beside a run: demo, recipes, import-weights."""

from pathlib import Path
from typing import Annotated

import typer

from avloc.cli.show import Json, guarded, print_json, progress, table


def register(app: typer.Typer) -> None:
    for name, command in (("demo", demo), ("recipes", recipes)):
        app.command(name, rich_help_panel="Begin here")(guarded(command))


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the videos, the stores and the run.")] = Path("avloc-demo"),
    seed: Annotated[int, typer.Option(help="Of the world and of the training.")] = 0,
    json: Json = False,
) -> None:
    """The whole pipeline on a world of its own: about six minutes on two processor cores.

    Generate videos, prepare them, train DSOL's two stages with clustering
    between, score the maps beside rules that do not listen, and draw a page. Run
    it again to go on after an interruption.
    """
    from avloc import demo
    from avloc.cli.results import show_demo

    with progress("demo") as shown:
        done = demo(out, seed, shown)
    if json:
        print_json(done)
        return
    show_demo(done)


def recipes(
    name: Annotated[str | None, typer.Argument(help="A configuration to print; without it all are listed.")] = None,
    copy: Annotated[
        Path | None, typer.Option(help="Write the configuration to this file instead, to be edited.")
    ] = None,
    json: Json = False,
) -> None:
    """List what `prepare` can read and the configurations that come with avloc; print or copy one."""
    from avloc import recipes

    found = recipes(name, copy)
    if json:
        print_json(found)
    elif found.copied is not None:
        print(f"wrote {found.copied}")
    elif found.text is not None:
        print(found.text, end="")
    else:
        table("Data (avloc prepare NAME)", ["name", "what"], [[entry.name, entry.title] for entry in found.data])
        print()
        rows = [[entry.name, entry.method, entry.title] for entry in found.configs]
        table("Configurations (avloc train-stage1 --config NAME)", ["name", "method", "what"], rows)


def import_weights(
    method: Annotated[str, typer.Option(help="Whose checkpoint it is, as dsol.")],
    stage: Annotated[int, typer.Option(help="Which stage it is of.", min=1, max=2)],
    path: Annotated[
        Path,
        typer.Option("--from", help="The authors' checkpoint, a .pth file; it is read without executing anything."),
    ],
    run: Annotated[Path, typer.Option(help="The run to put the weights into; started if it is not there.")],
    dictionary: Annotated[
        Path | None, typer.Option(help="The authors' object dictionary for stage two, a .npy file (K, 512).")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(help="Whose data and test sets a new run takes; default: the method's published configuration."),
    ] = None,
    set: Annotated[
        list[str] | None,
        typer.Option(help="KEY=VALUE over it, as stage1.data.store=data/mine; may be repeated."),
    ] = None,
    json: Json = False,
) -> None:
    """Take the authors' published weights into a run, for evaluate, visualize and stage two."""
    from avloc.verbs.import_weights import import_into_run

    imported = import_into_run(method, stage, path, run, dictionary, config, set or ())
    if json:
        print_json(imported)
        return
    clusters = f" with {imported.clusters} clusters" if imported.clusters else ""
    print(f"{imported.run}: {imported.method} stage {imported.stage}{clusters} in {imported.weights}")
