"""The annotations of a verb's parameters, and the check of arguments that all verbs share.

A parameter has its help where it is declared: ``size: Annotated[int, "side of the stored frames in pixels"] = 256``.
The command line is generated from that. `Ask` adds what type, default and help cannot express.
"""

import errno
import functools
import os
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, Unpack, cast, get_args, get_origin, get_type_hints

from avloc.errors import DataError
from avloc.links import bounds_of
from avloc.naming import brief, printable


@dataclass(frozen=True)
class Ask:
    """How a parameter appears on the command line, if that does not follow from its type.

    positional: a word without a dash.
    name: the option, if it cannot be a name in Python, such as "--from".
    short: the option's letter after one dash.
    metavar: what stands for the value in the help.
    least, most: the range of a number.
    commas: several words can be given as one, separated by commas.
    default: of a key of a TypedDict, which cannot have one otherwise.
    """

    positional: bool = False
    name: str | None = None
    short: str | None = None
    metavar: str | None = None
    least: int | None = None
    most: int | None = None
    commas: bool = False
    default: Any = None


MOST_FOLDERS = 500  # of a path, one in another
MOST_RESAMPLES = 1_000_000
POSITIONAL = Ask(positional=True)

# Options that several commands have
Config = Annotated[
    Path | None, "YAML configuration: a file, or the name of one that comes with avloc (`avloc recipes` lists them)"
]
RunFolder = Annotated[
    Path | None, "folder of the run; default: runs/NAME of the configuration, or the run last started here"
]
Set = Annotated[
    Sequence[str], "KEY=VALUE that overrides the configuration, such as stage1.train.lr=3e-4; may be repeated"
]
DryRun = Annotated[
    bool,
    "try two steps of every phase, validation and one batch of evaluation, and estimate time and memory; nothing is "
    "saved",
]
Profile = Annotated[
    bool, "measure how the time of a step is spent, and write traces for chrome://tracing; nothing else is saved"
]
LogTo = Annotated[
    Sequence[Literal["tensorboard", "wandb"]],
    "also log every epoch to tensorboard (RUN/stageN/tensorboard) or, offline, to wandb (RUN/stageN/wandb); may be repeated",
]
#: this name is not a metric of a protocol but requests retrieval with the vectors of the clips
RETRIEVAL = "retrieval"
Metrics = Annotated[
    Sequence[str] | None,
    "metrics to report, such as ciou,auc,locacc; ciou also includes ciou@0.3 and similar; also retrieval",
    Ask(commas=True),
]
Resamples = Annotated[int, "bootstrap resamples for the intervals; 0 for none", Ask(least=0, most=MOST_RESAMPLES)]
Negatives = Annotated[
    Sequence[Literal["silence", "noise", "offscreen"]] | None,
    "also score the same frames with sounds that nothing in view makes: silence,noise,offscreen",
    Ask(commas=True),
]
StorePath = Annotated[Path, "a prepared store"]
#: the name of this parameter in all verbs: without it, the verb only reads below the given paths
FOLLOW = "follow_links"
FollowLinks = Annotated[
    bool,
    "also read symbolic links to files outside the given folders; otherwise they are counted and left out",
    Ask(default=False),
]


@dataclass(frozen=True)
class Parameter:
    """A parameter as described by its annotation; `kind` is its type without None and without the list around it.

    several: it takes a sequence. pairs: it takes a mapping. optional: it can be None. fixed: the length of a tuple,
    whose values follow one option; 0 for everything else.
    """

    name: str
    kind: Any
    help: str
    ask: Ask
    several: bool
    pairs: bool
    optional: bool
    fixed: int = 0

    @property
    def choices(self) -> tuple[Any, ...]:
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def parameters_of(function: Callable[..., Any]) -> dict[str, Parameter]:
    """The parameters of a function by name, followed by the keys of ``**work: Unpack[SomeTypedDict]``."""
    return _described(function.__annotations__, getattr(function, "__wrapped__", function).__globals__)


def _described(annotations: Mapping[str, Any], namespace: dict[str, Any]) -> dict[str, Parameter]:
    given = types.SimpleNamespace(__annotations__={key: kind for key, kind in annotations.items() if key != "return"})
    found: dict[str, Parameter] = {}
    for name, hint in get_type_hints(given, namespace, include_extras=True).items():
        if get_origin(hint) is Unpack:
            shared = get_args(hint)[0]
            for key, kind in get_type_hints(shared, include_extras=True).items():
                found[key] = _parameter(key, kind)
        else:
            found[name] = _parameter(name, hint)
    return found


