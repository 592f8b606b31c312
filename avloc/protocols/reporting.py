"""Which metrics a result reports: those of the protocol, or the requested ones."""

import re
from collections.abc import Sequence
from dataclasses import replace

from avloc.errors import ConfigError
from avloc.protocols.protocol import Protocol

#: metrics of cIoU scores, which all protocols can report that give such scores
_OF_SCORES = ("ciou", "locacc", "auc")
#: metrics that also need a confidence for each clip; tells, if the ground truth marks silent objects
_OF_CONFIDENCE = ("precision_all", "ap", "max_f1", "auroc", "tells")
ANY = (*_OF_SCORES, *_OF_CONFIDENCE)
_EXTRA = {
    **dict.fromkeys(("auto", "clip", "source", "class"), ANY),
    **dict.fromkeys(("greedy", "union", "picture"), _OF_SCORES),
}
AT = re.compile(r"^(ciou|iou|locacc)@(0?\.\d+|1(\.0+)?)$")


def reporting(protocol: Protocol, wanted: Sequence[str] | None) -> Protocol:
    """The protocol with the requested metrics; a name without threshold means its whole family: ciou, ciou@0.3, ...

    ConfigError lists what the protocol can report.
    """
    if not wanted:
        return protocol
    report: list[str] = []
    extra = _EXTRA.get(protocol.unit, ())
    for name in (name.strip().lower() for name in wanted if name.strip()):
        family = [own for own in protocol.report if name in (own, own.partition("@")[0])]
        if not family and (name in extra or (extra and AT.match(name))):
            family = [name]
        if not family:
            known = ", ".join(dict.fromkeys((*protocol.report, *extra, *(("ciou@T",) if extra else ()))))
            raise ConfigError(f"--metric {name}: protocol {protocol.name} cannot report it; it can report {known}")
        report += family
    return replace(protocol, report=tuple(dict.fromkeys(report)))
