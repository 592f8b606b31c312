"""What the lines of a manifest say of repairs, added up and put into words."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]


def left_out_of(rows: Iterable[Row]) -> dict[str, int]:
    """Reason -> clips that were left out of lines that are ok, the most frequent first."""
    return dict(Counter(clip["reason"] for row in rows for clip in row.get("left_out", ())).most_common())


def tallied(rows: Iterable[Row]) -> dict[str, float]:
    """Of lines that are ok: how many were repaired, s of silence in gaps, broken packets, lines whose picture and sound do
    not start together, lines with a padded clip, lines with a rest that no clip has and s of all these, lines whose channels
    cancel. Only what is there.
    """
    found = dict.fromkeys(
        ("repaired", "silence", "packets", "offset", "padded", "rest", "rest_seconds", "cancelled"), 0.0
    )
    for row in rows:
        repaired = row.get("repaired", {})
        found["repaired"] += bool(repaired)
        found["silence"] += repaired.get("silence", 0.0)
        found["packets"] += repaired.get("packets", 0)
        found["offset"] += "offset" in repaired
        found["padded"] += "padded" in row
        found["rest"] += "rest" in row
        found["rest_seconds"] += row.get("rest", 0.0)
        found["cancelled"] += row.get("channels") == "cancel"
    seconds = ("silence", "rest_seconds")
    return {name: round(value, 3) if name in seconds else int(value) for name, value in found.items() if value}


def in_words(repaired: Mapping[str, float], left_out: Mapping[str, int]) -> Sequence[str]:
    """Lines for a reader, none where there is nothing to say."""
    get = repaired.get
    lines = []
    if "repaired" in repaired:
        parts = []
        if "silence" in repaired:
            parts.append(f"{get('silence'):.2f} s of silence filled in")
        if "packets" in repaired:
            parts.append(f"{get('packets')} broken packets passed over")
        if "offset" in repaired:
            parts.append(f"sound and picture start at different times in {get('offset')}")
        lines.append(f"{get('repaired')} items repaired: {', '.join(parts) or 'see the manifest'}")
    lines += [f"{count} clips left out: {reason}" for reason, count in left_out.items()]
    if "padded" in repaired:
        lines.append(f"{get('padded')} items with a clip padded with silence")
    if "rest" in repaired:
        lines.append(f"{get('rest')} items with a rest in no clip, {get('rest_seconds'):.1f} s in all")
    if "cancelled" in repaired:
        lines.append(
            f"{get('cancelled')} items whose channels cancel out: next to nothing is left of their sound; "
            "--channels left or right takes one of them"
        )
    return lines
