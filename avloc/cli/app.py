"""The application: its global options; the commands are found by `avloc.cli.commands`."""

import gc
from typing import Annotated

import typer

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
        "Where in a picture does the sound come from? Prepare data, train, score and visualize audio-visual sound source "
        "localization. Try [bold]avloc demo[/bold]: it makes its own videos and runs everything.\n\n"
        "Exit status: 0 success, 1 a bug in avloc (with a traceback) or a failed check, 2 something you can fix (one line "
        "says what), 130 interrupted (the command that resumes is shown)."
    ),
)


def _version(wanted: bool) -> None:
    if wanted:
        from avloc import __version__

        print(f"avloc {__version__}")
        raise typer.Exit()


@app.callback()
def root(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log progress in detail on stderr.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress on stderr.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    from avloc.cli.show import start_log

    gc.enable()
    start_log(verbose, quiet)
