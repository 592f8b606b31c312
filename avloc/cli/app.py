"""The application: global options, and every command registered."""

import gc
from typing import Annotated

import typer

from avloc.cli import data, labels, prepare_sets, run_commands, scoring, tools
from avloc.cli.usage import Commands

app = typer.Typer(
    name="avloc",
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Where in a picture does the sound come from? Prepare data, train, score and draw audio-visual sound source "
        "localization. Try [bold]avloc demo[/bold]: it makes its own videos and runs everything.\n\n"
        "Exit status: 0 done, 1 a bug of avloc (its traceback is shown) or a failed check, 2 something you can mend "
        "(one line says what), 130 interrupted (the command that goes on is shown)."
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from avloc import __version__

        print(f"avloc {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log what is done, on stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    from avloc.cli.show import start_log

    gc.enable()
    start_log(verbose)


# --help has a panel for each kind of command, in this order
tools.register(app)
labels.register(app)
app.add_typer(
    prepare_sets.app, name="prepare", rich_help_panel="Data"
)  # the app of prepare, with the published data sets
app.add_typer(data.app, name="data", rich_help_panel="Data")
run_commands.register(app)
scoring.register(app)
