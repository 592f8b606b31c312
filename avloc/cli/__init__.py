"""The command line: parse, call the verb of the same name, show what it returns."""


def main() -> None:
    """The console command `avloc`."""
    from avloc.cli.app import app

    app(prog_name="avloc")
