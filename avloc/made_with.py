"""What made a result or a run: versions, device, fingerprints and the date, so that a number can be traced."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from typing import Any

PACKAGES = ("torch", "torchvision", "numpy")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of avloc, Python and the installed packages among those it uses."""
    from avloc import __version__

    found = {"avloc": __version__, "python": platform.python_version()}
    known = {name: _version(name) for name in packages}
    return found | {name: version for name, version in known.items() if version is not None}


@cache
def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def made_with(device: str, **fingerprints: str) -> dict[str, Any]:
    """Plain values for a JSON file. device: cpu or cuda. fingerprints: of the configuration, the store, the predictions;
    they depend on contents, not on paths or machines."""
    return {
        "versions": versions(),
        "device": device,
        "fingerprints": {name: value for name, value in fingerprints.items() if value},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
