"""YAML that others may have written: its size, depth and aliases are limited, and any problem is one error."""

import re
from typing import Any

import yaml

from avloc.files import why

LONGEST = 4 << 20  # characters per file
MOST = 100_000  # values per file, counting those repeated by aliases each time
DEEPEST = 50


class NotYaml(ValueError):
    """The problem in one line. line: its line, counted from 1."""

    def __init__(self, what: str, line: int = 1) -> None:
        self.line = line
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """YAML as people write it: 1e-4 is a number, as in YAML 1.2; 1:30 and 017, which YAML 1.1 reads as 90 and 15, are text."""


_NUMBERS = {
    "tag:yaml.org,2002:int": r"^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0|[1-9][0-9_]*)$",
    "tag:yaml.org,2002:float": (
        r"^([-+]?(([0-9][0-9_]*)(\.[0-9_]*)?|\.[0-9][0-9_]*)[eE][-+]?[0-9]+"
        r"|[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if tag not in _NUMBERS]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _tag, _pattern in _NUMBERS.items():
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list("-+.0123456789"))


def compose(text: str) -> yaml.Node | None:
    """The root of a document, None if it is empty; NotYaml for anything that is not YAML, or too much of it."""
    if len(text) > LONGEST:
        raise NotYaml(f"{len(text)} characters; expected no more than {LONGEST}")
    try:
        _refuse_too_much(text)
        found: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise NotYaml(_line(error.problem or error.context or "cannot be read"), line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise NotYaml(f"the character U+{ord(text[error.position]):04X} is not allowed", line) from None
    except (ValueError, OverflowError, RecursionError) as error:  # such as an escape outside Unicode
        raise NotYaml(_line(error)) from None
    return found


def value_of(node: yaml.Node) -> Any:
    """The value of a node, in plain types; NotYaml if it has none, as in ``!!bool abc``."""
    line = node.start_mark.line + 1
    try:
        return _Loader("").construct_object(node, deep=True)
    except yaml.MarkedYAMLError as error:
        raise NotYaml(_line(error.problem or error.context or "not a value"), line) from None
    except KeyError:
        raise NotYaml(f"{node.value!r:.60} is not a value of the type {node.tag.rpartition(':')[2]}", line) from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise NotYaml(_line(error), line) from None


def plain_yaml(text: str) -> Any:
    """The value of a document, None if it is empty; errors as in `compose` and `value_of`."""
    node = compose(text)
    return None if node is None else value_of(node)


def _refuse_too_much(text: str) -> None:
    """NotYaml for nesting deeper than DEEPEST, and for aliases that repeat more than MOST values, before anything is built."""
    sizes: dict[str, int] = {}
    open_ones: list[
        tuple[str | None, int]
    ] = []  # anchors of the open collections, and the number of values before them
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in open_ones):
                raise NotYaml(f"*{event.anchor} refers to itself", line)
            count += sizes.get(event.anchor or "", 0)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_ones.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_ones.append((event.anchor, count))
                if len(open_ones) > DEEPEST:
                    raise NotYaml(f"nested more than {DEEPEST} levels deep", line)
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        if count > MOST:
            raise NotYaml(f"more than {MOST} values, counting those of aliases", line)


def _line(error: object) -> str:
    return why(error) if isinstance(error, Exception) else str(error).strip().splitlines()[0]
