"""All protocols by name, and users' own rules as protocols."""

from typing import Any

from avloc.errors import ConfigError
from avloc.naming import unknown
from avloc.protocols.named_multi import MULTI
from avloc.protocols.named_pixels import NEWER
from avloc.protocols.named_single import SINGLE
from avloc.protocols.protocol import Protocol, Rule, axis_names, read_axis
from avloc.protocols.reporting import ANY, AT
from avloc.registry import outside

PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in (*SINGLE, *MULTI, *NEWER)}


def named(name: str) -> Protocol:
    """The protocol of this name, or MODULE:NAME for your own rule; ConfigError lists the names otherwise."""
    if ":" in name:
        return _outside(name)
    if name not in PROTOCOLS:
        raise ConfigError(unknown("protocol", name, PROTOCOLS))
    return PROTOCOLS[name]


def as_protocol(given: str | Protocol | Rule) -> Protocol:
    """A protocol from its name, itself, or a rule: a function of heat map and ground truth that returns a mask."""
    if isinstance(given, Protocol):
        return _checked(given)
    if isinstance(given, str):
        return named(given)
    if not callable(given):
        raise ConfigError(f"protocol {given!r}; expected a name, a Protocol, or a function of heat map and truth")
    return _of_rule(given, getattr(given, "__name__", type(given).__name__))


def _checked(protocol: Protocol) -> Protocol:
    """The same protocol; ConfigError for a value or a metric that none has, which would report nothing."""
    for axis in axis_names():
        read_axis(protocol.name, axis, getattr(protocol, axis))
    known = {name: None for one in PROTOCOLS.values() for name in one.report} | dict.fromkeys(ANY)
    wrong = next((name for name in protocol.report if name not in known and not AT.match(name)), None)
    if wrong is not None:
        raise ConfigError(f"protocol {protocol.name}: {unknown('metric', wrong, known)}")
    return protocol


def _of_rule(rule: Any, name: str) -> Protocol:
    about = (getattr(rule, "__doc__", None) or "").strip().partition("\n")[0]
    return Protocol(name, f"your own rule{': ' if about else ''}{about}", undefined="nan", rule=rule)


def _outside(name: str) -> Protocol:
    """A function or a Protocol from any importable module, including those in the current folder."""
    module, _, attribute = name.partition(":")
    found = getattr(outside(module), attribute, None)
    if isinstance(found, Protocol):
        return _checked(found)
    if not callable(found) or isinstance(found, type):
        what = "does not exist" if found is None else f"is a {type(found).__name__}"
        raise ConfigError(
            f"protocol {name}: {attribute!r} {what}; expected a function of heat map and truth, or a Protocol"
        )
    return _of_rule(found, name)
