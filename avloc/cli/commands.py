"""The commands: files of avloc/verbs and avloc/prepare. A verb is imported when its command is used."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand

from avloc import registry
from avloc.cli.usage import BareFlags, Group, flowing

#: the headings of `avloc --help`, and the order of the commands below them; a new verb is listed under the last one
PANELS = {
    "Start here": ("demo", "recipes", "doctor"),
    "Data": ("prepare", "data", "weights", "pseudo-labels"),
    "Runs": (
        "run",
        "sweep",
        "train-stage1",
        "cluster",
        "match-clusters",
        "train-stage2",
        "calibrate",
        "visualize",
        "predict",
        "card",
        "info",
        "verify",
        "export",
        "import-weights",
    ),
    "Scores": ("evaluate", "compare", "leaderboard", "benchmarks"),
    "More": (),
}
#: verbs named GROUP_NAME are the commands of a group
GROUPS = {
    "data": "Check a prepared store, show one clip, join its parts or export it; fetch videos.",
    "weights": "Official files of pretrained encoders and taggers: list them, download them, find them.",
}
PREPARE = (
    "Turn a data set into a store that every method can read, or make a synthetic one.\n\n"
    "Your own data set is one file: `avloc prepare mypackage.birds` runs the function prepare_birds of "
    "mypackage/birds.py, in the current folder or installed."
)
#: the second verb of a command that has two, and functions whose name differs from their module's
SECOND = {"evaluate": "evaluate_predictions"}
FUNCTIONS = {"import_weights": "import_into_run"}

Function = Callable[..., Any]


class Lazy(BareFlags, TyperCommand):
    """A command that reads its help from the verb's file, and imports the verb when its options are needed."""

    def __init__(
        self, title: str, panel: str | None, help: Callable[[], str], load: Callable[[], tuple[Function, ...]]
    ):
        self._title, self._panel, self._text, self._load = title, panel, help, load
        self._built: Any = None
        super().__init__(name=title.rpartition(" ")[2], rich_help_panel=panel, rich_markup_mode="rich")

    def built(self) -> Any:
        if self._built is None:
            from avloc.cli.command import build

            self._built = build(self._title, str(self.name), self._load(), str(self.help), self._panel)
        return self._built

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuses a single-value option that is given twice: the first value would be dropped silently."""
        if not ctx.resilient_parsing:
            order: list[Any] = self.make_parser(ctx).parse_args(args=list(args))[2]
            for one in order:
                single = one.param_type_name == "option" and not (one.multiple or one.is_flag)
                if single and order.count(one) > 1:
                    raise typer.BadParameter(f"given {order.count(one)} times; expected once", ctx=ctx, param=one)
        return super().parse_args(ctx, args)

    @property  # type: ignore[override]
    def help(self) -> str:
        return flowing(self._text())

    @help.setter
    def help(self, value: str | None) -> None:
        """Read from the file."""

    @property  # type: ignore[override]
    def params(self) -> list[Any]:
        params: list[Any] = self.built().params
        return params

    @params.setter
    def params(self, value: list[Any]) -> None:
        """Derived from the verb."""

    @property  # type: ignore[override]
    def callback(self) -> Any:
        return self.built().callback

    @callback.setter
    def callback(self, value: Any) -> None:
        """Derived from the verb."""


class DataSets(Group):
    """The commands of `avloc prepare`: avloc's own, and any module by its dotted name."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        return outside(cmd_name) if found is None and "." in cmd_name and not ctx.resilient_parsing else found


def lazy(title: str, panel: str | None, module: str, *functions: str) -> Lazy:
    """The lazy command of a verb of avloc. functions: of the module; a second one is in the module of the same name."""
    first, *others = functions

    def load() -> tuple[Function, ...]:
        import importlib

        places = [(module, first), *((f"avloc.verbs.{name}", name) for name in others)]
        return tuple(getattr(importlib.import_module(place), name) for place, name in places)

    return Lazy(title, panel, lambda: registry.docstring(module, first), load)


def outside(name: str) -> Lazy:
    """`avloc prepare NAME` of a module outside avloc; AvlocError if it does not exist, or has no function prepare_..."""
    module = registry.outside(name)
    wanted = registry.prepare_name(name)
    function = getattr(module, wanted, None)
    if function is None:
        raise typer.BadParameter(f"the module {name} has no function {wanted}; it is what `avloc prepare {name}` runs")
    return Lazy(f"prepare {name}", None, lambda: function.__doc__ or "", lambda: (function,))


def commands() -> dict[str, Any]:
    """All commands by name, in the order of the help."""
    settings: dict[str, Any] = {"no_args_is_help": True, "rich_markup_mode": "rich"}
    found: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {name: {} for name in GROUPS}
    for verb, module in registry.verbs().items():
        if verb in SECOND.values():
            continue
        group, _, rest = verb.partition("_")
        name = (rest if group in GROUPS else verb).replace("_", "-")
        functions = (FUNCTIONS.get(verb, verb), *([SECOND[verb]] if verb in SECOND else []))
        if group in GROUPS:
            inner[group][name] = lazy(f"{group} {name}", None, module, *functions)
        else:
            found[name] = lazy(name, _panel(name), module, *functions)
    for group, help in GROUPS.items():
        found[group] = Group(name=group, commands=inner[group], help=help, rich_help_panel=_panel(group), **settings)
    sets: dict[str, Any] = {
        name: lazy(f"prepare {name}", None, module, registry.prepare_name(module))
        for name, module in registry.data_sets().items()
    }
    found["prepare"] = DataSets(
        name="prepare", commands=sets, help=PREPARE, rich_help_panel=_panel("prepare"), **settings
    )
    order = [name for names in PANELS.values() for name in names]
    return {name: found[name] for name in [*order, *(name for name in found if name not in order)]}


def _panel(name: str) -> str:
    return next((panel for panel, names in PANELS.items() if name in names), list(PANELS)[-1])
