"""The repairs recorded in a manifest, summed up and described."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

Row = Mapping[str, Any]


def left_out_of(rows: Iterable[Row]) -> dict[str, int]:
    """Reason -> clips that were left out of usable items, most frequent first."""
    return dict(Counter(clip["reason"] for row in rows for clip in row.get("left_out", ())).most_common())


def tallied(rows: Iterable[Row]) -> dict[str, float]:
    """Over usable items: the number of repaired ones, s of silence in gaps, broken packets, items whose picture and
    sound do not start together, items with a padded clip, items with an unused rest and s of all these, items whose
    channels cancel. Zeros are omitted.
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


def in_words(repaired: Mapping[str, float], left_out: Mapping[str, int]) -> list[str]:
    """Lines for the user, none if there is nothing to report."""
    parts, lines = [], []
    if silence := repaired.get("silence"):
        parts.append(f"{silence:.2f} s of silence filled in")
    if packets := repaired.get("packets"):
        parts.append(f"{_many(packets, 'broken packet')} skipped")
    if offset := repaired.get("offset"):
        parts.append(f"sound and picture start at different times in {offset}")
    if items := repaired.get("repaired"):
        lines.append(f"{_many(items, 'item')} repaired: {', '.join(parts) or 'see the manifest'}")
    lines += [f"{_many(count, 'clip')} left out: {reason}" for reason, count in left_out.items()]
    if padded := repaired.get("padded"):
        lines.append(f"{_many(padded, 'item')} with a clip padded with silence")
    if rest := repaired.get("rest"):
        lines.append(
            f"{repaired['rest_seconds']:.1f} s at the end of {_many(rest, 'item')} not used (too short for a clip)"
        )
    if cancelled := repaired.get("cancelled"):
        lines.append(
            f"{_many(cancelled, 'item')} with channels that cancel out, so the sound is almost silent: "
            "try --channels left or right"
        )
    return lines


def _many(count: float, what: str) -> str:
    return f"{count:g} {what}" if count == 1 else f"{count:,.0f} {what}s"
