"""Shows the result of `avloc verify`."""

from typing import TYPE_CHECKING

from avloc.cli.show import say, table

if TYPE_CHECKING:
    from avloc.verbs.verify import Verified


def show_verified(found: "Verified") -> None:
    table(str(found.path), ["what", "state"], [[one.name, one.state] for one in found.files])
    for one in found.wrong:
        say(f"{one.name}: {one.problem}")
    if found.unverified:
        say(f"{found.unverified} without a checksum, from an earlier version or another program")
    say(f"{len(found.wrong)} wrong, {found.right} correct" if found.files else "nothing here has a checksum")


def verify_failed(found: "Verified") -> bool:
    return bool(found.wrong)
