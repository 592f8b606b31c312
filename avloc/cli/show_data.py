"""Shows the results of commands that make and check stores."""

from typing import TYPE_CHECKING

from avloc.cli.show import say, table
from avloc.naming import counted, some
from avloc.prepare.writing.repairs import in_words

if TYPE_CHECKING:
    from avloc.prepare.layouts.webdataset_export import Exported
    from avloc.prepare.writing.store_folder import Prepared
    from avloc.synthetic.world import SyntheticWorld
    from avloc.verbs.data_check import Checked
    from avloc.verbs.data_fetch import Fetched
    from avloc.verbs.data_show import Shown
    from avloc.verbs.pseudo_labels import PseudoLabels
    from avloc.verbs.recipes import Recipes


def show_prepared(prepared: "Prepared") -> None:
    rows = [[name, count, "{:,} of {:,}".format(*prepared.coverage[name])] for name, count in prepared.splits.items()]
    table("", ["split", "clips", "listed and found"], rows, right=(1, 2))
    failed = "".join(f"\n  {count} x {reason}" for reason, count in prepared.reasons.items())
    say(f"{prepared.store}: {prepared.ok} listed items ok, {prepared.failed} failed, {prepared.seconds:.1f} s{failed}")
    for line in in_words(prepared.repaired, prepared.left_out):
        say(f"  {line}")
    for join in prepared.unmatched:
        say(join)
    if prepared.passed:
        from avloc.prepare.parts.media_files import passed_over

        say(passed_over(prepared.passed))
    if prepared.shard:
        parts = prepared.shard.partition("/")[2]
        say(f"part {prepared.shard}; `avloc data merge PART PART ... --out STORE` joins all {parts}")


def show_world(world: "SyntheticWorld") -> None:
    table("", ["list", "videos"], [[name, number] for name, number in world.counts.items()], right=(1,))
    say(
        f"{world.out}: {world.videos} videos of {', '.join(world.classes)}; "
        f"`avloc prepare music --source {world.out}` is next"
    )


def show_check(found: "Checked") -> None:
    rows = [
        [
            name,
            f"{split.clips:,}",
            f"{split.hours:.2f}",
            f"{split.ok:,} of {split.listed:,}",
            f"{split.boxes:,}",
            f"{split.verified:,}",
            "; ".join(f"{count} x {reason}" for reason, count in split.reasons.items()),
        ]
        for name, split in found.splits.items()
    ]
    title = str(found.store) + (f", part {found.shard}" if found.shard else "")
    columns = ["split", "clips", "hours", "listed items", "boxes", "verified", "left out"]
    table(title, columns, rows, right=(1, 2, 4, 5))
    bare = sum(split.bare for split in found.splits.values())
    if bare:
        say(
            f"{counted(bare, 'item has', 'items have')} no SHA-256 in the manifest, because an earlier version made the store"
        )
    for name, split in found.splits.items():
        if split.masks:
            say(
                f"{name}: {split.masks:,} masks; in {split.silent_frames:,} of {split.annotated:,} frames nothing sounds"
            )
        if any(split.classes.values()):  # videos without labels share one class without members
            say(f"{name}: " + ", ".join(f"{label} {count:,}" for label, count in split.classes.items()))
    for name, split in found.splits.items():
        for line in in_words(split.repaired, split.left_out):
            say(f"{name}: {line}")
        if split.mended:
            say(f"{name}: repaired or partly left out: {some(split.mended)}")
    for join in found.unmatched:
        say(join)
    for line in found.problems or ["no problems found"]:
        say(line)


def check_failed(found: "Checked") -> bool:
    return bool(found.problems)


def show_clip(found: "Shown", *, clip: str) -> None:
    labels = ", ".join(found.labels) or "no label"
    masks = f", {found.masks} masks" if found.masks else ""
    say(f"{found.file}: {clip} of {found.split}, {labels}, {found.boxes} boxes{masks}")


def show_export(found: "Exported") -> None:
    table("", ["split", "clips"], [[name, f"{count:,}"] for name, count in found.splits.items()], right=(1,))
    kept = f", {found.kept} of them by an earlier run" if found.kept else ""
    say(f"{found.out}: {counted(found.shards, 'shard', 'shards')}{kept}, {found.bytes / 2**20:,.1f} MiB")


def show_fetched(found: "Fetched") -> None:
    say(
        f"{found.out}: {counted(found.fetched, 'clip', 'clips')} fetched, {found.there} already there, {found.failed} failed"
    )
    for reason, count in found.reasons.items():
        say(f"  {count} x {reason}")
    if found.passing:
        say(f"{found.passing} of them may succeed later: run the command again")
    say(f"{found.report} has a line for each clip")


def show_labels(found: "PseudoLabels") -> None:
    boxes = f"; {found.proposals} proposals per frame" if found.proposals else ""
    say(
        f"{found.file}: {found.clips} clips, {len(found.classes)} classes ({', '.join(found.classes)}), "
        f"{found.sound:.1f} heard and {found.frame:.1f} seen per clip{boxes}"
    )


def show_recipes(found: "Recipes") -> None:
    if found.copied is not None:
        say(f"wrote {found.copied}")
    elif found.text is not None:
        say(found.text, end="")
    else:
        table("Data (avloc prepare NAME)", ["name", "what"], [[entry.name, entry.title] for entry in found.data])
        say()
        rows = [[entry.name, entry.method, entry.title] for entry in found.configs]
        table("Configurations (avloc train-stage1 --config NAME)", ["name", "method", "what"], rows)
