"""How many shards can stay open in a process: opening one takes longer than reading a clip from it."""

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

FEW = 64  # if the system allows hardly any, or gives no limit
RESERVED = 256  # file descriptors left to everything else
SHARE = 3  # a training reads up to three splits in one process


def most_open(cap: int) -> int:
    """Number of files that one split may keep open, at most `cap`; raises the soft limit of the process if needed."""
    if resource is None or cap <= FEW:
        return min(cap, FEW)
    wanted = cap * SHARE + RESERVED
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        allowed = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
            soft = allowed
        except (OSError, ValueError):  # some systems allow less than they claim
            pass
    if soft == resource.RLIM_INFINITY:
        return cap
    return max(FEW, min(cap, (soft - RESERVED) // SHARE))
