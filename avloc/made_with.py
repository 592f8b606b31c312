"""What made a result or a run: versions, device, fingerprints and the date, so that a number can be traced."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from typing import Any

PACKAGES = ("torch", "torchvision", "numpy")


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Of avloc, Python and those of the packages that are installed."""
    from avloc import __version__

    found = {"avloc": __version__, "python": platform.python_version()}
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def made_with(device: str, **fingerprints: str) -> dict[str, Any]:
    """Plain values for a JSON file. device: cpu or cuda. fingerprints: of the configuration, the store, the predictions;
    they depend on contents, not on places or machines."""
    return {
        "versions": versions(),
        "device": device,
        "fingerprints": {name: value for name, value in fingerprints.items() if value},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }
