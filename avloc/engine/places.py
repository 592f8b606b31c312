"""Where the stores and other runs that a run reads lie, and what they hold: kept in the run, so that all may be moved."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from avloc import processes
from avloc.config import flat, read_section
from avloc.engine.run import Run
from avloc.errors import AvlocError, RunError
from avloc.files import read_json, write_json

log = logging.getLogger("avloc")

#: settings of a configuration that are places; what lies there may be moved, its content may not change
OPTIONS = {
    "stage1.data.store": "stage1.data", "stage2.data.store": "stage2.data",
    "start.stage1": "start.stage1", "start.stage2": "start.stage2",
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """What a run knows of a store or run that it reads.

    written: its place as the configuration has it. relative, absolute: where it was read last, from the run's folder and
    from the root. content: fingerprint of the store, or of the other run's settings. splits: fingerprints of the splits read.
    """

    written: str
    relative: str
    absolute: str
    content: str
    splits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How stores, or runs, are recognised.

    what: the word for one. there: whether a folder may be one. open: it, or AvlocError. content: its fingerprint, "" where
    the whole has none. splits: fingerprints of its splits that are read.
    """

    what: str
    there: Callable[[Path], bool]
    open: Callable[[Path], Any]
    content: Callable[[Any], str]
    splits: Callable[[Any], dict[str, str]] = lambda found: {}

    def same(self, found: Any, kept: Kept) -> bool:
        """Whether all is equal, or at least the splits that are read: a store may be given more splits later.

        Where nothing of both is known, nothing speaks against it.
        """
        content = self.content(found)
        if content and content == kept.content:
            return True
        now = self.splits(found)
        common = now.keys() & kept.splits.keys()
        if common:
            return all(now[name] == kept.splits[name] for name in common)
        return not (content and kept.content)

    def fingerprint(self, found: Any) -> str:
        return self.content(found) or ", ".join(self.splits(found).values())


