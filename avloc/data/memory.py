"""Whether a split stays in memory: requested, refused, or decided by the available memory."""

import logging

import psutil
import torch

from avloc.data.store import Store
from avloc.errors import DataError

log = logging.getLogger("avloc.data")
SHARE = 0.5  # of the free memory that a split may take by default
GIB = 2**30


def stays_in_memory(store: Store, device: torch.device, resident: bool | None) -> bool:
    """`resident` as given; None: whether it fits well. DataError if it is requested and does not fit."""
    if resident is False:
        return False
    needed, free = store.nbytes, free_memory(device)
    what = f"{store.path}, {store.split_name or 'all'}: {needed / GIB:.2f} GiB raw, {free / GIB:.1f} GiB are free on {device}"
    if resident is None:
        log.info("%s: %s", what, "kept in memory" if needed < SHARE * free else "read as it is needed")
        return needed < SHARE * free
    if needed > free:
        raise DataError(f"{what}; set train.resident: false, or prepare it with a smaller --size")
    log.warning("%s: kept in memory, as requested", what)
    return True


def free_memory(device: torch.device) -> int:
    """Bytes that are available; on the host, this includes the cache of files, which it would free."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
