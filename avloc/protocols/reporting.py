"""Which metrics a result reports: those of the protocol, or the requested ones."""

import re
from collections.abc import Sequence
from dataclasses import replace

from avloc.errors import ConfigError
from avloc.protocols.protocol import Protocol

#: metrics that any protocol with cIoU scores can report; tells, if the ground truth marks silent objects
ANY = ("ciou", "locacc", "auc", "precision_all", "ap", "max_f1", "auroc", "tells")
AT = re.compile(r"^(ciou|iou|locacc)@(0?\.\d+|1(\.0+)?)$")


def reporting(protocol: Protocol, wanted: Sequence[str] | None) -> Protocol:
    """The protocol with the requested metrics; a name without threshold means its whole family: ciou, ciou@0.3, ...

    ConfigError lists what the protocol can report.
    """
    if not wanted:
        return protocol
    report: list[str] = []
    for name in (name.strip().lower() for name in wanted if name.strip()):
        family = [own for own in protocol.report if name in (own, own.partition("@")[0])]
        if not family and protocol.unit not in ("pixels", "batch") and (name in ANY or AT.match(name)):
            family = [name]
        if not family:
            known = ", ".join(
                dict.fromkeys((*protocol.report, *(() if protocol.unit in ("pixels", "batch") else (*ANY, "ciou@T"))))
            )
            raise ConfigError(f"--metric {name}: protocol {protocol.name} cannot report it; it can report {known}")
        report += family
    return replace(protocol, report=tuple(dict.fromkeys(report)))
