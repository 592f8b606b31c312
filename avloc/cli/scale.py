"""What every command that prepares a store has besides its own options: processes, parts, time-outs, and how it shows."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from avloc.cli.show import Json, print_json, progress, table
from avloc.prepare.pool.scale import Work
from avloc.prepare.writing.repairs import in_words

OPTIONS: dict[str, Any] = {
    "jobs": Annotated[
        int | None,
        typer.Option(help="Processes; default: one for each processor. 0: this process, without time-outs.", min=0),
    ],
    "shard": Annotated[
        str | None, typer.Option(help="i/n: prepare part i of n into a store of its own, to be merged.", metavar="i/n")
    ],
    "timeout": Annotated[float, typer.Option(help="Seconds that a decoder may take for the next clip.")],
    "dask": Annotated[
        str | None, typer.Option(help="Let the workers of this Dask scheduler do the work, such as tcp://host:8786.")
    ],
}


def at_scale(title: str) -> Callable[[Callable[..., Any]], Callable[..., None]]:
    """Gives a command that returns `Prepared` these options and --json, a progress bar named `title`, and shows the result.

    They reach the command as keyword arguments, with `progress`, for its verb.
    """

    def widened(command: Callable[..., Any]) -> Callable[..., None]:
        @functools.wraps(command)
        def run(json: bool, **options: Any) -> None:
            with progress(title, many=True) as shown:
                prepared = command(**options, progress=shown)
            show_prepared(prepared, json)

        own = [p for p in inspect.signature(command).parameters.values() if p.kind is not p.VAR_KEYWORD]
        shared = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(Work, name), annotation=kind)
            for name, kind in OPTIONS.items()
        ]
        last = inspect.Parameter("json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Json)
        run.__signature__ = inspect.Signature([*own, *shared, last])  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *shared, last]}
        return run

    return widened


def show_prepared(prepared: Any, json: bool) -> None:
    if json:
        print_json(prepared)
        return
    rows = [[name, count, "{:,} of {:,}".format(*prepared.coverage[name])] for name, count in prepared.splits.items()]
    table("", ["split", "clips", "listed and found"], rows, right=(1, 2))
    failed = "".join(f"\n  {count} x {reason}" for reason, count in prepared.reasons.items())
    print(
        f"{prepared.store}: {prepared.ok} listed items ok, {prepared.failed} failed, {prepared.seconds:.1f} s{failed}"
    )
    for line in in_words(prepared.repaired, prepared.left_out):
        print(f"  {line}")
    if prepared.shard:
        print(
            f"part {prepared.shard}; `avloc data merge PART PART ... --out STORE` joins all {prepared.shard.partition('/')[2]}"
        )
