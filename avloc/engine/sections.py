"""The top level of a configuration: its sections and its seed."""

from avloc.config import Section, suggestion
from avloc.naming import shortened

MOST_SEED = 2**32 - 1  # k-means takes no larger one
SECTIONS = ("method", "seed", "start", "stage1", "cluster", "stage2", "inference", "evaluate")


def check_sections(section: Section, problems: list[str]) -> None:
    """Report unknown sections, and those that are not mappings; the latter are removed."""
    for key in section.values:
        if key not in SECTIONS:
            problems.append(f"{section.where([key])}: unknown key{suggestion(key, list(SECTIONS))}")
    for key in SECTIONS[2:]:
        if not isinstance(section.values.get(key), dict | None):
            problems.append(
                f"{section.where([key])}: found {shortened(section.values.pop(key))}; expected a section of keys"
            )


def checked_seed(section: Section, problems: list[str]) -> int:
    """The seed; 0 if it is invalid, which is reported."""
    seed = section.values.get("seed", 0)
    if isinstance(seed, int) and not isinstance(seed, bool) and 0 <= seed <= MOST_SEED:
        return seed
    problems.append(
        f"{section.where(['seed'])}: found {shortened(seed)}; expected a whole number from 0 to {MOST_SEED:,}"
    )
    return 0
