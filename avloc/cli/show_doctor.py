"""Shows the result of `avloc doctor`."""

from typing import TYPE_CHECKING

from avloc.cli.show import say, table

if TYPE_CHECKING:
    from avloc.verbs.doctor import Doctor


def show_doctor(found: "Doctor") -> None:
    say(", ".join(f"{name} {version}" for name, version in found.versions.items() if version))
    rows = [["" if one.status == "ok" else one.status.upper(), one.name, one.detail] for one in found.findings]
    table("", ["", "what", "found"], rows)
    bad = sum(one.status == "failed" for one in found.findings)
    say("everything that avloc needs works" if not bad else f"{bad} of {len(found.findings)} failed")


def doctor_failed(found: "Doctor") -> bool:
    return not found.healthy