def _parameter(name: str, hint: Any) -> Parameter:
    kind, about = (hint.__origin__, hint.__metadata__) if get_origin(hint) is Annotated else (hint, ())
    help = next((part for part in about if isinstance(part, str)), "")
    ask = next((part for part in about if isinstance(part, Ask)), Ask())
    members = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    optional = type(None) in members
    kind = next(member for member in members if member is not type(None))
    if get_origin(kind) is Annotated:  # an option of several commands, made optional or with a help of its own
        inner = kind.__origin__ | None if optional else kind.__origin__
        return _parameter(name, Annotated[(inner, *about, *kind.__metadata__)])
    several, pairs = get_origin(kind) is Sequence, get_origin(kind) is Mapping
    fixed = len(get_args(kind)) if get_origin(kind) is tuple and Ellipsis not in get_args(kind) else 0
    if get_origin(kind) in (Sequence, list, tuple):
        several, kind = True, get_args(kind)[0]
    return Parameter(name, kind, help, ask, several, pairs, optional, fixed)


F = TypeVar("F", bound=Callable[..., Any])


def verb(function: F) -> F:
    """A function that accepts from Python what its command accepts from a command line.

    A path can be a string, and a single value is accepted for a list. DataError for a value that is not among the
    choices of a Literal.
    """
    described: dict[str, Parameter] = {}
    names = function.__code__.co_varnames[: function.__code__.co_argcount]

    @functools.wraps(function)
    def called(*arguments: Any, **options: Any) -> Any:
        if not described:
            described.update(parameters_of(function))
        fitted = [_fitting(described[name], value) for name, value in zip(names, arguments, strict=False)]
        rest = arguments[len(names) :]  # too many arguments: Python's own error
        named = {name: _fitting(described.get(name), value) for name, value in options.items()}
        if FOLLOW not in described:
            return function(*fitted, *rest, **named)
        every = {**dict(zip(names, fitted, strict=False)), **named}
        given = [value for name, value in every.items() if isinstance(value, Path) and name != "out"]
        with bounds_of(given, bool(named.get(FOLLOW))):
            return function(*fitted, *rest, **named)

    return cast(F, called)


def _fitting(parameter: Parameter | None, value: Any) -> Any:
    if parameter is None or value is None:
        return value
    if parameter.several:
        values = [value] if isinstance(value, str | Path) else value
        if parameter.fixed and len(values) != parameter.fixed:
            raise DataError(
                f"{parameter.name} has {len(values)} values; expected {parameter.ask.metavar or parameter.fixed}"
            )
        return [_fitted(parameter, one) for one in values]
    return _fitted(parameter, value)


def _fitted(parameter: Parameter, value: Any) -> Any:
    choices = parameter.choices
    if choices and value not in choices:
        expected = "" if len(choices) < 4 else "one of "
        listed = " or ".join(map(str, choices)) if len(choices) < 4 else ", ".join(map(str, choices))
        raise DataError(f"{parameter.name} is {value!r}; expected {expected}{listed}")
    if parameter.kind is Path and isinstance(value, str | Path):
        return _possible(Path(value))
    if parameter.kind in (int, float) and isinstance(value, int | float) and not _within(parameter.ask, value):
        raise DataError(f"{parameter.name} is {brief(str(value))}; expected {_range(parameter.ask)}")
    return value


def _within(ask: Ask, value: float) -> bool:
    return (ask.least is None or value >= ask.least) and (ask.most is None or value <= ask.most)


def _range(ask: Ask) -> str:
    if ask.least is None or ask.most is None:
        return f"at least {ask.least}" if ask.most is None else f"at most {ask.most}"
    return f"{ask.least} to {ask.most}"


def _possible(path: Path) -> Path:
    """DataError for a path that no system could have: a name too long, links that lead in a circle, too many folders."""
    if len(path.parts) > MOST_FOLDERS:
        raise DataError(
            f"{brief(printable(path))}: {len(path.parts)} folders deep; expected a path of at most {MOST_FOLDERS}"
        )
    try:
        os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            raise DataError(
                f"{brief(printable(path))}: cannot be a path ({error.strerror}); give another one"
            ) from None
    except ValueError:  # a null byte
        raise DataError(f"{brief(printable(path))}: cannot be a path (a null character); give another one") from None
    return path
