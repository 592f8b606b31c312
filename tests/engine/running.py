"""Commands on several processes, as torchrun starts them."""

import os
import subprocess
import sys
from pathlib import Path

import avloc

ROOT = Path(avloc.__file__).parents[1]


def torchrun(
    *arguments: object, restarts: int = 0, processes: int = 2, fails: bool = False
) -> subprocess.CompletedProcess:
    """Gloo processes of the same command. restarts: how often all are started again when one dies. fails: whether the
    command is to fail.

    The two dashes keep torchrun from taking avloc's --run for an abbreviation of its own --run-path.
    """
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    start += ["--max-restarts", str(restarts)]
    where = {**os.environ, "PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
    found = subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=where,
        check=False,
        timeout=600,
    )
    assert (found.returncode != 0) == fails, found.stderr[-3000:]
    return found
