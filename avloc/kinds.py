"""What a value of a configuration may be, by the annotation of the parameter that receives it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

Path = Sequence[str | int]


def members(kind: Any) -> Iterator[Any]:
    """The kinds of a union, or the kind itself."""
    if get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from members(one)
    else:
        yield kind


def kind_at(kind: Any, path: Path) -> tuple[Any, tuple[str | int, ...]]:
    """The annotation at a place where pydantic found a mistake, and the keys that lead there.

    pydantic's path also names which kind of a union it tried, as in ``sound.LogMel.hop``, which is no key.
    """
    if not path:
        return kind, ()
    first, *rest = path
    for one in members(kind):
        one = one.__origin__ if get_origin(one) is Annotated else one
        inner: Any = None
        if get_origin(one) is tuple and isinstance(first, int):
            parts = get_args(one)
            inner = parts[0] if parts[-1] is Ellipsis else parts[min(first, len(parts) - 1)]
        elif get_origin(one) is dict:
            inner = get_args(one)[1]
        elif is_dataclass(one):
            if getattr(one, "__name__", "") == first:
                return kind_at(one, rest)
            inner = get_type_hints(one, include_extras=True).get(str(first))
        if inner is not None:
            found, keys = kind_at(inner, rest)
            return found, (first, *keys)
    return kind, ()


def of_its_kind(annotation: Any, value: Any) -> Any:
    """Of an annotation that accepts several kinds of section, the kinds that the section's keys select, so that mistakes
    are reported for these only: ``{timm: ...}`` is a Timm, whose key `timm` has no default, and of the others those
    that have the most of its keys.
    """
    kinds = list(members(annotation))
    if not isinstance(value, Mapping) or len(kinds) < 2:
        return annotation
    marks = {kind: [one.name for one in fields(kind) if _without_default(one)] for kind in kinds if is_dataclass(kind)}
    named = [kind for kind, keys in marks.items() if keys and set(keys) <= set(value)]
    left = named or [kind for kind in kinds if not marks.get(kind)]
    fitting = {kind: len({one.name for one in fields(kind)} & set(value)) for kind in left if kind in marks}
    left = [kind for kind in left if fitting.get(kind) == max(fitting.values(), default=None)]
    return Union[tuple(left)] if left else annotation  # noqa: UP007


def _without_default(one: Field[Any]) -> bool:
    return one.default is MISSING and one.default_factory is MISSING
