"""`avloc evaluate` is one command for two verbs: a run's heat maps on its test sets, or a file of any model's heat maps."""

import inspect
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from avloc.cli.from_signature import EMPTY, spelt

if TYPE_CHECKING:
    from avloc.cli.command import Verb

OF_RUN, OF_PREDICTIONS = "To score a run", "To score predictions"


def options(verbs: "Sequence[Verb]", command: str) -> list[inspect.Parameter]:
    """The options of both; those of only one are under separate headings, and none is required."""
    run, predictions = (
        {one.name: one for one in verb.options(command, panel)}
        for verb, panel in zip(verbs, (OF_RUN, OF_PREDICTIONS), strict=True)
    )
    both = {one.name: one for one in verbs[0].options(command) if one.name in predictions}
    return [_optional(one) for one in {**run, **predictions, **both}.values()]


def _optional(one: inspect.Parameter) -> inspect.Parameter:
    return one if one.default is not EMPTY else one.replace(default=None, annotation=_or_none(one.annotation))


def _or_none(annotated: Any) -> Any:
    from typing import Annotated

    return Annotated[(annotated.__origin__ | None, *annotated.__metadata__)]


def chosen(verbs: "Sequence[Verb]", given: Mapping[str, Any], defaults: Mapping[str, Any]) -> "Verb":
    """The selected verb. An option that it would ignore is an error, because e.g. --predictions may have been forgotten."""
    from avloc.errors import AvlocError

    of_run, of_predictions = verbs
    verb, other = (of_run, of_predictions) if given["predictions"] is None else (of_predictions, of_run)
    own = {one.name for one in verb.options("evaluate")}
    why = (
        "only works with --predictions; a run's configuration says how its test sets are scored (--set changes it)"
        if verb is of_run
        else "is for evaluating a run; with --predictions give --benchmark or --truth"
    )
    for one in other.options("evaluate"):
        if one.name not in own and given[one.name] != defaults[one.name] and given[one.name]:
            parameter = other.parameters.get(one.name)
            spelling = f"--{one.name}" if parameter is None else spelt(parameter)
            raise AvlocError(f"{spelling} {why}")
    return verb
