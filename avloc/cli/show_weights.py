"""Shows the results of commands about pretrained weights."""

from typing import TYPE_CHECKING

from avloc.cli.show import table

if TYPE_CHECKING:
    from avloc.verbs.weights_fetch import WeightsFetched
    from avloc.verbs.weights_list import WeightsListed
    from avloc.verbs.weights_path import WeightsPath


def show_list(found: "WeightsListed") -> None:
    rows = [
        [
            one.name,
            one.what,
            "yes" if one.there else "no",
            f"{one.size / 1e6:.1f} MB" if one.size else "",
            "SHA-256" if one.pinned else "not pinned",
            one.licence,
        ]
        for one in found.files
    ]
    table(f"Kept in {found.folder}", ["name", "what", "here", "size", "checked by", "licence"], rows)


def show_fetched(found: "WeightsFetched") -> None:
    checked = "verified" if found.verified else "not pinned, so it could not be verified"
    print(f"{found.path}: {found.name}, {checked}")


def show_path(found: "WeightsPath") -> None:
    print(found.path)