class Places:
    """Finds what the configuration of a run names, from any folder and after it was moved.

    Tried in turn: the place as it is written, from the current folder; where it was read last, seen from the run and
    from the root; the place as written, from the configuration's folder, the run and the two folders above it; its name
    beside the run. Where the run knows the content, only the same content is taken; AvlocError names both if it differs.
    """

    def __init__(self, run: Run, config: Path) -> None:
        self.run = run
        self.kept = _read(run.stores)
        self._new: dict[str, Kept] = {}
        here = run.path.resolve()
        self._folders = [config.resolve().parent, here, *here.parents[:2]]

    def find(self, role: str, written: Path, kind: Kind, given: bool = False) -> Any:
        """The opened store or run. role: ``stage1.data`` ... given: the user named this place for this command."""
        kept = self.kept.get(role)
        # test sets may change: another place of one, or one that was just given, may hold anything
        free = kept is None or (role.startswith("evaluate.") and (given or kept.written != str(written)))
        other: tuple[Path, Any] | None = None
        problem: AvlocError | None = None
        for path in self._candidates(written, kept):
            if not kind.there(path):
                continue
            try:
                found = kind.open(path)
            except AvlocError as error:
                problem = problem or error
                continue
            if free or (kept is not None and kind.same(found, kept)):
                self._found(role, written, path, found, kind)
                return found
            other = other or (path, found)
        if other is None or kept is None:
            raise problem or self._lost(role, written, kept, kind)
        raise self._refused(role, other[0], kind.fingerprint(other[1]), kept, kind)

    def other_run(self, role: str, written: Path) -> Run:
        """A run to start from; the one written where none is there."""
        if any(RUN.there(path) for path in self._candidates(written, self.kept.get(role))):
            found: Run = self.find(role, written, RUN)
            return found
        return Run(written)

    def moved(self, option: str, before: str, now: Path) -> bool:
        """Whether `now`, named for an option that the run was started with as `before`, holds the same.

        RunError where it holds something else, False where nothing tells what a trained stage learnt from: runs of earlier
        versions kept no places, but mostly their weights say so.
        """
        from avloc.engine.checkpoints import trained_on
        from avloc.engine.stores import store_kind

        role, stage = OPTIONS[option], option.startswith("stage")
        kind = store_kind(now) if stage else RUN
        if role not in self.kept:
            folder = self.run.stage(int(option[len("stage")])) if stage else self.run.path
            content = trained_on(folder) if stage else None
            there = next((path for path in self._candidates(Path(before), None) if kind.there(path)), None)
            if content is None and there is not None:
                content = kind.content(kind.open(there))
            if content is None and (not stage or any(folder.glob("*.*"))):
                return False
            self.kept[role] = Kept(before, "", "", content or "")
        self.find(role, now, kind)
        return True

    def keep(self) -> None:
        """Write what was found into the run, if it is one by now and this is the process that writes."""
        if self._new and processes.is_first() and self.run.config.exists():
            self.run.refuse_moved()
            there = {**_read(self.run.stores), **self._new}
            write_json(self.run.stores, {role: asdict(kept) for role, kept in there.items()})
            self._new.clear()

    def _candidates(self, written: Path, kept: Kept | None) -> Iterator[Path]:
        yield written
        here = self.run.path.resolve()
        if kept is not None:
            if kept.written != str(written):
                return  # the user names another place, and means it
            # a store is mostly read as several things, and may have been found as one of them
            others = [
                other for other in self.kept.values() if other is not kept and other.content == kept.content != ""
            ]
            for known in (kept, *others):
                if known.absolute:
                    yield from (_shown(here / known.relative), Path(known.absolute))
        if not written.is_absolute():
            yield from (_shown(folder / written) for folder in self._folders)
        if kept is not None:
            yield _shown(here.parent / written.name)

    def _found(self, role: str, written: Path, path: Path, found: Any, kind: Kind) -> None:
        """Remember the place, which is the run's own however the user has named it."""
        before, content = self.kept.get(role), kind.content(found)
        if before is not None and before.written != str(written) and not kind.same(found, before):
            return  # another test set, for this command alone
        if before is None and path != written:
            log.warning("%s: not found; using %s", written, path)
        known = before is not None and content != "" and before.content == content and before.absolute != ""
        splits = before.splits if before is not None and known else kind.splits(found)
        if before is not None and not content:
            splits = {**before.splits, **splits}
        place = os.path.realpath(path)
        relative = os.path.relpath(place, os.path.realpath(self.run.path))
        kept = Kept(before.written if before else str(written), relative, place, content, splits)
        if kept == before:
            return
        self.kept[role] = self._new[role] = kept
        try:
            self.keep()
        except AvlocError as error:  # a run that may only be read
            log.info("%s", error)

    def _refused(self, role: str, path: Path, found: str, kept: Kept, kind: Kind) -> RunError:
        wanted = kept.content or ", ".join(kept.splits.values())
        if role.startswith("evaluate."):
            instead = f"to score this one, --set {_option(role)}={path}"
        else:
            instead = "or choose another --run"
        return RunError(
            f"{path} contains another {kind.what} (fingerprint {found}) than {self.run.path} uses as {role} "
            f"(fingerprint {wanted}); give the path of that one with --set {_option(role)}=PLACE; {instead}"
        )

    def _lost(self, role: str, written: Path, kept: Kept | None, kind: Kind) -> AvlocError:
        try:
            kind.open(written)
        except AvlocError as error:
            if kept is None or not kept.absolute:
                return error
            return type(error)(
                f"{written}: no {kind.what} here, nor at {kept.absolute} where {self.run.path} last used it; if it "
                f"was moved, give its path with --set {_option(role)}=PLACE"
            )
        return RunError(f"{written}: no {kind.what} here; give its path with --set {_option(role)}=PLACE")


def settings_digest(config: Path) -> str:
    """Fingerprint of the settings in a run's config.yaml that decide what is trained; "" where it has none."""
    if not config.exists():
        return ""
    values = flat(read_section(config).values)
    kept = {key: value for key, value in values.items() if key not in OPTIONS and not key.startswith("evaluate.")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:16]


RUN = Kind("run", Path.is_dir, Run, lambda run: settings_digest(run.config))


def _option(role: str) -> str:
    return role if role.startswith("start.") else f"{role}.store"


def _shown(path: Path) -> Path:
    """Without dots, and from the current folder where it lies below that."""
    whole = Path(os.path.normpath(path))
    here = Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def _read(file: Path) -> dict[str, Kept]:
    if not file.exists():
        return {}
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(dict[str, Kept]).validate_python(read_json(file))
    except (AvlocError, ValidationError):
        raise RunError(
            f"{file}: not written by avloc; move it away, and give the path of moved stores with --set stage1.data.store=PLACE"
        ) from None
