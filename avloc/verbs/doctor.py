"""`avloc doctor`: whether everything that avloc needs works on this machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avloc.options import verb

Status = Literal["ok", "warning", "failed"]


@dataclass(frozen=True)
class Finding:
    """One check. detail: what was found, and what to do if it is not ok."""

    name: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Doctor:
    """versions: of each package, "" if it is not installed. findings: all checks, in order. seconds: of the
    self-test."""

    versions: dict[str, str]
    findings: list[Finding]
    seconds: float

    @property
    def healthy(self) -> bool:
        return all(one.status != "failed" for one in self.findings)


@verb
def doctor() -> Doctor:
    """Check what avloc needs: versions, torch and torchvision, devices, codecs, disk; then run a self-test of two seconds.

    The self-test writes a short video with sound, decodes it, and lets the method motion find where the sound comes from.
    Exit status 1 if something failed.
    """
    from avloc.engine import health

    versions = health.versions()
    test, seconds = health.self_test()
    findings = [
        health.pair(versions["torch"], versions["torchvision"], health.wanted_torch()),
        health.vision_operators(),
        *health.devices(),
        *health.codecs(),
        *health.room([Path.cwd(), *health.cache_folders()]),
        *health.extras(versions),
        test,
    ]
    return Doctor(versions, [Finding(name, status, detail) for name, status, detail in findings], round(seconds, 1))
