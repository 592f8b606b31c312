"""Paths and contents of the stores and other runs that a run reads, recorded in the run, so that all can be moved."""

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
from avloc.room import adapter

log = logging.getLogger("avloc")

#: settings of a configuration that are paths; the data there can be moved, but its content must not change
OPTIONS = {
    "stage1.data.store": "stage1.data", "stage2.data.store": "stage2.data",
    "start.stage1": "start.stage1", "start.stage2": "start.stage2",
}  # fmt: skip


@dataclass(frozen=True)
class Kept:
    """A run's record of a store or run that it reads.

    written: its path in the configuration. relative, absolute: its last known path, relative to the run's folder and
    absolute. content: fingerprint of the store, or of the other run's settings. splits: fingerprints of the splits
    read.
    """

    written: str
    relative: str
    absolute: str
    content: str
    splits: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """How stores, or runs, are recognised.

    what: the word for one. there: whether a folder can be one. open: opens it, or raises AvlocError. content: its
    fingerprint, "" if it has none as a whole. splits: fingerprints of the splits that are read.
    """

    what: str
    there: Callable[[Path], bool]
    open: Callable[[Path], Any]
    content: Callable[[Any], str]
    splits: Callable[[Any], dict[str, str]] = lambda found: {}

    def same(self, found: Any, kept: Kept) -> bool:
        """Whether everything is equal, or at least the splits that are read, since splits can be added to a store later.

        If nothing is known about both, they count as the same.
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
    """Finds the stores and runs in a configuration, from any folder and after they were moved.

    It tries in turn: the written path, relative to the current folder; its last known path, relative to the run and
    absolute; the written path, relative to the configuration's folder, the run and the two folders above it; its name
    next to the run. If the run knows the content, only the same content is accepted; AvlocError names both if it
    differs.
    """

    def __init__(self, run: Run, config: Path) -> None:
        self.run = run
        self.kept = _read(run.stores)
        self._new: dict[str, Kept] = {}
        here = run.path.resolve()
        self._folders = [config.resolve().parent, here, *here.parents[:2]]

    def find(self, role: str, written: Path, kind: Kind, given: bool = False) -> Any:
        """The opened store or run. role: ``stage1.data`` ... given: the user gave this path for this command."""
        kept = self.kept.get(role)
        # test sets may change: another path, or one that was just given, can have any content
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
        """A run to start from; the written path if it does not exist."""
        if any(RUN.there(path) for path in self._candidates(written, self.kept.get(role))):
            found: Run = self.find(role, written, RUN)
            return found
        return Run(written)

    def moved(self, option: str, before: str, now: Path) -> bool:
        """Whether `now`, the new value of a path that was `before` when the run was started, has the same content.

        RunError if it has other content, False if the training data of a stage is unknown: runs of earlier versions
        recorded no paths, but in most cases their weights do.
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
        """Write what was found into the run, if it is a run by now and this process is the one that writes."""
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
                return  # the user deliberately gives another path
            # one store is often read in several roles, and may have been found in one of them
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
        """Remember the path, relative to the run however the user wrote it."""
        before, content = self.kept.get(role), kind.content(found)
        if before is not None and before.written != str(written) and not kind.same(found, before):
            return  # another test set, for this command only
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
        except AvlocError as error:  # a read-only run
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
    """Fingerprint of the settings in a run's config.yaml that affect training; "" if it has none."""
    if not config.exists():
        return ""
    values = flat(read_section(config).values)
    kept = {key: value for key, value in values.items() if key not in OPTIONS and not key.startswith("evaluate.")}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:16]


RUN = Kind("run", Path.is_dir, Run, lambda run: settings_digest(run.config))


def _option(role: str) -> str:
    return role if role.startswith("start.") else f"{role}.store"


def _shown(path: Path) -> Path:
    """Without dots, and relative to the current folder if it is below it."""
    whole = Path(os.path.normpath(path))
    here = Path.cwd()
    return whole.relative_to(here) if whole.is_relative_to(here) else whole


def _read(file: Path) -> dict[str, Kept]:
    if not file.exists():
        return {}
    from pydantic import ValidationError

    try:
        return adapter(dict[str, Kept]).validate_python(read_json(file))
    except (AvlocError, ValidationError):
        raise RunError(
            f"{file}: not written by avloc; move it away, and give the path of moved stores with --set stage1.data.store=PLACE"
        ) from None
